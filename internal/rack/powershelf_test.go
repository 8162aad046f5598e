package rack_test

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// shelfDesign is two racks: a01 on a busbar of two shelves, a02 with one shelf for one node and another node on none.
func shelfDesign() rack.Design {
	return rack.Design{
		Racks: []rack.Rack{{Address: "rack.a01", Name: "a01"}, {Address: "rack.a02", Name: "a02"}},
		Nodes: []rack.Node{
			{Address: `node.n["n1"]`, Name: "n1", Rack: "rack.a01"}, {Address: `node.n["n2"]`, Name: "n2", Rack: "rack.a01"},
			{Address: `node.n["n3"]`, Name: "n3", Rack: "rack.a02"}, {Address: `node.n["n4"]`, Name: "n4", Rack: "rack.a02"},
		},
		PowerShelves: []rack.PowerShelf{
			{Address: "power_shelf.p1", Name: "p1", Rack: "rack.a01"}, {Address: "power_shelf.p2", Name: "p2", Rack: "rack.a01"},
			{Address: "power_shelf.p3", Name: "p3", Rack: "rack.a02", Serves: []rack.Address{`node.n["n3"]`}},
		},
	}
}

func TestPowerDomains(t *testing.T) {
	d := shelfDesign()
	var got []string
	for _, p := range d.PowerDomains() {
		s := p.Name + ":"
		for _, x := range p.Shelves {
			s += " " + x.Name
		}
		for _, n := range p.Nodes {
			s += " " + n.Name
		}
		got = append(got, s)
	}
	if want := "a01: p1 p2 n1 n2; a02/n4: n4; a02/p3: p3 n3"; strings.Join(got, "; ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "; "), want)
	}
	for key, want := range map[string]string{"n2": "a01", "p2": "a01", "power_shelf.p3": "a02/p3", `node.n["n4"]`: "a02/n4"} {
		if p, ok := d.PowerDomainOf(key); !ok || p.Name != want {
			t.Errorf("domain of %s is %q", key, p.Name)
		}
	}
	if _, ok := d.PowerDomainOf("n9"); ok {
		t.Error("a node that is not there has a domain")
	}
}

// TestPowerDomainsJoin: a shelf that serves nodes of two busbars joins them.
func TestPowerDomainsJoin(t *testing.T) {
	d := shelfDesign()
	d.PowerShelves = append(d.PowerShelves, rack.PowerShelf{Address: "power_shelf.p4", Name: "p4", Rack: "rack.a02",
		Serves: []rack.Address{`node.n["n2"]`, `node.n["n3"]`}})
	p, ok := d.PowerDomainOf("n1")
	if !ok || p.Name != "a01+a02" || len(p.Shelves) != 4 || len(p.Nodes) != 3 || len(p.Racks) != 2 {
		t.Errorf("%q with %d shelves, %d nodes, %d racks", p.Name, len(p.Shelves), len(p.Nodes), len(p.Racks))
	}
	if n4, _ := d.PowerDomainOf("n4"); n4.Name != "a02" {
		t.Errorf("n4 hangs on no shelf and is in %q", n4.Name)
	}
}
