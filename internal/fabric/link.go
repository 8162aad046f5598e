package fabric

import (
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/rack"
)

// colours of the rails. Neither salmon pink nor red, which Australia's ISM keeps for other classifications (ism-1718, ism-1719);
// the rail's number stands on every label too, so that a plan printed in grey says the same.
var colours = []string{"blue", "orange", "green", "violet", "yellow", "white", "brown", "aqua"}

const (
	spineColour      = "grey"
	managementColour = "black"
)

func railColour(rail int) string { return colours[(rail-1)%len(colours)] }

// place makes the switches of the full design. Those that a switch block places keep its name; the others get one.
func (b *builder) place() {
	s := b.shape
	perLeafUnit := s.rails * s.planes
	leafs, spines := b.given(b.f.Leafs, s.leaf, "leaf"), b.given(b.f.Spines, s.spine, "spine")
	for i := range s.leaf {
		in := i % perLeafUnit
		sw := leafs[i]
		sw.Role, sw.Unit, sw.Rail = "leaf", i/perLeafUnit+1, in/s.planes+1
		if s.planes > 1 {
			sw.Plane = in%s.planes + 1
		}
		b.leafs = append(b.leafs, b.fill(sw, s.leafModel, i, "leaf"))
	}
	perPlane := s.spine / s.planes
	for i := range s.spine {
		sw := spines[i]
		sw.Role = "spine"
		if s.planes > 1 {
			sw.Plane = i/perPlane + 1
		}
		b.spines = append(b.spines, b.fill(sw, s.spineModel, i, "spine"))
	}
}

// given gives the switch blocks of a role, in natural order of their names, padded with nothing.
func (b *builder) given(refs []rack.Address, want int, role string) []rack.FabricSwitch {
	out := make([]rack.FabricSwitch, want)
	if len(refs) != 0 && len(refs) != want {
		b.problem("fabric.design", role, "Wrong number of switches", fmt.Sprintf(
			"%d units of hw.%s have %d %s switches; %d are named.", b.f.Units, b.f.Design, want, role, len(refs)))
	}
	for i, sw := range b.switches(refs) {
		if i < want {
			out[i] = sw
		}
	}
	return out
}

func (b *builder) switches(refs []rack.Address) []rack.FabricSwitch {
	var out []rack.FabricSwitch
	for _, s := range b.d.Switches {
		if slices.Contains(refs, s.Address) {
			out = append(out, rack.FabricSwitch{Address: s.Address, Name: s.Name, Hardware: s.Hardware, OS: s.OS, Rack: s.Rack,
				PositionU: s.PositionU, ChassisID: s.ChassisID})
		}
	}
	slices.SortStableFunc(out, func(x, y rack.FabricSwitch) int { return natural(x.Name, y.Name) })
	return out
}

func (b *builder) fill(sw rack.FabricSwitch, model string, i int, role string) rack.FabricSwitch {
	if sw.Name == "" {
		sw.Name = fmt.Sprintf("%s-%s%d", b.f.Name, role, i+1)
		sw.Hardware = model
	}
	if sw.Hardware != model {
		b.problem("fabric.design", role, "Switch of another model", fmt.Sprintf("%s is hw.%s; hw.%s is made of hw.%s.", sw.Address,
			sw.Hardware, b.f.Design, model))
	}
	return sw
}

// nodeLinks are rail r of the node in row i to port i of leaf r of its unit; with planes a cable has a leg to each.
func (b *builder) nodeLinks() {
	s := b.shape
	for row, n := range b.nodes {
		if n.Name == "" {
			continue
		}
		for rail := 1; rail <= s.rails; rail++ {
			for plane := range s.planes {
				b.add(b.nodeLink(row, rail, plane, rack.End{Device: n.Name, Kind: "node", Rack: n.Rack, PositionU: n.PositionU,
					Port: fmt.Sprintf("rail%d", rail), Number: rail, Also: b.railNames(rail, plane)}))
			}
		}
	}
	for i := range b.leafs {
		b.leafs[i].Empty = s.perUnit
		for row := range s.perUnit {
			if b.nodes[(b.leafs[i].Unit-1)*s.perUnit+row].Name != "" {
				b.leafs[i].Empty--
			}
		}
	}
}

func (b *builder) nodeLink(row, rail, plane int, end rack.End) rack.Link {
	s := b.shape
	leaf := b.leafs[(row/s.perUnit)*s.rails*s.planes+(rail-1)*s.planes+plane]
	l := rack.Link{Label: fmt.Sprintf("%s%04d", b.prefix, row*s.rails+rail), Network: b.f.Name, Rail: rail, Colour: railColour(rail),
		Speed: b.speed(s.planes), A: end}
	if s.planes > 1 {
		l.Plane = plane + 1
		l.Label += string(rune('a' + plane))
		if end.Kind == "node" {
			l.A.Port += fmt.Sprintf("/%d", plane+1)
		}
	}
	l.B = b.leafPort(leaf, row%s.perUnit)
	return l
}

// leafPort is port row+1 of a leaf; with planes two rows share a cage.
func (b *builder) leafPort(leaf rack.FabricSwitch, row int) rack.End {
	if b.shape.planes > 1 {
		return b.port(leaf, row/b.shape.planes+1, row%b.shape.planes+1)
	}
	return b.port(leaf, row+1, 0)
}

// managerLinks are the cables of the fabric manager, in the last row of the last unit. Which leaves they go to was not read; here
// they go to those of the first rails.
func (b *builder) managerLinks() {
	last := b.shape.perUnit*b.shape.units - 1
	for i := 1; i <= b.shape.manager; i++ {
		l := b.nodeLink(last, i, 0, rack.End{Device: b.f.Name + "-manager", Kind: "manager", Port: fmt.Sprint(i), Number: i})
		b.add(l)
		for k := range b.leafs {
			if b.leafs[k].Name == l.B.Device {
				b.leafs[k].Empty--
			}
		}
	}
}

// spineLinks join every leaf with every spine of its plane by the same number of cables.
func (b *builder) spineLinks() {
	s := b.shape
	perPlane, label := s.spine/s.planes, 0
	seen := make([]int, s.planes) // leaves of a plane so far
	for _, leaf := range b.leafs {
		plane := max(leaf.Plane-1, 0)
		for m := range perPlane {
			spine := b.spines[plane*perPlane+m]
			for j := range s.perPair {
				label++
				b.add(rack.Link{Label: fmt.Sprintf("%sS%04d", b.prefix, label), Network: b.f.Name, Plane: leaf.Plane, Colour: spineColour,
					Speed: b.speed(1), A: b.port(leaf, s.down/s.planes+m*s.perPair+j+1, 0),
					B: b.port(spine, seen[plane]*s.perPair+j+1, 0)})
			}
		}
		seen[plane]++
	}
}

// port is a port of a switch under the names that its operating system and LLDP use. leg is 0 for a whole cage.
func (b *builder) port(sw rack.FabricSwitch, n, leg int) rack.End {
	e := rack.End{Device: sw.Name, Kind: "switch", Rack: sw.Rack, PositionU: sw.PositionU, Number: n}
	switch {
	case b.f.Protocol == "InfiniBand":
		e.Port = fmt.Sprint(n)
		if per := int(b.d.Hardware[sw.Hardware].Facts["ports.per_cage"].Value); per > 1 {
			e.Also = []string{fmt.Sprintf("%d/%d", (n-1)/per+1, (n-1)%per+1)}
		}
	case sw.OS == "sonic":
		e.Port, e.Also = sonicPort(n, leg)
	case leg > 0:
		e.Port = fmt.Sprintf("swp%ds%d", n, leg-1)
	default:
		e.Port = fmt.Sprintf("swp%d", n)
	}
	return e
}

// sonicLanes is how many lanes a cage of the 800G generation has; SONiC numbers its ports by them.
const sonicLanes = 8

func sonicPort(n, leg int) (string, []string) {
	if leg == 0 {
		return fmt.Sprintf("Ethernet%d", (n-1)*sonicLanes), []string{fmt.Sprintf("etp%d", n)}
	}
	return fmt.Sprintf("Ethernet%d", (n-1)*sonicLanes+(leg-1)*sonicLanes/2), []string{fmt.Sprintf("etp%d%c", n, 'a'+rune(leg-1))}
}

// railNames are the author's names of a rail's port on a node.
func (b *builder) railNames(rail, plane int) []string {
	i := (rail-1)*b.shape.planes + plane
	if len(b.f.RailPorts) == b.shape.rails {
		i = rail - 1
	}
	if i >= len(b.f.RailPorts) {
		return nil
	}
	return splitNames(b.f.RailPorts[i])
}

func (b *builder) speed(planes int) string {
	bps := b.hw.Facts["rails.rate"].Value / float64(planes)
	if bps <= 0 {
		return ""
	}
	return fmt.Sprintf("%gG", bps/1e9)
}

func (b *builder) add(l rack.Link) {
	b.lay(&l)
	b.f.Links = append(b.f.Links, l)
}
