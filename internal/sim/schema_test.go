package sim

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// shared finds a file that lies beside the project, by walking up to go.mod.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	file := filepath.Join(dir, "..", "shared", name)
	if _, err := os.Stat(file); err != nil {
		msg := fmt.Sprintf("%s is absent: looked for ../shared/%s", path.Base(name), name)
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	return file
}

// untar reads an archive into memory, by base name.
func untar(t testing.TB, file string) map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(h.Name, ".json") {
			if out[path.Base(h.Name)], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// schemas is DMTF's set, with a missing erratum mapped to the newest of its minor version.
type schemas struct {
	files map[string][]byte
	comp  *jsonschema.Compiler
	mu    sync.Mutex
}

var versioned = regexp.MustCompile(`^(.*\.v\d+_\d+_)(\d+)\.json$`)

func (s *schemas) find(name string) string {
	m := versioned.FindStringSubmatch(name)
	if s.files[name] != nil || m == nil {
		return name
	}
	best, at := name, -1
	for f := range s.files {
		if o := versioned.FindStringSubmatch(f); o != nil && o[1] == m[1] {
			if n, _ := strconv.Atoi(o[2]); n > at {
				best, at = f, n
			}
		}
	}
	return best
}

// Load answers the compiler.
func (s *schemas) Load(url string) (any, error) {
	name := path.Base(url)
	b := s.files[s.find(name)]
	if b == nil {
		return nil, fmt.Errorf("no schema %s", name)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	s.loosen(v)
	return v, err
}

// common are the unversioned files that hold parts of resources; every other one is the target of a link, and what a link leads
// to is validated where it stands.
var common = []string{"odata-v4.json", "Resource.json", "Settings.json", "Message.json", "IPAddresses.json", "Redundancy.json",
	"PhysicalContext.json", "Protocol.json", "Privileges.json", "CollectionCapabilities.json"}

// loosen lets references to other resources accept anything.
func (s *schemas) loosen(v any) {
	switch x := v.(type) {
	case obj:
		if r, isText := x["$ref"].(string); isText && strings.HasPrefix(r, "http") {
			name := path.Base(strings.SplitN(r, "#", 2)[0])
			if versioned.FindString(name) == "" && !slices.Contains(common, name) || s.files[s.find(name)] == nil {
				delete(x, "$ref")
			}
		}
		for _, e := range x {
			s.loosen(e)
		}
	case []any:
		for _, e := range x {
			s.loosen(e)
		}
	}
}

func newSchemas(t testing.TB) *schemas {
	s := &schemas{files: untar(t, shared(t, "data/dmtf/json-schema.tar.gz")), comp: jsonschema.NewCompiler()}
	s.comp.UseLoader(s)
	return s
}

// check validates a body against the schema of its own @odata.type. OEM types have none.
func (s *schemas) check(body []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	o, _ := v.(map[string]any)
	typ, _ := o["@odata.type"].(string)
	f := strings.Split(strings.TrimPrefix(typ, "#"), ".")
	name := strings.Join(f[:max(1, len(f)-1)], ".") + ".json"
	if s.files[s.find(name)] == nil {
		if strings.HasPrefix(typ, "#Dell") || typ == "" {
			return nil
		}
		return fmt.Errorf("no schema for %q", typ)
	}
	s.mu.Lock()
	sch, err := s.comp.Compile("http://redfish.dmtf.org/schemas/v1/" + name)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return sch.Validate(v)
}

// links collects every URI of this service that a body mentions.
func links(v any, out map[string]bool) {
	switch x := v.(type) {
	case obj:
		for k, e := range x {
			s, isText := e.(string)
			if isText && (k == "@odata.id" || k == "@Redfish.ActionInfo" || k == "Members@odata.nextLink" || k == "Uri") {
				out[strings.SplitN(s, "#", 2)[0]] = true
			}
			links(e, out)
		}
	case []any:
		for _, e := range x {
			links(e, out)
		}
	}
}

// walk visits everything that can be reached, validates it, and finds no link that leads nowhere.
func walk(t *testing.T, c *client, s *schemas, state string) int {
	t.Helper()
	seen, next := map[string]bool{}, []string{"/redfish/v1"}
	for len(next) > 0 {
		uri := next[0]
		next = next[1:]
		if seen[uri] || uri == "" {
			continue
		}
		seen[uri] = true
		r, err := c.do("GET", uri, nil)
		if err != nil || r.status != http.StatusOK {
			t.Errorf("%s: %s: %d %v", state, uri, r.status, err)
			continue
		}
		if err := s.check(r.raw); err != nil {
			t.Errorf("%s: %s: %v", state, uri, err)
		}
		found := map[string]bool{}
		links(r.obj, found)
		for _, l := range slices.Sorted(mapKeys(found)) {
			next = append(next, l)
		}
	}
	return len(seen)
}

func mapKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestAnswersAreTrue walks every dialect in every state against DMTF's schemas.
func TestAnswersAreTrue(t *testing.T) {
	s := newSchemas(t)
	for _, d := range Dialects() {
		inBubble(t, d, Options{Seed: 3}, func(t *testing.T, r *Rack, c *client) {
			n := walk(t, c, s, "running")
			if n < 60 {
				t.Errorf("only %d resources", n)
			}
			b := r.BMC(d)
			body := obj{"Attributes": obj{wish[d].name: wish[d].want}}
			if b.dia.applyTimes != nil {
				body["@Redfish.SettingsApplyTime"] = obj{"ApplyTime": "OnReset"}
			}
			if a, err := c.do("PATCH", b.dia.settingsURI(), body); err != nil || a.status >= 300 {
				t.Fatalf("stage: %d %v %s", a.status, err, a.raw)
			}
			if a := c.push(testImage(t, d, "bios", "2.0"), onReset(b)); s.check(a.raw) != nil {
				t.Errorf("answer to a push: %v", s.check(a.raw))
			}
			c.makeVolume(r)
			walk(t, c, s, "receiving an image")
			time.Sleep(25 * time.Second)
			c.login(r)
			walk(t, c, s, "staged or flashing")
			time.Sleep(10 * time.Minute)
			c.login(r)
			c.reset("ForceOff")
			walk(t, c, s, "powering off")
			time.Sleep(10 * time.Second)
			walk(t, c, s, "off")
			c.reset("On")
			for _, at := range []time.Duration{0, 10 * time.Second, 3 * time.Minute, 10 * time.Minute, 20 * time.Minute} {
				time.Sleep(at)
				c.login(r)
				walk(t, c, s, "after "+at.String()+" of POST")
			}
			if v := r.BMC(d).Ledger().Violations; len(v) > 0 {
				t.Errorf("violations: %v", v)
			}
		})
	}
}

func onReset(b *BMC) obj {
	p := obj{"Targets": []any{}}
	if slices.Contains(b.dia.update.applyTimes, "OnReset") {
		p["@Redfish.OperationApplyTime"] = "OnReset"
	}
	if b.dia.update.preserveNVRAM {
		p["Oem"] = obj{"Supermicro": obj{"BIOS": obj{"PreserveNVRAM": true}}}
	}
	return p
}

// makeVolume asks for a mirror of the first two free drives of a RAID controller, where there is one.
func (c *client) makeVolume(r *Rack) (uri string, made bool) {
	c.t.Helper()
	for _, m := range c.get(link(c.t, c.system(), "Storage"))["Members"].([]any) {
		o := c.get(link(c.t, m.(obj), "@odata.id"))
		ctl := r.BMC(c.node).store[slices.IndexFunc(r.BMC(c.node).store, func(x *controller) bool { return x.id == o["Id"] })]
		if !ctl.raid || o["Volumes"] == nil {
			continue
		}
		body := obj{"RAIDType": "RAID1", "Name": "os", "Links": obj{"Drives": o["Drives"]}}
		if r.BMC(c.node).dia.storage.applyTimes != nil {
			body["@Redfish.OperationApplyTime"] = "OnReset"
		}
		a, err := c.do("POST", link(c.t, o, "Volumes"), body)
		if err != nil || a.status >= 300 {
			c.t.Fatalf("make a volume: %d %v %s", a.status, err, a.raw)
		}
		return link(c.t, o, "Volumes"), true
	}
	return "", false
}

// TestMessagesAreRegistered compares ids and numbers of arguments with the registries of DMTF.
func TestMessagesAreRegistered(t *testing.T) {
	files := untar(t, shared(t, "data/dmtf/registries.tar.gz"))
	known := map[string]obj{}
	for _, n := range []string{"Base", "Update", "TaskEvent"} {
		var names []string
		for f := range files {
			if strings.HasPrefix(f, n+".") {
				names = append(names, f)
			}
		}
		sort.Strings(names)
		var doc struct{ Messages map[string]obj }
		if err := unmarshal(files[names[len(names)-1]], &doc); err != nil {
			t.Fatal(err)
		}
		for k, v := range doc.Messages {
			known[k] = v
		}
	}
	for key, tx := range texts {
		if s := series[key]; s == "idrac" || s == "ilo" {
			continue
		}
		m := known[key]
		if m == nil {
			t.Errorf("%s is in no registry", key)
			continue
		}
		args := 0
		for i := 1; i < 5; i++ {
			if strings.Contains(tx.says, fmt.Sprintf("%%%d", i)) {
				args = i
			}
		}
		if n, _ := m["NumberOfArgs"].(float64); int(n) != args && m["NumberOfArgs"] != nil {
			t.Errorf("%s has %v arguments in the registry, %d here", key, m["NumberOfArgs"], args)
		}
		sev, _ := m["MessageSeverity"].(string)
		if sev != tx.severity {
			t.Errorf("%s is %s in the registry, %s here", key, sev, tx.severity)
		}
	}
}
