package catalog_test

import (
	"context"
	"maps"
	"testing"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// TestShippedBlueprintsMerge plans every shipped blueprint against a simulated rack as it comes from the factory: whatever a
// node needs, it is one BMC reset and one reset of the host. It is what the blueprints are there to show.
func TestShippedBlueprintsMerge(t *testing.T) {
	c := load(t)
	classes := map[string]string{"server.dgx_h100": "host_power_cycle", "server.dgx_b200": "host_power_cycle",
		"server.gb200_compute_tray": "aux_cycle"}
	for _, name := range c.BlueprintNames() {
		bp, _ := blueprint.Parse(c.Blueprints[name])
		d, diags := blueprint.Resolve(bp, blueprint.Options{Catalog: c, Now: goldenDay})
		if diags.HasErrors() {
			t.Fatal(diags.Err())
		}
		p, report := plan.Build(d, factory(t, d), plan.Options{Now: goldenDay})
		if len(report.Blocked)+len(report.Unreadable)+len(report.Waiting) > 0 || len(report.NotPlanned) != len(d.Unplanned)+switchesOf(d) {
			t.Errorf("%s: not everything is planned: %+v", name, report)
		}
		changes := 0
		for _, n := range d.Nodes {
			if n.Firmware != nil {
				changes++
			}
		}
		if len(p.Nodes) != changes || changes == 0 {
			t.Errorf("%s: %d nodes change, want %d", name, len(p.Nodes), changes)
		}
		for _, n := range p.Nodes {
			node, _ := d.Node(n.Name)
			class := classes[node.Hardware]
			if class == "" {
				class = "host_reset"
			}
			want := map[string]int{"bmc_reset": 1, class: 1}
			if !maps.Equal(n.Resets, want) {
				t.Errorf("%s, node %s: resets are %v, want %v; %v", name, n.Name, n.Resets, want, n.NotMerged)
			}
			if n.NaiveResets < 4 {
				t.Errorf("%s, node %s: a naive tool would need %d resets only; the blueprint shows too little", name, n.Name, n.NaiveResets)
			}
		}
	}
}

// switchesOf counts the switches of the fabrics: none is bound, and each is named.
func switchesOf(d rack.Design) int {
	n := 0
	for _, f := range d.Fabrics {
		n += len(f.Switches)
	}
	return n
}

// factory surveys a simulated rack of new machines.
func factory(t *testing.T, d rack.Design) rack.Observation {
	t.Helper()
	r, err := sim.New(d, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	o := rack.Observation{Format: rack.ObservationFormat}
	for _, b := range r.Bindings() {
		client, err := redfish.New(redfish.Options{Base: b.URL, Trust: redfish.Trust{PinSHA256: b.PinSHA256}, Dial: r.DialContext,
			Login: func(context.Context) (string, string, error) {
				user, pass := r.Credentials(b.Node)
				return user, pass, nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		n, _ := d.Node(b.Node)
		dev, gaps, err := inventory.Read(t.Context(), client, inventory.Options{Facets: d.Facets(n)})
		if err != nil || len(gaps) > 0 {
			t.Fatalf("read %s: %v, gaps %v", b.Node, err, gaps)
		}
		if err := client.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		dev.Address, dev.Node = string(n.Address), b.Node
		o.Devices = append(o.Devices, dev)
	}
	return o
}
