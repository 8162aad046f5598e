package engine_test

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// resets sums what a BMC has counted: of the host, and of itself.
func resets(l sim.Ledger) (host, bmc int) {
	return l.Resets["host_reset"] + l.Resets["host_power_cycle"] + l.Resets["aux_cycle"], l.Resets["bmc_reset"]
}

// TestFewestResets: settings, BIOS firmware, a volume and NIC firmware cost one reset of the host; BMC firmware adds
// one of the BMC. A naive tool, that acts through the same driver and resets after each change, needs as many as the
// plan tells.
func TestFewestResets(t *testing.T) {
	for _, withBMC := range []bool{false, true} {
		name, bmcResets := "without BMC firmware", 0
		if withBMC {
			name, bmcResets = "with BMC firmware", 1
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clever, naive := resetDesk(t, withBMC), resetDesk(t, withBMC)
				p, _ := clever.plan(t.Context())
				got, err := clever.apply(t.Context(), engine.ApplyOptions{})
				clever.settled(got, err)
				naive.oneByOne(t.Context())
				for _, n := range p.Nodes {
					kinds := map[string]int{}
					for _, s := range n.Steps {
						kinds[string(s.Kind)+s.Args.Component]++
					}
					for _, k := range []string{"bios", "volume", "firmwarebios", "firmwarenic"} {
						if kinds[k] != 1 {
							t.Errorf("%s: %d steps of %s", n.Name, kinds[k], k)
						}
					}
					l := clever.rack.BMC(n.Name).Ledger()
					host, bmc := resets(l)
					if host != 1 || bmc != bmcResets || l.Boots != 1 || kinds["firmwarebmc"] != bmcResets {
						t.Errorf("%s: %d host resets, %d boots, %d BMC resets: %v", n.Name, host, l.Boots, bmc,
							l.Resets)
					}
					if h, b := planned(n); h != host || b != bmc {
						t.Errorf("%s: planned were %v, made were %v", n.Name, n.Resets, l.Resets)
					}
					h, b := resets(naive.rack.BMC(n.Name).Ledger())
					if h+b != n.NaiveResets || h+b <= host+bmc {
						t.Errorf("%s: a naive tool made %d resets, the plan says %d", n.Name, h+b, n.NaiveResets)
					}
					t.Logf("%s: %d resets; one a change would be %d", n.Name, host+bmc, h+b)
					if x, y := clever.rack.BMC(n.Name).Truth(), naive.rack.BMC(n.Name).Truth(); !sameEnd(x, y) {
						t.Errorf("%s: not the same rack:\n%+v\n%+v", n.Name, x, y)
					}
				}
			})
		})
	}
}

func resetDesk(t *testing.T, withBMC bool) *desk {
	d := newDesk(t, twoNodes, sim.Options{})
	if !withBMC {
		for node, version := range map[string]string{"dell": "6.10.80.00", "smc": "11.03.05"} {
			if err := d.rack.BMC(node).Poke(sim.Poke{Firmware: map[string]string{"bmc": version}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d
}

func planned(n plan.NodePlan) (host, bmc int) {
	return n.Resets["host_reset"] + n.Resets["host_power_cycle"] + n.Resets["aux_cycle"], n.Resets["bmc_reset"]
}

// oneByOne is the naive tool: it takes the changes of the plan one at a time, each with the reset that it needs.
func (d *desk) oneByOne(ctx context.Context) {
	d.t.Helper()
	w := d.open()
	defer d.close(w)
	p, _ := w.Plan(ctx, engine.SurveyOptions{})
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			if s.Kind == step.Reset {
				continue
			}
			one := plan.Plan{Format: p.Format, Design: p.Design, Observation: p.Observation,
				Nodes: []plan.NodePlan{{Address: n.Address, Name: n.Name,
					Steps: withReset(s)}}}
			one.Digest = one.ComputeDigest()
			got, err := w.Apply(ctx, one, engine.ApplyOptions{Before: &rack.Observation{}})
			if err != nil || got.Result.Count(apply.Done) != 1 {
				d.t.Fatalf("%s: %v %s", s.ID, err, told(got))
			}
		}
	}
	if left, _ := w.Plan(ctx, engine.SurveyOptions{}); !left.Empty() || !left.Report.Clean() {
		d.t.Errorf("the naive tool leaves %d nodes: %+v", len(left.Nodes), left.Report)
	}
	d.quiet()
}

// withReset gives a change and the reset that makes it real, if it needs one.
func withReset(s step.Step) []step.Step {
	s.After, s.Want = []step.ID{}, maps.Clone(s.Want)
	for _, name := range s.Args.Once { // it does not know that settings may ask for the reset of others
		delete(s.Want, name)
	}
	s.Args.Once = nil
	if s.Activation <= step.None {
		return []step.Step{s}
	}
	return []step.Step{s, {ID: s.ID + "-reset", Address: s.Address, Node: s.Node, Kind: step.Reset,
		Activation: s.Activation, Args: step.Args{System: s.Args.System},
		After: []step.ID{s.ID}, Activates: []step.ID{s.ID}, Why: "naive"}}
}

// sameEnd compares what two racks have become; names that hold a number given by the BMC differ.
func sameEnd(a, b sim.Truth) bool {
	return rack.DigestOf(end(a)) == rack.DigestOf(end(b))
}

// end is what of a truth has to be the same, however it came about.
func end(t sim.Truth) map[string]any {
	return map[string]any{"power": t.Power, "bios": t.BIOS, "pending": len(t.Pending), "order": t.BootOrder,
		"once": t.BootOnce, "volumes": t.Volumes,
		"firmware": t.Firmware, "staged": len(t.Staged), "bricked": t.Bricked, "media": t.Media}
}
