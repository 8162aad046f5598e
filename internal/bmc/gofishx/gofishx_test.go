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
	"github.com/metalwright/metalwright/internal/rack"
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

const detectors = "/redfish/v1/Chassis/c/ThermalSubsystem/LeakDetection/LeakDetectors"

// small is a chassis with five detectors: two that are well, one that gofish cannot decode, one without a state, one
// that is gone.
func small() *tree {
	m := map[string]string{"/redfish/v1/Chassis/c": `{"@odata.id":"/redfish/v1/Chassis/c","Id":"c"}`}
	var refs []string
	for id, rest := range map[string]string{
		"1": `"DetectorState":"OK","Status":{"State":"Enabled"}`,
		"2": `"DetectorState":"Critical","Status":{"State":"Degraded"}`,
		"3": `"DetectorState":"Critical","SensingFrequency":"often","Status":{"State":"Enabled"}`,
		"4": `"DetectorState":null,"Status":{"State":"StandbyOffline","Health":null}`,
		"5": `"Status":{"State":"Enabled","Health":"Warning"}`,
		"6": "",
	} {
		uri := detectors + "/" + id
		refs = append(refs, fmt.Sprintf(`{"@odata.id":%q}`, uri))
		if rest != "" {
			m[uri] = fmt.Sprintf(`{"@odata.id":%q,"Id":%q,%s}`, uri, id, rest)
		}
	}
	m[detectors] = `{"Members":[` + strings.Join(refs, ",") + `]}`
	return newTree(m)
}

// Sorted, each read once; what gofish cannot decode is read all the same, and what cannot be read is told, with its
// URI.
func TestLeaks(t *testing.T) {
	src := small()
	leaks, problems, err := Leaks(t.Context(), src, detectors)
	if err != nil || len(problems) != 1 || problems[0].URI != detectors+"/6" || !redfish.IsNotFound(problems[0].Err) {
		t.Errorf("%v, %v", problems, err)
	}
	got := ""
	for _, l := range leaks {
		got += fmt.Sprintf("%s %s %s, ", l.ID, l.State, l.Status)
	}
	if want := "1 OK Enabled, 2 Critical Degraded, 3 Critical Enabled, 4 Unknown StandbyOffline, 5 Warning Enabled, "; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for uri, n := range src.gets {
		if n != 1 {
			t.Errorf("%s was read %d times", uri, n)
		}
	}
	if _, _, err := Leaks(t.Context(), newTree(nil), detectors); !redfish.IsNotFound(err) {
		t.Errorf("a collection that is missing: %v", err)
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
	c := client{}
	c[redfish.Key("/redfish/v1/Chassis/c")], err = small().Get(t.Context(), "/redfish/v1/Chassis/c")
	if err != nil {
		t.Error(err)
	}
	ch, err := gofish.GetChassis(c, "/redfish/v1/Chassis/c")
	if err != nil {
		t.Error(err)
	}
	ch.AssetTag = "changed"
	errs := []error{ch.Update(), ch.Reset("On"), ch.Patch("/x", nil), ch.Post("/x", nil)}
	for _, f := range []func() error{
		func() error { _, err := c.PostMultipart("/x", nil); return err }, func() error { _, err := c.Put("/x", nil); return err },
		func() error { _, err := c.Delete("/x"); return err }, func() error { _, err := c.PatchWithHeaders("/x", nil, nil); return err },
		func() error { _, err := c.Get("/x"); return err },
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

// The recorded tray, whose one detector is Critical and Degraded (R114).
func TestRecorded(t *testing.T) {
	src := recorded(t, "nvidia-gb200-nvl")
	leaks, problems, err := Leaks(t.Context(), src, "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/LeakDetection/LeakDetectors")
	if err != nil || len(problems) > 0 || len(leaks) != 4 {
		t.Fatalf("%+v, %v, %v", leaks, problems, err)
	}
	critical := slices.DeleteFunc(leaks, func(l rack.LeakDetector) bool { return l.State != "Critical" })
	if len(critical) != 1 || critical[0].Status != "Degraded" {
		t.Errorf("critical are %+v", critical)
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
