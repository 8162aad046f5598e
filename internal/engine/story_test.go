package engine_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// fewest are the resets that each node of lab-1rack needs when its host is delivered switched off: all that is staged becomes real when
// it is switched on, but for the BMC's own firmware, and for the trays whose firmware wants standby power to be cut.
var fewest = map[string]map[string]int{"dell": {"bmc_reset": 1}, "dgx": {"bmc_reset": 1}, "gb200": {"aux_cycle": 1, "bmc_reset": 1},
	"hpe": {"bmc_reset": 1}, "lenovo": {"bmc_reset": 1}, "smc": {"bmc_reset": 1}}

// TestFromTheFactory takes the mixed rack from its crates to accepted: passwords of labels, the network booted from before the disk, ports
// of another protocol, a volume of somebody else, and two cables that are exchanged. The BMCs are claimed, both cables are named, their
// nodes are not touched further and the others are accepted; when the cables are put right the rest is, with the fewest resets.
func TestFromTheFactory(t *testing.T) {
	withIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		d := factoryDesk(t, sim.Options{Faults: []string{"cable-swap@dell"}})
		before := d.sessions()
		d.claimAll()
		d.swapped()
		poke(t, d, "dell", "fix")
		p, o := d.planOf()
		if len(p.Nodes) != 2 || !p.Report.Clean() {
			t.Fatalf("with the cables put right %d nodes are planned, want 2: %+v", len(p.Nodes), p.Report)
		}
		w := d.openWithEnvironment()
		got, err := w.Apply(t.Context(), p, engine.ApplyOptions{Before: &o})
		d.close(w)
		d.settled(got, err)
		d.fewestResets(d.rack.Nodes()...)
		if p, _ := d.planOf(); !p.Empty() || !p.Report.Clean() {
			t.Errorf("the second plan is not empty: %d nodes, %+v", len(p.Nodes), p.Report)
		}
		d.quiet()
		if diff := cmp.Diff(before, d.sessions()); diff != "" {
			t.Errorf("sessions (-before +after):\n%s", diff)
		}
	})
}

// claimAll claims the six BMCs. Before that nothing of them is read, and the plan says so.
func (d *desk) claimAll() {
	t := d.t
	p, _ := d.planOf()
	var first []string
	for _, n := range p.Report.Waiting {
		if n.Rule == plan.RuleUnclaimed {
			first = append(first, n.Node)
		}
	}
	if want := d.rack.Nodes(); !p.Empty() || !slices.Equal(first, want) || len(p.Report.Unreadable) > 0 {
		t.Fatalf("%v are to be claimed, want %v: %+v", first, want, p.Report)
	}
	w := d.openWithEnvironment()
	defer d.close(w)
	claim, o := w.PlanClaim(t.Context(), nil)
	if len(claim.Nodes) != 6 || !claim.Report.Clean() || claim.Digest == p.Digest {
		t.Fatalf("%d claims: %+v", len(claim.Nodes), claim.Report)
	}
	res, err := w.Do(t.Context(), engine.ClaimVerb, claim, engine.ApplyOptions{Before: &o})
	if err != nil || res.Count(apply.Done) != 6 {
		t.Fatalf("claim: %v %+v", err, res)
	}
	for _, n := range d.rack.Nodes() {
		if a := d.rack.BMC(n).Accounts(); len(a) != 1 || a["admin"] == "" {
			t.Errorf("%s has other accounts than ours: %v", n, slices.Sorted(maps.Keys(a)))
		}
	}
	if again, _ := w.PlanClaim(t.Context(), nil); !again.Empty() || !again.Report.Clean() {
		t.Errorf("claimed, and to be claimed again: %+v", again)
	}
}

// swapped applies while two cables are exchanged.
func (d *desk) swapped() {
	t := d.t
	p, o := d.planOf()
	names := map[string]string{"dell": "lab U1 dell rail1  is on leaf1 swp2, planned leaf1 swp1", "hpe": "lab U6 hpe rail1  is on leaf1 swp1, planned leaf1 swp2"}
	if len(p.Nodes) != 4 || len(p.Report.Blocked) != 2 || len(p.Report.Unreadable)+len(p.Report.Waiting) > 0 {
		t.Fatalf("%d nodes are planned: %+v", len(p.Nodes), p.Report)
	}
	writes := map[string]int{}
	for _, n := range p.Report.Blocked {
		if n.Rule != "cable.swapped" || names[n.Node] == "" || !strings.Contains(n.Detail, names[n.Node]) {
			t.Errorf("%s: %s %s", n.Node, n.Rule, n.Detail)
		}
		writes[n.Node] = d.rack.BMC(n.Node).Ledger().Writes
	}
	w := d.openWithEnvironment()
	defer d.close(w)
	got, err := w.Apply(t.Context(), p, engine.ApplyOptions{Before: &o})
	if err != nil || got.Settled || got.Result.Count(apply.Done) != 4 || len(got.Result.Nodes) != 4 {
		t.Fatalf("%v\n%s", err, told(got))
	}
	for n, was := range writes {
		l := d.rack.BMC(n).Ledger()
		if l.Writes != was || l.Boots > 0 || len(l.Resets) > 0 || d.rack.BMC(n).Truth().Power != "Off" {
			t.Errorf("%s was touched with a wrong cable: %d writes, %d boots, resets %v", n, l.Writes-was, l.Boots, l.Resets)
		}
	}
	d.fewestResets("dgx", "gb200", "lenovo", "smc")
}

// fewestResets holds what the BMCs counted against the fewest resets, and one flash of each component.
func (d *desk) fewestResets(nodes ...string) {
	d.t.Helper()
	for _, n := range nodes {
		l := d.rack.BMC(n).Ledger()
		if diff := cmp.Diff(fewest[n], l.Resets); diff != "" || l.Boots != 1 || len(l.Violations) > 0 {
			d.t.Errorf("%s: %d boots, violations %v, resets (-fewest +counted):\n%s", n, l.Boots, l.Violations, diff)
		}
		if want := map[string]int{"bmc": 1, "bios": 1, "nic": 1}; !maps.Equal(l.Flashes, want) {
			d.t.Errorf("%s: flashes %v", n, l.Flashes)
		}
	}
}

// sessions counts what is open on each BMC.
func (d *desk) sessions() map[string]int {
	out := map[string]int{}
	for n, l := range d.rack.Ledger() {
		out[n] = l.SessionsOpen
	}
	return out
}

// planOf plans as a new process would.
func (d *desk) planOf() (plan.Plan, rack.Observation) {
	d.t.Helper()
	w := d.openWithEnvironment()
	defer d.close(w)
	return w.Plan(d.t.Context(), engine.SurveyOptions{})
}

// factoryDesk is the catalog's mixed rack as it is delivered, with bindings that name what stands on each label.
func factoryDesk(t *testing.T, o sim.Options) *desk {
	t.Helper()
	cat, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	files := cat.Blueprints["lab-1rack"]
	const off = "type        = bool\n  default     = false"
	text := string(files["main.mw.hcl"]) + strings.Replace(string(files["site.mw.hcl"]), off, strings.Replace(off, "false", "true", 1), 1)
	o.Factory = true
	d := newDesk(t, text, o)
	for i := range d.bindings {
		b := &d.bindings[i]
		user, pass := d.rack.FactoryCredentials(b.Node)
		d.write("label-"+b.Node, pass)
		b.Username, b.Credential, b.FactoryUsername, b.Factory = "", "", user, rack.SecretRef("file:label-"+b.Node)
	}
	return d
}

// withIdentity gives a test an age identity. Call it outside of a bubble.
func withIdentity(t *testing.T) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(key, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("METALWRIGHT_AGE_IDENTITY", key)
}
