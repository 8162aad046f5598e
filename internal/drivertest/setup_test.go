package drivertest_test

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// host is one simulated node that is planned and brought to its design by the steps of the plan, one after the other.
type host struct {
	t     *testing.T
	d     rack.Design
	r     *sim.Rack
	files map[string][]byte
	opt   plan.Options

	mirror bool // firmware files can be fetched by the BMC too
}

// newHost makes a node of a dialect; ask says what is wanted of it.
func newHost(t *testing.T, name string, ask func(d *rack.Design, n *rack.Node), faults ...string) *host {
	t.Helper()
	h := &host{t: t, d: design(name), files: map[string][]byte{}, opt: plan.Options{Now: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}}
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	h.d.BIOSIntents = c.BIOSIntents
	n := &h.d.Nodes[0]
	n.OnDestroy = "keep"
	ask(&h.d, n)
	fetch := func(from string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(h.files[path.Base(from)])), nil
	}
	h.r, err = sim.New(h.d, sim.Options{Seed: 7, Faults: faults, Fetch: fetch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.r.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *host) node() *rack.Node { return &h.d.Nodes[0] }

func (h *host) bmc() *sim.BMC { return h.r.BMC(node) }

func (h *host) driver() *bmc.Driver {
	if h.mirror {
		return driver(h.t, h.r, h.files, func(file string) (string, error) { return "https://mirror.sim/" + file, nil })
	}
	return driver(h.t, h.r, h.files)
}

// look reads the node as a plan needs it.
func (h *host) look() rack.Observation {
	h.t.Helper()
	return h.lookWith(h.node().Facets()...)
}

func (h *host) lookWith(facets ...rack.Facet) rack.Observation {
	h.t.Helper()
	d := h.driver()
	dev, gaps, err := d.Survey(h.t.Context(), inventory.Options{Facets: facets})
	if err != nil {
		h.t.Fatal(err)
	}
	closing(h.t, d)
	dev.Node, dev.Address = node, string(h.node().Address)
	for i := range gaps {
		gaps[i].Address = dev.Address
	}
	return rack.Observation{Format: rack.ObservationFormat, Devices: []rack.Device{dev}, Gaps: gaps}
}

func closing(t *testing.T, d *bmc.Driver) {
	t.Helper()
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (h *host) plan() plan.Plan {
	h.t.Helper()
	p, _ := plan.Build(h.d, h.look(), h.opt)
	return p
}

// clean plans, and fails when something of the node is left out.
func (h *host) clean() plan.Plan {
	h.t.Helper()
	p := h.plan()
	for _, notes := range [][]plan.Note{p.Report.Blocked, p.Report.Waiting, p.Report.Unreadable, p.Report.NotPlanned} {
		for _, n := range notes {
			h.t.Fatalf("not planned: %s: %s %s", n.Rule, n.Summary, n.Detail)
		}
	}
	return p
}

// bring does what the plan says, and sees to it that nothing is left to do. It gives the plan.
func (h *host) bring() plan.Plan {
	h.t.Helper()
	p := h.clean()
	if p.Empty() {
		h.t.Fatal("there is nothing to do")
	}
	h.do(p)
	if again := h.clean(); !again.Empty() {
		h.t.Fatalf("still to do: %s", stepsText(again))
	}
	if v := h.bmc().Ledger().Violations; len(v) > 0 {
		h.t.Errorf("violations: %v", v)
	}
	return p
}

// do carries out a plan with one driver, in the order of its steps.
func (h *host) do(p plan.Plan) {
	h.t.Helper()
	d := h.driver()
	defer closing(h.t, d)
	ops := map[step.ID]*step.Op{}
	for _, s := range p.Nodes[0].Steps {
		h.carry(d, s, ops)
		for _, id := range s.Activates {
			for _, other := range p.Nodes[0].Steps {
				if other.ID == id && other.Kind != step.BootOnce { // used up by now
					h.settle(d, other, ops)
				}
			}
		}
	}
}

func (h *host) carry(d *bmc.Driver, s step.Step, ops map[step.ID]*step.Op) {
	h.t.Helper()
	want := step.Done
	if s.Activation > step.None && s.Kind != step.Reset {
		want = step.Staged
	}
	h.wait(d, s, ops, want)
}

// settle looks until an activated step is done: a BMC that does not tell how far POST is shows the new state minutes later.
func (h *host) settle(d *bmc.Driver, s step.Step, ops map[step.ID]*step.Op) {
	h.t.Helper()
	var last step.State
	for range 120 {
		st, err := d.Check(h.t.Context(), s, ops[s.ID])
		if err == nil && st.Standing == step.Done {
			return
		}
		last = st
		time.Sleep(10 * time.Second)
	}
	h.t.Fatalf("%s is activated and not done: it is %s (%s)", s.ID, last.Standing, last.Note)
}

// wait acts when a step is ready and looks until it stands as wanted.
func (h *host) wait(d *bmc.Driver, s step.Step, ops map[step.ID]*step.Op, want step.Standing) {
	h.t.Helper()
	acts := 0
	var last step.State
	for range 2000 {
		st, err := d.Check(h.t.Context(), s, ops[s.ID])
		if err != nil {
			if c := step.ClassOf(err); c != step.Transient && c != step.Unreachable {
				h.t.Fatalf("check %s: %v", s.ID, err)
			}
			time.Sleep(10 * time.Second)
			continue
		}
		last = st
		switch {
		case st.Standing == want || st.Standing == step.Done:
			return
		case st.Standing == step.Moved:
			h.t.Fatalf("%s moved: %s", s.ID, st.Note)
		case st.Standing == step.Ready:
			if acts++; acts > 4 {
				h.t.Fatalf("%s: acted %d times: %s", s.ID, acts-1, st.Note)
			}
			err := d.Act(h.t.Context(), s, func(op step.Op) error { ops[s.ID] = &op; return nil })
			if c := step.ClassOf(err); err != nil && c != step.Transient && c != step.Unreachable {
				h.t.Fatalf("act %s: %v", s.ID, err)
			}
		}
		time.Sleep(10 * time.Second)
	}
	h.t.Fatalf("%s never becomes %s: it is %s (%s)", s.ID, want, last.Standing, last.Note)
}

// resets counts how often the host went down, by whatever verb.
func (h *host) resets() int {
	n := 0
	for _, k := range h.bmc().Ledger().Resets {
		n += k
	}
	return n
}

func stepsText(p plan.Plan) string {
	var out []string
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			out = append(out, fmt.Sprintf("%s %v -> %v (%s)", s.ID, s.Expect, s.Want, s.Why))
		}
	}
	return strings.Join(out, "\n")
}

// warned tells whether a plan has a warning of a rule that holds a text.
func warned(p plan.Plan, rule, text string) bool {
	return slices.ContainsFunc(p.Report.Warnings, func(n plan.Note) bool { return n.Rule == rule && strings.Contains(n.Detail, text) })
}

// intents asks for a profile of the catalog.
func intents(t *testing.T, profile string, strict bool) func(d *rack.Design, n *rack.Node) {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return func(_ *rack.Design, n *rack.Node) {
		n.BIOS = &rack.BIOSSpec{Profile: profile, Attributes: map[string]rack.BIOSValue{}, Strict: strict}
		for name, v := range c.BIOSProfiles[profile].Intents {
			n.BIOS.Intents = append(n.BIOS.Intents, rack.BIOSIntent{Name: name, Value: v, From: "profile " + profile})
		}
		slices.SortFunc(n.BIOS.Intents, func(a, b rack.BIOSIntent) int { return strings.Compare(a.Name, b.Name) })
	}
}

// each runs a test on a node of every dialect, in virtual time.
func each(t *testing.T, run func(t *testing.T, name string)) {
	for _, name := range sim.Dialects() {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { run(t, name) }) })
	}
}

// TestProfiles: a profile of the catalog is spelled by each vendor's registry, costs one reset, and what a platform lacks is
// named.
func TestProfiles(t *testing.T) {
	wants := map[string]map[string]any{
		"idrac":      {"SriovGlobalEnable": "Enabled", "SysProfile": "PerfOptimized", "ProcCStates": "Disabled", "AcPwrRcvry": "On"},
		"ilo":        {"Sriov": "Enabled", "WorkloadProfile": "Custom", "PowerRegulator": "StaticHighPerf", "MinProcIdlePower": "NoCStates"},
		"supermicro": {"SR_IOVSupport_0047": "Enabled", "SNC_F300": "Disable", "ENERGY_PERF_BIAS_CFGMode_3CE1": "Maximum Performance"},
		"xcc":        {"OperatingModes_ChooseOperatingMode": "MaximumPerformance", "DevicesandIOPorts_PCI64BitResourceAllocation": "Enabled"},
		"ami":        {"PwrPerfTuning": "BIOS Controls EPB", "PackageCState": "C0/C1 state", "PowerControlPolicy": "Power Restore"},
	}
	lacks := map[string]string{"idrac": "", "ilo": "above_4g", "supermicro": "", "xcc": "power_restore", "ami": "above_4g", "openbmc": "sr_iov"}
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, intents(t, "training", false))
		p := h.plan()
		if lacks[name] != "" && !warned(p, "bios.intent", lacks[name]) {
			t.Errorf("nothing says that %s is not offered: %+v", lacks[name], p.Report.Warnings)
		}
		if name == "openbmc" {
			if !p.Empty() {
				t.Errorf("planned: %s", stepsText(p))
			}
			h.node().BIOS.Strict = true
			if s := h.plan(); len(s.Report.Blocked) == 0 {
				t.Error("strict, and not blocked")
			}
			return
		}
		p = h.bring()
		for attr, v := range wants[name] {
			if got := h.bmc().Truth().BIOS[attr]; got != v {
				t.Errorf("%s is %v, want %v", attr, got, v)
			}
		}
		if n := h.resets(); n != 1 || len(p.Nodes[0].Resets) != 1 {
			t.Errorf("%v resets, planned %v", h.resets(), p.Nodes[0].Resets)
		}
	})
}

// TestBIOSInTwoBatches: an attribute that appears, or becomes writable, only when another one runs costs a reset of its own,
// and the plan says why.
func TestBIOSInTwoBatches(t *testing.T) {
	for _, c := range []struct {
		dialect, fault, opener string
		opens, second          any
		behind                 string
		judges                 string
	}{
		{"supermicro", "hides-attributes", "WatchDogFunction_0033", "Enabled", "NMI", "WatchDogAction_0034", ""},
		{"xcc", "judges-current", "OperatingModes_ChooseOperatingMode", "CustomMode", "Legacy", "Processors_CStates", "current"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, c.dialect, func(d *rack.Design, n *rack.Node) {
					hw := d.Hardware[n.Hardware]
					hw.BIOSJudges = c.judges
					d.Hardware[n.Hardware] = hw
					n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{c.opener: {Value: c.opens}, c.behind: {Value: c.second}}}
				}, c.fault)
				p := h.bring()
				why := strings.Join(p.Nodes[0].NotMerged, "\n")
				if p.Nodes[0].Resets["host_reset"] != 2 || !strings.Contains(why, c.behind) || !strings.Contains(why, c.opener) {
					t.Errorf("resets %v, because %q\n%s", p.Nodes[0].Resets, why, stepsText(p))
				}
				if tr := h.bmc().Truth().BIOS; tr[c.behind] != c.second || h.resets() != 2 {
					t.Errorf("%s is %v after %v", c.behind, tr[c.behind], h.resets())
				}
			})
		})
	}
}

// TestBIOSReset: everything that nobody names goes back to its default, in the one reset that brings in what is named.
func TestBIOSReset(t *testing.T) {
	off := map[string]struct {
		attr  string
		value any
		keep  string
		kept  any
	}{
		"idrac": {"LogicalProc", "Disabled", "SriovGlobalEnable", "Enabled"}, "ilo": {"ProcHyperthreading", "Disabled", "ThermalConfig", "MaxCooling"},
		"supermicro": {"QuietBoot_002D", false, "SR_IOVSupport_0047", "Enabled"}, "xcc": {"Processors_SNC", "Enabled", "Processors_HyperThreading", "Disabled"},
		"ami": {"NumaEn", "Disable", "Ipv4Http", "Enabled"}, "openbmc": {"EGM", true, "EmbeddedUefiShell", "Disabled"},
	}
	for _, already := range []bool{false, true} { // what is named runs already, and must outlive the reset
		each(t, func(t *testing.T, name string) {
			c := off[name]
			h := newHost(t, name, func(_ *rack.Design, n *rack.Node) {
				n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{c.keep: {Value: c.kept}},
					Reset: &rack.BIOSReset{Owner: "ops", Reason: "re-delivered"}}
			})
			poke := map[string]any{c.attr: c.value}
			if already {
				poke[c.keep] = c.kept
			}
			if err := h.bmc().Poke(sim.Poke{BIOS: poke}); err != nil {
				t.Fatal(err)
			}
			p := h.bring()
			if tr := h.bmc().Truth().BIOS; tr[c.attr] == c.value || tr[c.keep] != c.kept {
				t.Errorf("%s is %v, %s is %v", c.attr, tr[c.attr], c.keep, tr[c.keep])
			}
			if h.resets() != 1 {
				t.Errorf("resets %v\n%s", h.resets(), stepsText(p))
			}
		})
	}
}

// TestDriftScope: beyond what is declared, the setup after the last clean apply counts where the blueprint says so.
func TestDriftScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "idrac", func(_ *rack.Design, n *rack.Node) {
			n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{"AcPwrRcvry": {Value: "Last"}}}
		})
		h.opt.Setups = map[string]rack.Attributes{node: h.look().Devices[0].Systems[0].BIOS.Attributes}
		if err := h.bmc().Poke(sim.Poke{BIOS: map[string]any{"LogicalProc": "Disabled", "ErrPrompt": "Disabled"}}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			drift *rack.BIOSDrift
			want  []string
		}{
			{nil, nil}, {&rack.BIOSDrift{Scope: rack.DriftDeclared}, nil},
			{&rack.BIOSDrift{Scope: rack.DriftChosen, Names: []string{"ErrPrompt"}}, []string{"ErrPrompt"}},
			{&rack.BIOSDrift{Scope: rack.DriftAll}, []string{"ErrPrompt", "LogicalProc"}},
		} {
			h.node().BIOS.Drift = c.drift
			var got []string
			for _, x := range plan.Drift(h.clean()) {
				got = append(got, x.Name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("drift %+v finds %v, want %v", c.drift, got, c.want)
			}
		}
		h.bring()
		if h.bmc().Truth().BIOS["LogicalProc"] != "Enabled" {
			t.Error("the drift was not repaired")
		}
		h.node().BIOS.Drift = &rack.BIOSDrift{Scope: rack.DriftChosen, Names: []string{"ErrPromt"}}
		if p := h.plan(); len(p.Report.Blocked) != 1 || !strings.Contains(p.Report.Blocked[0].Detail, `Did you mean "ErrPrompt"?`) {
			t.Errorf("%+v", p.Report)
		}
	})
}

// TestPendingShownAsCurrent: what waits in a job is not current, whatever the BIOS resource shows (R55): the plan resets.
func TestPendingShownAsCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "idrac", func(_ *rack.Design, n *rack.Node) {
			n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{"LogicalProc": {Value: "Disabled"}}}
		}, "R55")
		d := h.driver()
		ops := map[step.ID]*step.Op{}
		h.carry(d, h.clean().Nodes[0].Steps[0], ops) // staged by a run that ended before its reset
		closing(t, d)
		p := h.bring()
		if p.Nodes[0].Resets["host_reset"] != 1 || h.bmc().Truth().BIOS["LogicalProc"] != "Disabled" {
			t.Errorf("resets %v, %v", p.Nodes[0].Resets, h.bmc().Truth().BIOS["LogicalProc"])
		}
	})
}
