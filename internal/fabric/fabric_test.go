package fabric_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

// site is a design of n nodes in racks A/1, A/2 … of four, and one fabric; edit changes the fabric before it is computed.
func site(t *testing.T, design string, n int, edit func(*rack.Design, *rack.Fabric)) (rack.Design, []fabric.Problem) {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	d := rack.Design{Hardware: c.Hardware, Sites: []rack.Site{{Address: "site.dc", Name: "dc",
		Networks: []rack.Network{{Name: "compute", CIDR: "10.30.0.0/16"}, {Name: "small", CIDR: "10.31.0.0/24"}}}}}
	for i := range n {
		name := fmt.Sprintf("n%d", i+1)
		r := fmt.Sprintf("r%d", i/4+1)
		if i%4 == 0 {
			d.Racks = append(d.Racks, rack.Rack{Address: rack.Address("rack." + r), Name: r, Site: "site.dc", Model: "rack.eia_48u",
				Position: fmt.Sprintf("A/%d", i/4+1)})
		}
		d.Nodes = append(d.Nodes, rack.Node{Address: rack.Address("node.gpu[\"" + name + "\"]"), Name: name, Hardware: "server.dgx_b200",
			Rack: rack.Address("rack." + r), PositionU: 3 + i%4*10})
	}
	f := rack.Fabric{Address: "fabric.compute", Name: "compute", Design: design, Verify: "if_seen"}
	for _, x := range d.Nodes {
		f.Attach = append(f.Attach, x.Address)
	}
	slices.Sort(f.Attach)
	if edit != nil {
		edit(&d, &f)
	}
	d.Fabrics = []rack.Fabric{f}
	return d, fabric.Resolve(&d)
}

// placed adds switch blocks for leaves and spines in a rack of their own.
func placed(leafs, spines int, model, os string) func(*rack.Design, *rack.Fabric) {
	return func(d *rack.Design, f *rack.Fabric) {
		d.Racks = append(d.Racks, rack.Rack{Address: "rack.net", Name: "net", Site: "site.dc", Model: "rack.eia_48u", Position: "A/9"})
		for i := range leafs + spines {
			name := fmt.Sprintf("leaf%d", i+1)
			into := &f.Leafs
			if i >= leafs {
				name, into = fmt.Sprintf("spine%d", i-leafs+1), &f.Spines
			}
			a := rack.Address("switch." + name)
			d.Switches = append(d.Switches, rack.Switch{Address: a, Name: name, Hardware: model, OS: os, Rack: "rack.net", PositionU: i + 1})
			*into = append(*into, a)
		}
	}
}

// count counts cables, not legs, by the kind of their first end.
func count(f rack.Fabric) (node, manager, spine int) {
	seen := map[string]bool{}
	for _, l := range f.Links {
		label := strings.TrimRight(l.Label, "ab")
		if seen[label] {
			continue
		}
		seen[label] = true
		switch {
		case l.A.Kind == "node":
			node++
		case l.A.Kind == "manager":
			manager++
		default:
			spine++
		}
	}
	return node, manager, spine
}

// TestReferenceArchitectures holds every full design against the vendor's own counts of switches and cables.
func TestReferenceArchitectures(t *testing.T) {
	for _, c := range []struct {
		design                                             string
		nodes, units, leaf, spine, nodeCables, spineCables int
	}{
		{"fabric.ndr400_rail8_su32", 31, 1, 8, 4, 252, 256},
		{"fabric.ndr400_rail8_su32", 63, 2, 16, 8, 508, 512},
		{"fabric.ndr400_rail8_su32", 95, 3, 24, 16, 764, 768},
		{"fabric.ndr400_rail8_su32", 127, 4, 32, 16, 1020, 1024},
		{"fabric.xdr800_su72", 72, 1, 8, 4, 576, 576},
		{"fabric.spectrumx800_su64", 64, 1, 16, 8, 512, 512},
		{"fabric.spectrumx800_su64", 65, 2, 32, 16, 520, 1024},
	} {
		d, problems := site(t, c.design, c.nodes, nil)
		f := d.Fabrics[0]
		for _, p := range problems {
			if !p.Warning {
				t.Errorf("%s, %d nodes: %s: %s", c.design, c.nodes, p.Summary, p.Detail)
			}
		}
		node, manager, spine := count(f)
		got := []int{f.Units, role(f, "leaf"), role(f, "spine"), node + manager, spine}
		if diff := cmp.Diff([]int{c.units, c.leaf, c.spine, c.nodeCables, c.spineCables}, got); diff != "" {
			t.Errorf("%s, %d nodes (-want +got):\n%s", c.design, c.nodes, diff)
		}
		oneCableAPort(t, f)
	}
}

func role(f rack.Fabric, r string) int {
	n := 0
	for _, s := range f.Switches {
		if s.Role == r {
			n++
		}
	}
	return n
}

func oneCableAPort(t *testing.T, f rack.Fabric) {
	t.Helper()
	ports, labels := map[string]string{}, map[string]bool{}
	for _, l := range f.Links {
		if labels[l.Label] {
			t.Errorf("label %s stands twice", l.Label)
		}
		labels[l.Label] = true
		for _, e := range []rack.End{l.A, l.B} {
			k := e.Device + " " + e.Port
			if ports[k] != "" {
				t.Errorf("%s has cables %s and %s", k, ports[k], l.Label)
			}
			ports[k] = l.Label
		}
	}
}

// TestRailOptimised: rail r of node i is on leaf r, port i, whatever the order of the input and however many nodes there are.
func TestRailOptimised(t *testing.T) {
	d, _ := site(t, "fabric.ndr400_rail8_su32", 16, placed(8, 4, "switch.qm9700", ""))
	f := d.Fabrics[0]
	at := map[string]rack.Link{}
	for _, l := range f.Links {
		at[l.A.Device+" "+l.A.Port] = l
	}
	l := at["n11 rail3"]
	if l.B.Device != "leaf3" || l.B.Port != "11" || l.Label != "0083" || l.Colour != "green" || l.Speed != "400G" {
		t.Errorf("rail 3 of node 11 is %+v", l)
	}
	if l.A.Rack != "rack.r3" || l.A.PositionU != 23 || l.B.PositionU != 3 || l.LengthM == 0 || l.Media != "mmf" {
		t.Errorf("rail 3 of node 11 is laid as %+v", l)
	}
	if m := at["compute-manager 1"]; m.B.Device != "leaf1" || m.B.Port != "32" || m.Label != "0249" {
		t.Errorf("the manager is on %+v", m)
	}
	if s, _ := f.Switch("leaf1"); s.Empty != 15 {
		t.Errorf("leaf 1 has %d empty ports, want 15: 16 nodes and the manager on 32", s.Empty)
	}
	// One node more changes no cable that is laid.
	more, _ := site(t, "fabric.ndr400_rail8_su32", 17, placed(8, 4, "switch.qm9700", ""))
	have := map[string]rack.Link{}
	for _, l := range more.Fabrics[0].Links {
		have[l.Label] = l
	}
	for _, l := range f.Links {
		if diff := cmp.Diff(l, have[l.Label]); diff != "" {
			t.Errorf("cable %s changes with a node more (-16 +17):\n%s", l.Label, diff)
		}
	}
	// The order of the input does not count.
	turned, _ := site(t, "fabric.ndr400_rail8_su32", 16, func(d *rack.Design, f *rack.Fabric) {
		placed(8, 4, "switch.qm9700", "")(d, f)
		slices.Reverse(d.Nodes)
		slices.Reverse(d.Switches)
		slices.Reverse(f.Attach)
		slices.Reverse(f.Leafs)
		slices.Sort(f.Attach)
		slices.Sort(f.Leafs)
	})
	if a, b := text(t, d.Fabrics), text(t, turned.Fabrics); a != b {
		t.Errorf("the order of the input changes the fabric (-want +got):\n%s", cmp.Diff(a, b))
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTwoPlanes: each port of a node is split to two leaves, one a plane, and no cable joins the planes.
func TestTwoPlanes(t *testing.T) {
	d, problems := site(t, "fabric.spectrumx800_su64", 4, func(d *rack.Design, f *rack.Fabric) {
		placed(16, 8, "switch.sn5600", "cumulus")(d, f)
		f.Network = "compute"
	})
	if len(problems) > 0 {
		t.Errorf("problems: %+v", problems)
	}
	f := d.Fabrics[0]
	plane := map[string]int{}
	for _, s := range f.Switches {
		plane[s.Name] = s.Plane
		if s.ASN == 0 || s.Loopback == "" {
			t.Errorf("%s has no AS number or loopback", s.Name)
		}
	}
	byLabel := map[string]rack.Link{}
	for _, l := range f.Links {
		byLabel[l.Label] = l
		if l.A.Kind == "switch" && plane[l.A.Device] != plane[l.B.Device] {
			t.Errorf("%s joins the planes: %s with %s", l.Label, l.A.Device, l.B.Device)
		}
	}
	a, b := byLabel["0009a"], byLabel["0009b"] // rail 1 of the second node
	if a.A.Device != "n2" || a.B.Device != "leaf1" || a.B.Port != "swp1s1" || b.B.Device != "leaf2" || b.B.Port != "swp1s1" {
		t.Errorf("rail 1 of n2 is on %+v and %+v", a.B, b.B)
	}
	if a.A.Address == "" || !strings.HasSuffix(a.B.Address, "/31") || a.Speed != "400G" {
		t.Errorf("leg a has %+v", a)
	}
	if s1, s2 := sw(f, "spine1"), sw(f, "spine8"); s1.ASN != 4200000000 || s2.ASN != 4200000001 {
		t.Errorf("spines of the planes have AS %d and %d", s1.ASN, s2.ASN)
	}
}

func sw(f rack.Fabric, name string) rack.FabricSwitch {
	s, _ := f.Switch(name)
	return s
}

// TestChecks: what does not fit is said, on the attribute that asks for it.
func TestChecks(t *testing.T) {
	for _, c := range []struct {
		name   string
		design string
		nodes  int
		edit   func(*rack.Design, *rack.Fabric)
		want   string // "rule leaf summary", "" = no error
	}{
		{"31 nodes and the manager", "fabric.ndr400_rail8_su32", 31, one, ""},
		{"32 nodes, one unit", "fabric.ndr400_rail8_su32", 32, one, "fabric.leaf_ports attach Too many nodes for the leaves"},
		{"32 nodes, manager elsewhere", "fabric.ndr400_rail8_su32", 32, func(d *rack.Design, f *rack.Fabric) {
			one(d, f)
			f.Manager = "elsewhere"
		}, ""},
		{"more units than were read", "fabric.ndr400_rail8_su32", 4, func(_ *rack.Design, f *rack.Fabric) { f.Units = 5 },
			"fabric.design design Fabric design cannot be computed"},
		{"three tiers", "fabric.ndr400_rail8_su32", 4, func(_ *rack.Design, f *rack.Fabric) { f.Units = 16 },
			"fabric.design units Fabric design cannot be computed"},
		{"seven leaves", "fabric.ndr400_rail8_su32", 4, placed(7, 4, "switch.qm9700", ""), "fabric.design leaf Wrong number of switches"},
		{"other switches", "fabric.ndr400_rail8_su32", 4, placed(8, 4, "switch.sn5600", ""), "fabric.design leaf Switch of another model"},
		{"pool too small", "fabric.ndr400_rail8_su32", 31, func(d *rack.Design, f *rack.Fabric) { f.Network = "small" },
			"fabric.addresses network Address pool too small"},
		{"pool large enough", "fabric.ndr400_rail8_su32", 31, func(_ *rack.Design, f *rack.Fabric) { f.Network = "compute" }, ""},
		{"no such pool", "fabric.ndr400_rail8_su32", 1, func(_ *rack.Design, f *rack.Fabric) { f.Network = "x" },
			"fabric.addresses network No such network"},
		{"slot twice", "fabric.ndr400_rail8_su32", 2, func(_ *rack.Design, f *rack.Fabric) { f.Slots = map[string]int{"n1": 3, "n2": 3} },
			"fabric.leaf_ports slots Slot taken twice"},
		{"too few management ports", "fabric.nvl72_rack", 49, oob(1), "fabric.management_ports management Too few management ports"},
		{"management ports", "fabric.nvl72_rack", 49, oob(2), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := site(t, c.design, c.nodes, c.edit)
			got := ""
			for _, p := range problems {
				if !p.Warning && got == "" {
					got = strings.Join([]string{p.Rule, p.Leaf, p.Summary}, " ")
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func one(_ *rack.Design, f *rack.Fabric) { f.Units = 1 }

// oob names n management switches.
func oob(n int) func(*rack.Design, *rack.Fabric) {
	return func(d *rack.Design, f *rack.Fabric) {
		for i := range n {
			a := rack.Address(fmt.Sprintf("switch.oob%d", i+1))
			d.Switches = append(d.Switches, rack.Switch{Address: a, Name: string(a[7:]), Hardware: "switch.sn2201", Rack: "rack.r1", PositionU: 44 + i})
			f.Management = append(f.Management, a)
		}
	}
}

// TestManagementOfNVL72: 18 trays with two DPUs, 9 NVLink switch trays and 8 power shelves are the 71 endpoints of a rack.
func TestManagementOfNVL72(t *testing.T) {
	d, problems := site(t, "fabric.nvl72_rack", 18, func(d *rack.Design, f *rack.Fabric) {
		d.Racks = []rack.Rack{{Address: "rack.r1", Name: "r1", Site: "site.dc", Model: "rack.gb200_nvl72", Position: "A/1"}}
		for i := range d.Nodes {
			d.Nodes[i].Hardware, d.Nodes[i].Rack, d.Nodes[i].PositionU = "server.gb200_compute_tray", "rack.r1", 10+i
		}
		oob(2)(d, f)
	})
	for _, p := range problems {
		if !p.Warning {
			t.Errorf("%s: %s", p.Summary, p.Detail)
		}
	}
	f := d.Fabrics[0]
	if len(f.Links) != 71 {
		t.Errorf("%d endpoints, want 71", len(f.Links))
	}
	oneCableAPort(t, f)
}

// TestNoColourOfOthers: salmon pink and red are kept for systems of other classifications.
func TestNoColourOfOthers(t *testing.T) {
	d, _ := site(t, "fabric.ndr400_rail8_su32", 31, nil)
	for _, l := range d.Fabrics[0].Links {
		if l.Colour == "" || strings.Contains(l.Colour, "red") || strings.Contains(l.Colour, "pink") {
			t.Errorf("cable %s is %q", l.Label, l.Colour)
		}
	}
}
