package drivertest_test

import (
	"slices"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	collector = "https://collector.sim/redfish"
	oldOne    = "https://old.sim/events"
)

// pushTo asks for a lasting subscription.
func pushTo(to ...string) func(d *rack.Design, n *rack.Node) {
	return func(_ *rack.Design, n *rack.Node) { n.BMC.Events = &rack.EventSpec{Destinations: to} }
}

// TestEventDestination: the lasting subscription that a blueprint names is made on every dialect, one of ours that it no longer names
// goes, what others made stays, and a second plan is empty; one that vanishes is found and made again.
func TestEventDestination(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, pushTo(collector))
		const theirs = "monitoring https://theirs.sim/x"
		for _, s := range [][]string{{"metalwright", oldOne}, {"monitoring", "https://theirs.sim/x"}} {
			if err := h.bmc().Poke(sim.Poke{Subscribe: s}); err != nil {
				t.Fatal(err)
			}
		}
		p := h.bring()
		if len(p.Nodes[0].Steps) != 1 || p.Nodes[0].Resets["host_reset"]+p.Nodes[0].Resets["bmc_reset"] != 0 {
			t.Errorf("the plan: %+v", p.Nodes[0])
		}
		if got := h.bmc().Truth().EventDestinations; !slices.Equal(got, []string{"metalwright " + collector, theirs}) {
			t.Errorf("subscribed are %q", got)
		}
		if again := h.plan(); !again.Empty() {
			t.Errorf("a second plan: %+v", again.Nodes)
		}
		h.node().BMC.Events.Destinations = []string{}
		h.bring()
		if got := h.bmc().Truth().EventDestinations; !slices.Equal(got, []string{theirs}) {
			t.Errorf("after it is no longer wanted, subscribed are %q", got)
		}
	})
}

// An event service that is off is switched on with its first subscription.
func TestEventServiceIsSwitchedOn(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, pushTo(collector))
		if err := h.bmc().Poke(sim.Poke{EventsOff: true}); err != nil {
			t.Fatal(err)
		}
		h.bring()
		if got := h.bmc().Truth().EventDestinations; !slices.Equal(got, []string{"metalwright " + collector}) {
			t.Errorf("subscribed are %q", got)
		}
		if again := h.plan(); !again.Empty() {
			t.Errorf("a second plan: %+v", again.Nodes)
		}
	})
}

// TestDriverOfEventDestination runs the suite of drivers for this kind.
func TestDriverOfEventDestination(t *testing.T) {
	for _, name := range sim.Dialects() {
		t.Run(name, func(t *testing.T) {
			drivertest.Run(t, func(t *testing.T) *drivertest.Rig {
				r := newRack(t, name, 7)
				b := r.BMC(node)
				d := driver(t, r, nil)
				dev, _, err := d.Survey(t.Context(), inventory.Options{Facets: []rack.Facet{rack.FacetEvents}})
				if err != nil || dev.Events == nil {
					t.Fatalf("%v: %+v", err, dev.Events)
				}
				closing(t, d)
				host, _ := dev.Host()
				rig := *rig(name)(t)
				rig.Open = func() drivertest.Driver { return driver(t, r, nil) }
				rig.Writes = func() int { return b.Ledger().Writes }
				rig.Effects = func() map[string]int { return map[string]int{"subscription": b.Ledger().Subscriptions} }
				rig.Broken = func() []string { return b.Ledger().Violations }
				rig.Sessions = func() int { return b.Ledger().SessionsOpen }
				rig.Faults = nil
				rig.Cases = []drivertest.Case{{Name: "event destination", Reset: step.None, Step: step.Step{ID: "n1/event destination", Node: node, Kind: step.EventDestination,
					Activation: step.None, Args: step.Args{System: host.Path, Path: dev.Events.List, Resource: dev.Events.Path},
					Expect: step.Facts{"destinations": []any{}}, Want: step.Facts{"destinations": []any{collector}}},
					Drift: func() error { return b.Poke(sim.Poke{Subscribe: []string{"metalwright", oldOne}}) },
					Real:  func() bool { return slices.Equal(b.Truth().EventDestinations, []string{"metalwright " + collector}) }}}
				return &rig
			})
		})
	}
}
