package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switchos"
)

// switchedNodes is a node on a fabric whose leaves are Cumulus switches and whose spines have SONiC.
var switchedNodes = strings.Replace(siteText, "  cooling {", "  network \"rails\" { cidr = \"10.20.20.0/24\" }\n  cooling {", 1) +
	nodeText("dell", "dell_r750", 1, "") + `
switch "leaf" {
  for_each = { leaf1 = 30, leaf2 = 32 }
  hardware = hw.switch.sn5600
  at       = { rack = rack.lab, u = each.value }
  os       = "cumulus"
}
switch "spine" {
  for_each = { spine1 = 36, spine2 = 38 }
  hardware = hw.switch.sn5600
  at       = { rack = rack.lab, u = each.value }
  os       = "sonic"
}
fabric "compute" {
  design  = hw.fabric.lab_rail2
  attach  = [node.dell]
  leaf    = switch.leaf
  spine   = switch.spine
  network = "rails"
}
`

// switchedDesk binds the switches too.
func switchedDesk(t *testing.T, o sim.Options) *desk {
	t.Helper()
	d := newDesk(t, switchedNodes, o)
	d.bindings = append(d.bindings, d.rack.SwitchBindings()...)
	return d
}

// differing lists the switches that are not as designed, or would not be so after a restart.
func differing(d *desk, design rack.Design) []string {
	var out []string
	targets, _ := switchos.Targets(design)
	for _, t := range targets {
		s := d.rack.Switch(t.Switch)
		for _, tree := range []rack.ConfigTree{s.Config(), s.Startup()} {
			if len(switchos.Diff(t.Part(tree).Owned, t.Want)) > 0 {
				out = append(out, t.Switch)
			}
		}
	}
	return slices.Compact(out)
}

// TestSwitchesCutAndResumed: a run that is cut off while a switch applies its change is gone on with, every switch ends as designed and
// each took one change. What was not confirmed was taken back.
func TestSwitchesCutAndResumed(t *testing.T) {
	for _, at := range []string{"spine1", "leaf2"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := switchedDesk(t, sim.Options{})
				ctx, cut := context.WithCancel(t.Context())
				defer cut()
				_, err := d.apply(ctx, engine.ApplyOptions{Events: func(e apply.Event) {
					if e.Node == at && e.Phase == "act" {
						cut()
					}
				}})
				if err == nil {
					t.Fatal("the run was not cut off")
				}
				got, err := d.apply(t.Context(), engine.ApplyOptions{})
				d.settled(got, err)
				w := d.open()
				if left := differing(d, w.Design); len(left) > 0 {
					t.Errorf("not as designed: %q", left)
				}
				for _, name := range d.rack.Switches() {
					if n := d.rack.Switch(name).Revisions(); n != 1 {
						t.Errorf("%s took %d changes, want 1", name, n)
					}
				}
			})
		})
	}
}

// TestSwitchRefusesInARun: a switch that refuses ends the run before the next of its kind is touched, and the reason is told.
func TestSwitchRefusesInARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := switchedDesk(t, sim.Options{Faults: []string{"switch-refuses@leaf1"}})
		got, err := d.apply(t.Context(), engine.ApplyOptions{})
		if err != nil || got.Settled {
			t.Fatalf("settled %v, %v", got.Settled, err)
		}
		i := slices.IndexFunc(got.Result.Nodes, func(n apply.NodeResult) bool { return n.Node == "leaf1" })
		if n := got.Result.Nodes[i]; n.Word != apply.Failed || n.Class != step.Rejected || !strings.Contains(n.Text, "autonomous-system is not allowed") {
			t.Errorf("leaf1: %+v", n)
		}
		if w := words(got); w["spine2"] != apply.Done || d.rack.Switch("leaf2").Ledger().Writes != 0 {
			t.Errorf("results %v; leaf2 saw %d writes", w, d.rack.Switch("leaf2").Ledger().Writes)
		}
		got, err = d.apply(t.Context(), engine.ApplyOptions{}) // it was refused once: a new plan does the rest
		d.settled(got, err)
	})
}

// TestSwitchNotBound: a switch without a binding is named and not asked; one that does not let us in is not readable, and no node waits
// for it.
func TestSwitchNotBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := switchedDesk(t, sim.Options{})
		d.bindings = slices.DeleteFunc(d.bindings, func(b rack.Binding) bool { return b.Node == "leaf1" })
		d.binding("leaf2").Credential = "env:NOBODY_HAS_SET_THIS"
		p, o := d.plan(t.Context())
		if n := d.rack.Switch("leaf1").Ledger().Requests + d.rack.Switch("leaf2").Ledger().Requests; n != 0 {
			t.Errorf("%d requests to switches that cannot be asked", n)
		}
		if len(o.Switches) != 2 || len(p.Nodes) != 2 {
			t.Errorf("read %d switches, %d change", len(o.Switches), len(p.Nodes))
		}
		named := false
		for _, n := range p.Report.NotPlanned {
			named = named || string(n.Address) == `switch.leaf["leaf1"]`
		}
		if !named || len(p.Report.Unreadable) != 1 || p.Report.Unreadable[0].Node != "leaf2" || !strings.Contains(p.Report.Unreadable[0].Detail, "NOBODY_HAS_SET_THIS") {
			t.Errorf("leaf1 named %v; unreadable %+v", named, p.Report.Unreadable)
		}
	})
}
