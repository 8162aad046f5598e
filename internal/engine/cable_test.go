package engine_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/sim"
)

// wiredNodes is three vendors on a fabric of two rails. Dell tells neighbours in a collection of its own, the others on their ports.
var wiredNodes = siteText + nodeText("dell", "dell_r750", 1, "") + nodeText("hpe", "hpe_dl380a_gen11", 6, "") +
	nodeText("lenovo", "lenovo_sr670_v2", 11, "") + `
switch "leaf" {
  for_each   = { leaf1 = "48:b0:2d:00:00:01", leaf2 = "48:b0:2d:00:00:02" }
  hardware   = hw.switch.sn5600
  at         = { rack = rack.lab, u = each.key == "leaf1" ? 30 : 32 }
  chassis_id = each.value
}
switch "oob" {
  hardware   = hw.switch.sn2201
  at         = { rack = rack.lab, u = 40 }
  chassis_id = "48:b0:2d:00:00:21"
}
fabric "compute" {
  design     = hw.fabric.lab_rail2
  attach     = [node.dell, node.hpe, node.lenovo]
  leaf       = switch.leaf
  management = switch.oob
  VERIFY
}
`

func wired(attribute string) string { return strings.Replace(wiredNodes, "VERIFY", attribute, 1) }

func verifyCables(t *testing.T, d *desk) fabric.Findings {
	t.Helper()
	w := d.open()
	defer d.close(w)
	f, _, err := w.VerifyCables(t.Context(), engine.CableSources{BMCs: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// known lists what is other than planned, and not merely unknown.
func known(f fabric.Findings) []string {
	out := []string{}
	for _, x := range f.Items {
		if x.Kind != fabric.Unknown {
			out = append(out, x.Kind+" "+strings.Join(x.Nodes, ",")+": "+strings.Join(x.Lines, "; "))
		}
	}
	return out
}

// TestCablesOfASimulatedRack: BMCs of three vendors tell where cables end; one that is swapped or out is named, stops the plans of
// its nodes and of no other, and is forgotten when it is put right.
func TestCablesOfASimulatedRack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, wired(""), sim.Options{Faults: []string{"cable-swap@dell"}})
		if got, want := known(verifyCables(t, d)), []string{"swapped dell,hpe: lab U1 dell rail1  is on leaf1 swp2, planned leaf1 swp1; " +
			"lab U6 hpe rail1  is on leaf1 swp1, planned leaf1 swp2"}; !slices.Equal(got, want) {
			t.Errorf("swapped: got %q, want %q", got, want)
		}
		p, _ := d.plan(t.Context())
		var blocked []string
		for _, n := range p.Report.Blocked {
			blocked = append(blocked, n.Node+" "+n.Rule)
		}
		if want := []string{"dell cable.swapped", "hpe cable.swapped"}; !slices.Equal(blocked, want) {
			t.Errorf("the plan blocks %q, want %q", blocked, want)
		}
		poke(t, d, "dell", "fix")
		f := verifyCables(t, d)
		if got := known(f); len(got) > 0 || f.OK != 7 { // six of rails, and that of the iDRAC
			t.Errorf("put right: %d as planned, and %q", f.OK, got)
		}
		for _, node := range []string{"dell", "lenovo"} {
			poke(t, d, node, "pull")
			if got := known(verifyCables(t, d)); len(got) != 1 || !strings.HasPrefix(got[0], "missing "+node+": ") {
				t.Errorf("cable of %s is out: %q", node, got)
			}
			poke(t, d, node, "fix")
		}
		if p, _ := d.plan(t.Context()); len(p.Report.Blocked) > 0 || !p.Empty() {
			t.Errorf("in order again, the plan says %+v", p.Report)
		}
		if l := d.rack.Ledger()["dell"]; l.SessionsOpen != 0 {
			t.Errorf("%d sessions stay open", l.SessionsOpen)
		}
	})
}

func poke(t *testing.T, d *desk, node, cable string) {
	t.Helper()
	if err := d.rack.BMC(node).Poke(sim.Poke{Cable: cable}); err != nil {
		t.Fatal(err)
	}
}

// TestNodeNotWired: no cable is known, and only a fabric that requires them stops.
func TestNodeNotWired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for attribute, want := range map[string]int{`verify = "if_seen"`: 0, `verify = "require"`: 3} {
			d := newDesk(t, strings.ReplaceAll(wired(attribute), "chassis_id", "# chassis_id"), sim.Options{})
			p, _ := d.plan(t.Context())
			got := 0
			for _, n := range p.Report.Waiting {
				if n.Rule == "cable.unknown" {
					got++
				}
			}
			if got != want || len(p.Report.Blocked) > 0 {
				t.Errorf("%s: %d nodes wait for their cables, want %d; %+v", attribute, got, want, p.Report)
			}
		}
	})
}

// TestReadCables: what cannot be read is said, and nothing is taken from it.
func TestReadCables(t *testing.T) {
	d := bareDesk(t, "")
	d.write("leaf1.json", `{"lldp":{"interface":{"swp1":{"chassis":{"n1":{"id":{"value":"aa"}}},"port":{"id":{"value":"ens1"}}}}}}`)
	d.write("broken.json", `{"lldp":`)
	c := engine.ReadCables([]string{d.dir, filepath.Join(d.dir, "absent")})
	if len(c.Seen) != 1 || c.Seen[0].Device != "leaf1" || !slices.Contains(c.Read, "leaf1") {
		t.Errorf("seen: %+v", c)
	}
	var unread []string
	for _, g := range c.Unread {
		unread = append(unread, filepath.Base(g.Address))
	}
	slices.Sort(unread)
	if want := []string{"absent", "broken.json", "main.mw.hcl"}; !slices.Equal(unread, want) {
		t.Errorf("unread are %q, want %q", unread, want)
	}
}
