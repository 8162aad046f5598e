package drivertest_test

import (
	"context"

	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim/recorded"
	"github.com/metalwright/metalwright/internal/step"
)

// machines are the recorded trees of single machines; the shelf among them is no node, and every verb has to say so.
var machines = []string{"dell-r750-idrac9-6.00", "hpe-dl380a-gen11-ilo6-h100nvl", "lenovo-sr670v2-xcc-2.83", "liteon-powershelf",
	"nvidia-bf3-dpu-24.10", "nvidia-dgx-h100", "nvidia-gb200-nvl", "supermicro-sys-821ge-h100"}

// tree serves a recorded tree and gives a driver for it; it skips where the tree is absent.
func tree(t *testing.T, name string) *bmc.Driver {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(dir, "go.mod")) {
		dir = filepath.Dir(dir)
	}
	file := filepath.Join(dir, "..", "shared", "redfish", name+".tar.gz")
	if !exists(file) {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatalf("recorded tree %s is absent: looked for ../shared/redfish/%s.tar.gz", name, name)
		}
		t.Skipf("recorded tree %s is absent: looked for ../shared/redfish/%s.tar.gz", name, name)
	}
	data, err := recorded.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := recorded.NewServer(data, recorded.Options{User: "reader", Password: "secret"}).Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d, err := bmc.Open(t.Context(), bmc.Endpoint{URL: l.URL, Trust: redfish.Trust{PinSHA256: l.PinSHA256},
		Login: func(context.Context) (string, string, error) { return "reader", "secret", nil }}, bmc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// allFacets are all that a plan may want to know of a device.
var allFacets = []rack.Facet{rack.FacetRegistry, rack.FacetDrives, rack.FacetErase, rack.FacetLockdown, rack.FacetNetwork, rack.FacetSecureBoot,
	rack.FacetSettings, rack.FacetAttributes, rack.FacetTPM, rack.FacetCertificates}

// TestVerbsOnRecorded plans every verb against every recorded machine: it works, or the plan says why not. There is no panic and no
// empty answer. The golden file holds kinds of steps and rules, and nothing that names a machine.
func TestVerbsOnRecorded(t *testing.T) {
	intents := load(t).BIOSIntents
	for _, name := range machines {
		t.Run(name, func(t *testing.T) {
			d := tree(t, name)
			dev, gaps, err := d.Survey(t.Context(), inventory.Options{Facets: allFacets})
			if err != nil {
				t.Fatal(err)
			}
			if look, err := d.Glance(t.Context(), bmc.LookLED|bmc.LookJobs|bmc.LookDumps); err == nil {
				dev.Locator, dev.Jobs, dev.JobQueue, dev.Dumps = look.Locator, look.Jobs, look.JobQueue, look.Dumps
			}
			if look, err := d.Glance(t.Context(), bmc.LookAccounts); err == nil {
				dev.Accounts = look.Accounts
			}
			dev.Node, dev.Address = node, node
			for i := range gaps {
				gaps[i].Address = node
			}
			m := &machine{t: t, dev: dev, gaps: gaps, intents: intents}
			var b strings.Builder
			for _, leaks := range []bool{true, false} {
				if leaks && !slices.ContainsFunc(dev.LeakDetectors, func(l rack.LeakDetector) bool { return l.State == "Critical" }) {
					continue
				}
				if !leaks { // what it would be without the leak of the recorded tray
					m.dev.LeakDetectors = nil
				} else {
					b.WriteString("with its leak:\n")
				}
				for _, v := range recordedVerbs {
					answer := v.ask(m)
					if strings.TrimSpace(answer) == "" {
						t.Errorf("%s has no answer", v.name)
					}
					fmt.Fprintf(&b, "%s: %s\n", v.name, answer)
				}
				if leaks {
					b.WriteString("without it:\n")
				}
			}
			golden(t, name, b.String())
		})
	}
}

func load(t *testing.T) catalog.Catalog {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	p := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", p, diff)
	}
}

// machine is one recorded machine, as it was read.
type machine struct {
	t       *testing.T
	dev     rack.Device
	gaps    []rack.Gap
	intents map[string]rack.BIOSIntentDef
}

func (m *machine) host() rack.System {
	h, _ := m.dev.Host()
	return h
}

func (m *machine) design(ask func(*rack.Node)) (rack.Design, rack.Observation) {
	n := rack.Node{Address: node, Name: node, Hardware: "server.recorded", OnDestroy: "keep"}
	if ask != nil {
		ask(&n)
	}
	d := rack.Design{Format: rack.DesignFormat, Nodes: []rack.Node{n}, BIOSIntents: m.intents,
		Hardware: map[string]rack.Hardware{"server.recorded": {Key: "server.recorded", Dialect: m.dev.BMC.Dialect}}}
	return d, rack.Observation{Format: rack.ObservationFormat, Devices: []rack.Device{m.dev}, Gaps: m.gaps,
		Taken: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
}

// want plans something and says what became of it.
func (m *machine) want(ask func(*rack.Node), acts ...plan.Act) string {
	d, o := m.design(ask)
	p, r := plan.Build(d, o, plan.Options{Now: o.Taken, Acts: acts, Intents: m.intents})
	return answer(p, r)
}

func (m *machine) say(v plan.Verb) string {
	d, o := m.design(nil)
	p := plan.Say(d, o, v, []string{node})
	if p.Empty() && p.Report.Clean() {
		return "nothing to do: it is so already"
	}
	return answer(p, p.Report)
}

// answer is a plan in kinds and rules. Warnings alone are no answer to a wish that was not planned.
func answer(p plan.Plan, r plan.Report) string {
	kinds := map[string]int{}
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			kind := string(s.Kind)
			if s.Kind == step.Reset {
				kind += " " + s.Activation.String()
			}
			kinds[kind]++
		}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		out = append(out, fmt.Sprintf("%d x %s", kinds[k], k))
	}
	for _, x := range []struct {
		word  string
		notes []plan.Note
	}{{"blocked", r.Blocked}, {"waits", r.Waiting}, {"unreadable", r.Unreadable}, {"not planned", r.NotPlanned}, {"warned", r.Warnings}} {
		rules := map[string]bool{}
		for _, n := range x.notes {
			if n.Detail == "" {
				return "a note without a reason: " + n.Rule
			}
			if n.Rule != plan.RuleIdentity {
				rules[n.Rule] = true
			}
		}
		for _, rule := range slices.Sorted(maps.Keys(rules)) {
			out = append(out, x.word+" "+rule)
		}
	}
	if len(out) == 0 {
		return "as wanted already"
	}
	return strings.Join(out, ", ")
}

// recordedVerb is something that can be asked of a machine.
type recordedVerb struct {
	name string
	ask  func(*machine) string
}
