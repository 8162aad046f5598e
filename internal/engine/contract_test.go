package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// The JSON that others read: a key of an object must be there, whatever its value; "[]" goes into every element of a
// list, of which there must be one.
var (
	surveyKeys = []string{
		"format taken devices gaps",
		"devices[] address bmc systems chassis firmware power leak_detectors stats",
		"devices[].bmc vendor model firmware_version redfish_version",
		"devices[].systems[] id manufacturer model serial_number bios_version power_state memory_bytes processors " +
			"gpus drives volumes nics",
		"devices[].systems[host] bios boot",
		"devices[].systems[].gpus[] id model serial_number source",
		"devices[].systems[].drives[] id model serial_number capacity_bytes media protocol",
		"devices[].systems[].nics[] id mac link speed_bps",
		"devices[].systems[host].bios attributes pending registry",
		"devices[].firmware[] id name version updateable",
		"devices[].stats requests connections sessions_opened sessions_closed duration_ms",
		"gaps[] address path reason",
	}
	planKeys = []string{
		"format digest design observation nodes report",
		"nodes[] address steps resets naive_resets estimated_s bytes",
		"nodes[].steps[] id kind activation from to after why origin",
		"report waiting blocked unreadable not_planned",
	}
	// planLists are never null.
	planLists = []string{"nodes", "nodes[].steps", "nodes[].steps[].after", "report.waiting", "report.blocked",
		"report.unreadable", "report.not_planned"}
	// surveyLists are never null.
	surveyLists = []string{"devices", "gaps", "devices[].systems", "devices[].chassis", "devices[].firmware",
		"devices[].power", "devices[].leak_detectors",
		"devices[].systems[].gpus", "devices[].systems[].drives", "devices[].systems[].volumes",
		"devices[].systems[].nics", "devices[].systems[].processors"}
)

// TestContracts: the documents of survey and plan have the keys that others rely on, with trouble on one node and none
// on others.
func TestContracts(t *testing.T) {
	t.Parallel()
	f := newFloor(t, killText, sim.Options{})
	f.faults("smc", "bmc-gone!")
	for command, c := range map[string]struct{ keys, lists []string }{"survey": {surveyKeys, surveyLists},
		"plan": {planKeys, planLists}} {
		out, _ := f.run(3, command, "--json")
		doc := decode(t, out)
		if doc["format"] != json.Number("1") {
			t.Errorf("%s: format %v", command, doc["format"])
		}
		for _, row := range c.keys {
			path, keys, _ := strings.Cut(row, " ")
			if !strings.HasPrefix(row, path+" ") || strings.HasPrefix(row, "format") {
				path, keys = "", row
			}
			at := reach(doc, path)
			if len(at) == 0 {
				t.Errorf("%s: nothing at %s", command, path)
			}
			for _, x := range at {
				o, ok := x.(map[string]any)
				for _, k := range strings.Fields(keys) {
					if _, there := o[k]; !ok || !there {
						t.Errorf("%s: no %q in %s: %.200s", command, k, path, fmt.Sprint(x))
					}
				}
			}
		}
		for _, path := range c.lists {
			for _, x := range reach(doc, path) {
				if _, ok := x.([]any); !ok {
					t.Errorf("%s: %s is %v, not a list", command, path, x)
				}
			}
		}
	}
	out, _ := newFloor(t, quickNodes, sim.Options{}).run(0, "apply", "--auto-approve", "--json")
	for line := range strings.Lines(out) {
		if doc := decode(t, line); doc["format"] != json.Number("1") || doc["event"] == "" {
			t.Errorf("an event without format or name: %s", line)
		}
	}
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		t.Fatalf("not JSON: %v\n%.300s", err, text)
	}
	if dec.More() {
		t.Fatalf("more than one document: %.300s", text)
	}
	return doc
}

// reach gives every value at a path.
func reach(v any, path string) []any {
	if path == "" {
		return []any{v}
	}
	key, rest, _ := strings.Cut(path, ".")
	name, hosts := strings.CutSuffix(key, "[host]")
	name, each := strings.CutSuffix(name, "[]")
	o, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	x, ok := o[name]
	if !ok {
		return nil
	}
	if !each && !hosts {
		return reach(x, rest)
	}
	list, _ := x.([]any)
	var out []any
	for _, e := range list {
		if sys, _ := e.(map[string]any); hosts && sys["host"] != true {
			continue
		}
		out = append(out, reach(e, rest)...)
	}
	return out
}

// TestPlanFile: a plan that was kept is done without a question as long as nothing has moved, and refused with code 4,
// before anything is written, when something has.
func TestPlanFile(t *testing.T) {
	t.Parallel()
	f := newFloor(t, quickNodes, sim.Options{})
	f.run(0, "plan", "-out", "kept.plan")
	if err := f.rack.BMC("hpe").Poke(sim.Poke{BIOS: map[string]any{"NumaGroupSizeOpt": "Clustered"}}); err != nil {
		t.Fatal(err)
	}
	_, stderr := f.run(4, "apply", "kept.plan")
	if miss := lacks(stderr, "no longer as plan", "Plan again"); len(miss) > 0 || f.writes() > 0 {
		t.Errorf("%d writes; it does not say %q: %s", f.writes(), miss, stderr)
	}
	if err := f.rack.BMC("hpe").Poke(sim.Poke{BIOS: map[string]any{"NumaGroupSizeOpt": "Flat"}}); err != nil {
		t.Fatal(err)
	}
	f.run(0, "apply", "kept.plan")
	f.run(0, "plan", "--detailed-exitcode")
	if err := f.rack.BMC("hpe").Poke(sim.Poke{BIOS: map[string]any{"NumaGroupSizeOpt": "Flat"}}); err != nil {
		t.Fatal(err)
	}
	f.run(2, "plan", "--detailed-exitcode")
	f.run(2, "verify")
	f.write("main.mw.hcl", quickNodes+"\nlocals {\n  nothing = 1\n}\n")
	f.run(4, "apply", "kept.plan") // it has been done
	f.quiet()
}

// TestNobodyAnswers: without consent nothing is done.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	f := newFloor(t, quickNodes, sim.Options{})
	_, stderr := f.run(1, "apply")
	if !strings.Contains(stderr, "--auto-approve") || f.writes() > 0 {
		t.Errorf("%d writes; %s", f.writes(), stderr)
	}
	f.quiet()
}

// TestFileLimit: the disk takes no more, for real: first not even the plan, then no further line of a journal. The
// program says so, writes nothing to any BMC that is not on record, and with room again the same command does the rest.
func TestFileLimit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("a shell is absent: looked for sh in PATH")
	}
	f := newFloor(t, quickNodes, sim.Options{})
	_, stderr := f.limited(1, 1, "apply", "--auto-approve")
	if miss := lacks(stderr, "file too large", "Nothing was changed on any node"); len(miss) > 0 || f.writes() > 0 {
		t.Errorf("%d writes; it does not say %q: %s", f.writes(), miss, stderr)
	}
	p := f.start("apply", "--auto-approve", "--json")
	p.until(`"phase":"act"`)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wait()
	journals, err := filepath.Glob(filepath.Join(f.dir, ".metalwright", "journal", "*.jsonl"))
	if err != nil || len(journals) != 1 {
		t.Fatal(journals, err)
	}
	info, err := os.Stat(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	_, stderr = f.limited(3, info.Size()/512+2, "apply", "--auto-approve")
	if miss := lacks(stderr, "journal", "file too large", "Nothing more is changed",
		"metalwright apply"); len(miss) > 0 {
		t.Errorf("it does not say %q: %s", miss, stderr)
	}
	f.quiet()
	f.run(0, "apply", "--auto-approve")
	f.run(0, "journal", "verify")
	f.quiet()
	for node, l := range f.rack.Ledger() {
		if l.Boots != 1 {
			t.Errorf("%s was booted %d times", node, l.Boots)
		}
	}
}

// limited runs the program where no file may be longer than so many blocks of 512 bytes.
func (f *floor) limited(code int, blocks int64, args ...string) (stdout, stderr string) {
	f.t.Helper()
	exe := f.exe
	defer func() { f.exe = exe }()
	f.exe = filepath.Join(f.dir, "limited.sh")
	f.write("limited.sh", fmt.Sprintf("#!/bin/sh\nulimit -f %d\nexec %s \"$@\"\n", blocks, exe))
	if err := os.Chmod(f.exe, 0o700); err != nil {
		f.t.Fatal(err)
	}
	return f.run(code, args...)
}

// TestSecretsStayIn: with every request logged, with evidence made, and with what a BMC repeats of it, no password is
// told and none is kept but in the folder of secrets. The check itself finds one.
func TestSecretsStayIn(t *testing.T) {
	t.Parallel()
	f := newFloor(t, quickNodes, sim.Options{})
	f.run(0, "survey", "--debug")
	f.run(0, "plan", "-out", "kept.plan", "--debug", "--json")
	f.run(0, "apply", "kept.plan", "--debug")
	f.run(0, "verify", "--debug")
	f.run(0, "evidence", "collect", "-o", "pack.json")
	f.run(0, "evidence", "verify", "pack.json", "--key", ".metalwright/keys/evidence.pub")
	f.run(0, "journal", "show")
	f.run(0, "journal", "verify")
	f.run(0, "expand", "--json")
	f.run(0, "sim", "ledger")
	f.mu.Lock()
	told := f.told.Len()
	f.mu.Unlock()
	if told < 1000 || !bytes.Contains(f.told.Bytes(), []byte("/redfish/v1/")) {
		t.Error("nothing was logged: the check means nothing")
	}
	_, pass := f.rack.Credentials("dell")
	f.write("leak.txt", "x "+pass)
	if len(f.leaks()) != 1 {
		t.Error("a planted password is not found")
	}
	if err := os.Remove(filepath.Join(f.dir, "leak.txt")); err != nil {
		t.Fatal(err)
	}
}
