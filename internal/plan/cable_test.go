package plan

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// wiredLab is two nodes on one leaf, which tells its neighbours as seen: port → neighbour.
func wiredLab(verify string, seen map[string]string) *lab {
	l := newLab()
	f := rack.Fabric{Address: "fabric.f", Name: "f", Verify: verify, Protocol: "Ethernet",
		Switches: []rack.FabricSwitch{{Name: "leaf1", Role: "leaf"}}, Origin: line(9)}
	for i, name := range []string{"a", "b"} {
		n, _ := l.node(name, "smc")
		n.Power = "On"
		f.Attach = append(f.Attach, n.Address)
		f.Links = append(f.Links, rack.Link{Label: "000" + string(rune('1'+i)), Colour: "blue", Rail: 1,
			A: rack.End{Device: name, Kind: "node", Port: "rail1"},
			B: rack.End{Device: "leaf1", Kind: "switch", Port: "swp" + string(rune('1'+i))}})
	}
	l.d.Fabrics = []rack.Fabric{f}
	if seen != nil {
		l.o.Cables = &rack.Cables{Read: []string{"leaf1"}}
		for _, port := range sortedKeys(seen) {
			l.o.Cables.Seen = append(l.o.Cables.Seen, rack.SeenCable{Device: "leaf1", Ports: []string{port},
				Neighbour: rack.Neighbour{System: seen[port], Port: "eth0"}})
		}
	}
	return l
}

// TestCablesGate: a node whose own cable is known to be wrong is blocked with the cable named; the others go on. What is unknown
// stops a node only where the fabric requires its cables.
func TestCablesGate(t *testing.T) {
	for _, c := range []struct {
		name, verify string
		seen         map[string]string
		want         string // rules by node
	}{
		{"nobody told", "if_seen", nil, ""},
		{"nobody told, required", "require", nil, "a cable.unknown b cable.unknown"},
		{"as planned", "require", map[string]string{"swp1": "a", "swp2": "b"}, ""},
		{"swapped", "if_seen", map[string]string{"swp1": "b", "swp2": "a"}, "a cable.swapped b cable.swapped"},
		{"one is out", "if_seen", map[string]string{"swp1": "a"}, "b cable.missing"},
		{"one is elsewhere", "if_seen", map[string]string{"swp1": "a", "swp7": "b"}, "b cable.wrong"},
		{"somebody else is there", "if_seen", map[string]string{"swp1": "a", "swp2": "printer"}, "b cable.wrong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := wiredLab(c.verify, c.seen)
			p, report := l.build()
			var got []string
			for _, n := range append(append([]Note{}, report.Waiting...), report.Blocked...) {
				got = append(got, n.Node+" "+n.Rule)
				if strings.HasPrefix(n.Rule, "cable.") && n.Rule != "cable.unknown" && (!strings.Contains(n.Detail, "label 000") || n.Origin != line(9)) {
					t.Errorf("the note names no cable, or no line: %+v", n)
				}
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
			for _, n := range p.Nodes {
				if strings.Contains(c.want, n.Name+" cable") {
					t.Errorf("node %s is planned all the same", n.Name)
				}
			}
		})
	}
}
