package fabric_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

// bench is a design of four nodes on two rails, placed.
func bench(t *testing.T) rack.Design {
	t.Helper()
	d, problems := site(t, "fabric.lab_rail2", 4, func(d *rack.Design, f *rack.Fabric) {
		placed(2, 2, "switch.sn5600", "cumulus")(d, f)
		f.RailPorts = []string{"ens1f0np0", "ens2f0np0"}
	})
	for _, p := range problems {
		t.Fatalf("%s: %s", p.Summary, p.Detail)
	}
	return d
}

// told is what observers would tell of a fabric that is as planned: by "switches", by "hosts", or by hosts whose port names the
// design does not have ("strangers").
func told(d rack.Design, by string) rack.Cables {
	var c rack.Cables
	see := func(x, y rack.End, port string) {
		c.Seen = append(c.Seen, rack.SeenCable{Source: by, Device: x.Device, Ports: []string{port}, Neighbour: rack.Neighbour{System: y.Device, Port: y.Port}})
		if !slices.Contains(c.Read, x.Device) {
			c.Read = append(c.Read, x.Device)
		}
	}
	for _, l := range d.Fabrics[0].Links {
		switch by {
		case "switches":
			y := l.A
			if y.Kind == "node" {
				y.Port = y.Also[0]
			}
			see(l.B, y, l.B.Port)
			if l.A.Kind == "switch" {
				see(l.A, l.B, l.A.Port)
			}
		case "hosts":
			if l.A.Kind == "node" {
				see(l.A, l.B, strings.ToUpper(l.A.Also[0]))
			}
		default:
			if l.A.Kind == "node" {
				see(l.A, l.B, "port"+fmt.Sprint(9-l.Rail))
			}
		}
	}
	return c
}

// swap exchanges what stands at two ports of a switch, as every observer tells it.
func swap(c *rack.Cables, device, p, q string) {
	turn := func(port string) string {
		switch port {
		case p:
			return q
		case q:
			return p
		}
		return port
	}
	for i := range c.Seen {
		s := &c.Seen[i]
		if s.Device == device {
			s.Ports = []string{turn(s.Ports[0])}
		}
		if s.Neighbour.System == device {
			s.Neighbour.Port = turn(s.Neighbour.Port)
		}
	}
}

func drop(c *rack.Cables, device, port string) {
	c.Seen = slices.DeleteFunc(c.Seen, func(s rack.SeenCable) bool {
		return s.Device == device && strings.EqualFold(s.Ports[0], port) || s.Neighbour.System == device && s.Neighbour.Port == port
	})
}

func lines(f fabric.Findings) string {
	out := []string{fmt.Sprintf("planned %d, ok %d, unknown %d, not asked %d", f.Planned, f.OK, f.Unknown, f.NotAsked)}
	for _, x := range f.Items {
		out = append(out, x.Kind+" "+strings.Join(x.Nodes, ","))
		out = append(out, x.Lines...)
		out = append(out, "  "+x.Do)
	}
	return strings.Join(out, "\n")
}

// TestVerify holds what observers tell of planned and of wrong cables against the plan. 4 nodes on 2 rails are 8 cables, and 32 go
// up from two leaves.
func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name, by string
		edit     func(*rack.Cables)
		want     string
	}{
		{"as planned", "switches", nil, "planned 40, ok 40, unknown 0, not asked 0"},
		{"hosts tell of their own", "hosts", nil, `planned 40, ok 8, unknown 32, not asked 0
unknown 
net U1 leaf1  nobody told of cables S0001 to S0016 (16)
  Give the neighbours of leaf1 or of the switches it is on: --lldp FILE.
unknown 
net U2 leaf2  nobody told of cables S0017 to S0032 (16)
  Give the neighbours of leaf2 or of the switches it is on: --lldp FILE.`},
		{"two nodes changed places, told by the leaf", "switches", func(c *rack.Cables) { swap(c, "leaf1", "swp2", "swp3") },
			`planned 40, ok 38, unknown 0, not asked 0
swapped n2,n3
r1 U13 n2 rail1  is on leaf1 swp3, planned leaf1 swp2
r1 U23 n3 rail1  is on leaf1 swp2, planned leaf1 swp3
  Swap these two at the leaves: label 0003 (blue) and 0005 (blue): net U1 leaf1 swp2 and net U1 leaf1 swp3.`},
		{"a cable is out", "switches", func(c *rack.Cables) { drop(c, "leaf2", "swp4") }, `planned 40, ok 39, unknown 0, not asked 0
missing n4
r1 U33 n4 rail2  no neighbour; planned leaf2 swp4 (label 0008, orange)
  Look at both ends of cable 0008: r1 U33 n4 rail2 and net U2 leaf2 swp4. If it is there, clean and reseat it.`},
		{"one port further", "switches", func(c *rack.Cables) { swap(c, "leaf2", "swp4", "swp9") }, `planned 40, ok 39, unknown 0, not asked 0
wrong n4
r1 U33 n4 rail2  is on leaf2 swp9, planned leaf2 swp4 (label 0008, orange)
  Move cable 0008 (orange) from leaf2 swp9 to net U2 leaf2 swp4.`},
		{"a stranger on an empty port", "switches", func(c *rack.Cables) {
			c.Seen = append(c.Seen, rack.SeenCable{Device: "leaf1", Ports: []string{"swp12"}, Neighbour: rack.Neighbour{System: "laptop", Port: "eth0"}})
		}, `planned 40, ok 40, unknown 0, not asked 0
extra 
net U1 leaf1 swp12  has laptop eth0; nothing is planned there
  Take it out, or attach laptop in the blueprint.`},
		{"the management port is no extra", "switches", func(c *rack.Cables) {
			c.Seen = append(c.Seen, rack.SeenCable{Device: "leaf1", Ports: []string{"eth0"}, Neighbour: rack.Neighbour{System: "oob", Port: "swp1"}})
		}, "planned 40, ok 40, unknown 0, not asked 0"},
		{"a source could not be read", "switches", func(c *rack.Cables) {
			c.Unread = append(c.Unread, rack.Gap{Address: "leaf9.json", Reason: "it is empty"})
		}, `planned 40, ok 40, unknown 0, not asked 0
unknown 
leaf9.json: it is empty
  What it would have told is unknown. Give it again.`},
		{"an adapter without a name", "switches", func(c *rack.Cables) {
			for i := range c.Seen {
				if s := &c.Seen[i]; s.Device == "leaf1" && s.Ports[0] == "swp2" {
					s.Neighbour = rack.Neighbour{System: "MT4129 ConnectX7   Mellanox Technologies", Chassis: "e09d730300858d88"}
				}
			}
		}, `planned 40, ok 39, unknown 1, not asked 0
unknown n2
r1 U13 n2  nobody told of cable 0003; cable 0003 leads to MT4129 ConnectX7   Mellanox Technologies, which says no name
  Give the neighbours of n2 or of the switches it is on: --lldp FILE. Where a BMC tells only addresses, give the switches their chassis_id.`},
		{"rails of one node, told by the host", "hosts", func(c *rack.Cables) {
			for i := range c.Seen {
				if s := &c.Seen[i]; s.Device == "n1" {
					s.Neighbour.System = map[string]string{"leaf1": "leaf2", "leaf2": "leaf1"}[s.Neighbour.System]
				}
			}
		}, `planned 40, ok 6, unknown 32, not asked 0
swapped n1
r1 U3 n1 rail1  is on leaf2 swp1, planned leaf1 swp1
r1 U3 n1 rail2  is on leaf1 swp1, planned leaf2 swp1
  Swap these two at the leaves: label 0001 (blue) and 0002 (orange): net U1 leaf1 swp1 and net U2 leaf2 swp1.
unknown 
net U1 leaf1  nobody told of cables S0001 to S0016 (16)
  Give the neighbours of leaf1 or of the switches it is on: --lldp FILE.
unknown 
net U2 leaf2  nobody told of cables S0017 to S0032 (16)
  Give the neighbours of leaf2 or of the switches it is on: --lldp FILE.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := bench(t)
			seen := told(d, c.by)
			if c.edit != nil {
				c.edit(&seen)
			}
			got := fabric.Verify(d, seen)
			if diff := cmp.Diff(c.want, lines(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			bad := 0
			for _, x := range got.Items {
				if x.Kind == fabric.Extra {
					continue
				}
				bad += len(x.Labels)
			}
			if got.Planned != got.OK+got.NotAsked+bad {
				t.Errorf("planned %d, but ok %d, not asked %d and %d in findings", got.Planned, got.OK, got.NotAsked, bad)
			}
			slices.Reverse(seen.Seen)
			if diff := cmp.Diff(lines(got), lines(fabric.Verify(d, seen))); diff != "" {
				t.Errorf("the order of what is told changes the findings:\n%s", diff)
			}
		})
	}
}

// TestVerifyWithoutPortNames: hosts whose port names the design does not have still tell on which ports of leaves they are.
func TestVerifyWithoutPortNames(t *testing.T) {
	d := bench(t)
	seen := told(d, "strangers")
	if f := fabric.Verify(d, seen); f.OK != 8 || f.Bad() {
		t.Errorf("as planned:\n%s", lines(f))
	}
	swap(&seen, "leaf1", "swp2", "swp3")
	f := fabric.Verify(d, seen)
	if f.OK != 6 || len(f.Of("n2", fabric.Swapped)) != 1 || len(f.Of("n3", fabric.Swapped)) != 1 || len(f.Of("n1", fabric.Swapped, fabric.Wrong, fabric.Missing)) != 0 {
		t.Errorf("swapped:\n%s", lines(f))
	}
}

// TestNothingSeen: no observer is never "in order".
func TestNothingSeen(t *testing.T) {
	f := fabric.Verify(bench(t), rack.Cables{})
	if f.OK != 0 || f.Unknown != 40 || f.Bad() || len(f.Items) == 0 {
		t.Errorf("nothing seen gives\n%s", lines(f))
	}
}
