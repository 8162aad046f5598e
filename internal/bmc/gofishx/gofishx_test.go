package gofishx

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	gofish "github.com/stmcginnis/gofish/redfish"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// tree is a source in memory; it counts what is read.
type tree struct {
	mu   sync.Mutex
	all  map[string]redfish.Object
	gets map[string]int
}

func newTree(texts map[string]string) *tree {
	t := &tree{all: map[string]redfish.Object{}, gets: map[string]int{}}
	for k, v := range texts {
		var o redfish.Object
		if err := json.Unmarshal([]byte(v), &o); err != nil {
			panic(k + ": " + err.Error())
		}
		t.all[redfish.Key(k)] = o
	}
	return t
}

func (t *tree) Get(_ context.Context, uri string) (*redfish.Resource, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gets[redfish.Key(uri)]++
	o, ok := t.all[redfish.Key(uri)]
	if !ok {
		return nil, &redfish.Error{Kind: redfish.Answered, Method: "GET", URI: uri, Status: 404}
	}
	return &redfish.Resource{URI: uri, Obj: o}, nil
}

func (t *tree) Root(ctx context.Context) (*redfish.Resource, error) { return t.Get(ctx, "/redfish/v1") }

func (t *tree) Members(ctx context.Context, uri string) ([]*redfish.Resource, []redfish.Problem, error) {
	c, err := t.Get(ctx, uri)
	if err != nil {
		return nil, nil, err
	}
	var out []*redfish.Resource
	var problems []redfish.Problem
	seen := map[string]bool{}
	for _, l := range c.Obj.Links("Members") {
		if seen[redfish.Key(l)] {
			continue
		}
		seen[redfish.Key(l)] = true
		r, err := t.Get(ctx, l)
		if err != nil {
			problems = append(problems, redfish.Problem{URI: l, Err: err})
			continue
		}
		out = append(out, r)
	}
	return out, problems, nil
}

func small() *tree {
	m := map[string]string{
		"/redfish/v1":                      `{"ComponentIntegrity":{"@odata.id":"/redfish/v1/CI"},"Fabrics":{"@odata.id":"/redfish/v1/Fabrics"},"Chassis":{"@odata.id":"/redfish/v1/Chassis"}}`,
		"/redfish/v1/CI":                   `{"Members":[{"@odata.id":"/redfish/v1/CI/b"},{"@odata.id":"/redfish/v1/CI/a"},{"@odata.id":"/redfish/v1/CI/gone"},{"@odata.id":"/redfish/v1/CI/odd"}]}`,
		"/redfish/v1/CI/a":                 `{"@odata.id":"/redfish/v1/CI/a","Id":"a","ComponentIntegrityType":"SPDM","ComponentIntegrityTypeVersion":"1.1.0","ComponentIntegrityEnabled":true,"TargetComponentURI":"/redfish/v1/Chassis/c"}`,
		"/redfish/v1/CI/b":                 `{"@odata.id":"/redfish/v1/CI/b","Id":"b","ComponentIntegrityType":"TPM"}`,
		"/redfish/v1/CI/odd":               `{"@odata.id":"/redfish/v1/CI/odd","Id":"odd","ComponentIntegrityEnabled":"perhaps"}`,
		"/redfish/v1/Fabrics":              `{"Members":[{"@odata.id":"/redfish/v1/Fabrics/f"}]}`,
		"/redfish/v1/Fabrics/f":            `{"@odata.id":"/redfish/v1/Fabrics/f","Id":"f","Switches":{"@odata.id":"/redfish/v1/Fabrics/f/Switches"}}`,
		"/redfish/v1/Fabrics/f/Switches":   `{"Members":[{"@odata.id":"/redfish/v1/Fabrics/f/Switches/1"}]}`,
		"/redfish/v1/Fabrics/f/Switches/1": `{"@odata.id":"/redfish/v1/Fabrics/f/Switches/1","Id":"1","Ports":{"@odata.id":"/redfish/v1/Fabrics/f/Switches/1/Ports"}}`,
		"/redfish/v1/Chassis":              `{"Members":[{"@odata.id":"/redfish/v1/Chassis/c"},{"@odata.id":"/redfish/v1/Chassis/bare"}]}`,
		"/redfish/v1/Chassis/bare":         `{"@odata.id":"/redfish/v1/Chassis/bare","Id":"bare"}`,
		"/redfish/v1/Chassis/c":            `{"@odata.id":"/redfish/v1/Chassis/c","Id":"c","ThermalSubsystem":{"@odata.id":"/redfish/v1/Chassis/c/T"}}`,
		"/redfish/v1/Chassis/c/T":          `{"@odata.id":"/redfish/v1/Chassis/c/T","Id":"T","LeakDetection":{"@odata.id":"/redfish/v1/Chassis/c/T/L"}}`,
		"/redfish/v1/Chassis/c/T/L":        `{"@odata.id":"/redfish/v1/Chassis/c/T/L","Id":"L","LeakDetectors":{"@odata.id":"/redfish/v1/Chassis/c/T/L/D"}}`,
		"/redfish/v1/Chassis/c/T/L/D":      `{"Members":[{"@odata.id":"/redfish/v1/Chassis/c/T/L/D/2"},{"@odata.id":"/redfish/v1/Chassis/c/T/L/D/1"}]}`,
		"/redfish/v1/Chassis/c/T/L/D/1":    `{"@odata.id":"/redfish/v1/Chassis/c/T/L/D/1","Id":"1","DetectorState":"OK","Status":{"State":"Enabled"}}`,
		"/redfish/v1/Chassis/c/T/L/D/2":    `{"@odata.id":"/redfish/v1/Chassis/c/T/L/D/2","Id":"2","DetectorState":"Critical","Status":{"State":"Degraded"}}`,
	}
	var refs []string
	for i := 9; i >= 1; i-- {
		uri := fmt.Sprintf("/redfish/v1/Fabrics/f/Switches/1/Ports/%d", i)
		m[uri] = fmt.Sprintf(`{"@odata.id":%q,"Id":"%d","LinkState":"Enabled","CurrentSpeedGbps":400}`, uri, i)
		refs = append(refs, fmt.Sprintf(`{"@odata.id":%q}`, uri))
	}
	m["/redfish/v1/Fabrics/f/Switches/1/Ports"] = `{"Members":[` + strings.Join(refs, ",") + `]}`
	return newTree(m)
}

// Typed, sorted (H17), each member read once, and what cannot be read or decoded is told, with its URI.
func TestReads(t *testing.T) {
	src := small()
	ci, problems, err := Integrities(t.Context(), src)
	if err != nil || len(ci) != 2 || ci[0].ID != "a" || ci[0].Type != "SPDM" || !ci[0].Enabled || ci[0].Target != "/redfish/v1/Chassis/c" || ci[1].Type != "TPM" {
		t.Errorf("%+v, %v", ci, err)
	}
	if len(problems) != 2 || problems[0].URI != "/redfish/v1/CI/gone" || !redfish.IsNotFound(problems[0].Err) || problems[1].URI != "/redfish/v1/CI/odd" {
		t.Errorf("problems %v", problems)
	}
	sw, problems, err := Switches(t.Context(), src)
	if err != nil || len(problems) > 0 || len(sw) != 1 || len(sw[0].Ports) != 9 || sw[0].Ports[0].ID != "1" || sw[0].Ports[8].SpeedGbps != 400 {
		t.Errorf("%+v, %v, %v", sw, problems, err)
	}
	leaks, problems, err := Leaks(t.Context(), src)
	if err != nil || len(problems) > 0 || len(leaks) != 2 || leaks[0].State != "OK" || leaks[1].State != "Critical" || leaks[1].Status != "Degraded" {
		t.Errorf("%+v, %v, %v", leaks, problems, err)
	}
	for uri, n := range src.gets {
		if strings.Contains(uri, "/ports/") && n != 1 {
			t.Errorf("%s was read %d times", uri, n)
		}
	}
}

func TestNothingThere(t *testing.T) {
	src := newTree(map[string]string{"/redfish/v1": `{}`})
	a, p1, err1 := Integrities(t.Context(), src)
	b, p2, err2 := Switches(t.Context(), src)
	c, p3, err3 := Leaks(t.Context(), src)
	if len(a)+len(b)+len(c)+len(p1)+len(p2)+len(p3) != 0 || errors.Join(err1, err2, err3) != nil {
		t.Error(a, b, c, err1, err2, err3)
	}
	if _, _, err := Leaks(t.Context(), newTree(nil)); err == nil {
		t.Error("a BMC that cannot be read has no leak")
	}
	_, problems, err := Leaks(t.Context(), newTree(map[string]string{"/redfish/v1": `{"Chassis":{"@odata.id":"/redfish/v1/Chassis"}}`}))
	if err != nil || len(problems) != 1 {
		t.Errorf("a collection that is missing: %v, %v", problems, err)
	}
}

// Nothing is written through gofish (H16, R3), and nothing is printed (H14, H15).
func TestReadOnlyAndSilent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdout
	os.Stdout = w
	c := newClient(t.Context(), small())
	ch, err := gofish.GetChassis(c, "/redfish/v1/Chassis/c")
	if err != nil {
		t.Error(err)
	}
	ch.AssetTag = "changed"
	errs := []error{ch.Update(), ch.Reset("On"), ch.Patch("/x", nil), ch.Post("/x", nil)}
	for _, f := range []func() error{
		func() error { _, err := c.PostMultipart("/x", nil); return err }, func() error { _, err := c.Put("/x", nil); return err },
		func() error { _, err := c.Delete("/x"); return err }, func() error { _, err := c.PatchWithHeaders("/x", nil, nil); return err },
	} {
		errs = append(errs, f())
	}
	os.Stdout = old
	_ = w.Close()
	out, _ := io.ReadAll(r)
	if len(out) > 0 {
		t.Errorf("printed %q", out)
	}
	for i, err := range errs[2:] {
		if step.ClassOf(err) != step.Internal {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if errs[0] == nil {
		t.Error("an update was accepted")
	}
}

// The recorded machines, by another decoder than the survey's.
func TestRecorded(t *testing.T) {
	for name, want := range map[string][5]int{ // integrity, switches, ports, detectors, critical
		"nvidia-dgx-h100":       {17, 13, 165, 0, 0},
		"nvidia-gb200-nvl":      {-1, -1, -1, 4, 1},
		"dell-r750-idrac9-6.00": {0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			src := recorded(t, name)
			ci, _, err1 := Integrities(t.Context(), src)
			sw, _, err2 := Switches(t.Context(), src)
			leaks, _, err3 := Leaks(t.Context(), src)
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Fatal(err)
			}
			got := [5]int{len(ci), len(sw), 0, len(leaks), 0}
			for _, s := range sw {
				got[2] += len(s.Ports)
				if !slices.IsSortedFunc(s.Ports, func(a, b Port) int { return strings.Compare(a.Path, b.Path) }) {
					t.Error("ports are not sorted")
				}
			}
			for _, l := range leaks {
				if l.State == "Critical" {
					got[4]++
				}
			}
			for i := range want {
				if want[i] >= 0 && got[i] != want[i] {
					t.Errorf("got %v, want %v", got, want)
					break
				}
			}
		})
	}
}

func recorded(t *testing.T, name string) *tree {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, "..", "shared", "redfish", name+".tar.gz"))
	if err != nil {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatal(err)
		}
		t.Skipf("recorded tree %s is absent: looked for ../shared/redfish/%s.tar.gz", name, name)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out := newTree(nil)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut("/"+h.Name, "/redfish/v1/")
		if !ok || !strings.HasSuffix(h.Name, "/index.json") {
			continue
		}
		var o redfish.Object
		d := json.NewDecoder(r)
		d.UseNumber()
		if d.Decode(&o) == nil {
			out.all[redfish.Key(strings.TrimSuffix("/redfish/v1/"+rest, "/index.json"))] = o
		}
	}
}
