// Package fabric computes cabling: from the fabric blocks of a Design every switch, port, cable, label, address and AS number
// (Resolve), and from what LLDP and its like told which cables are not as planned (Verify). It is pure.
package fabric

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// A Problem is something about a fabric that its author has to know. Leaf is the attribute that it is about.
type Problem struct {
	Rule    string
	About   []rack.Address // the first is the element it is shown at
	Leaf    string
	Summary string
	Detail  string
	Warning bool
}

// Rules lists the rules that Resolve judges by, for waivers.
func Rules() []string {
	return []string{"fabric.design", "fabric.leaf_ports", "fabric.length", "fabric.management_ports", "fabric.addresses"}
}

// Resolve fills in the switches and links of every fabric of d. What d says before it is what the blocks say. The same d gives the
// same bytes; nothing depends on the order of its slices.
func Resolve(d *rack.Design) []Problem {
	slices.SortFunc(d.Fabrics, func(a, b rack.Fabric) int { return cmp.Compare(a.Address, b.Address) })
	var out []Problem
	for i := range d.Fabrics {
		b := &builder{d: d, f: &d.Fabrics[i]}
		if len(d.Fabrics) > 1 {
			b.prefix = b.f.Name + "-"
		}
		b.build()
		out = append(out, b.problems...)
	}
	return out
}

// builder computes one fabric.
type builder struct {
	d        *rack.Design
	f        *rack.Fabric
	hw       rack.Hardware
	prefix   string
	shape    shape
	nodes    []rack.Node // by slot; a zero node is an empty slot
	leafs    []rack.FabricSwitch
	spines   []rack.FabricSwitch
	problems []Problem
	unplaced []string // devices without a place, for one sentence
	far      []string // labels that no known medium reaches
}

func (b *builder) build() {
	b.hw = b.d.Hardware[b.f.Design]
	if b.hw.Fabric == nil {
		b.warn("fabric.design", "design", "Not computed",
			fmt.Sprintf("hw.%s says how many switches there are, not how they are joined, so no cable is planned.", b.f.Design))
		return
	}
	b.f.Protocol = b.hw.Fabric.Protocol
	if b.hw.Fabric.Shape == "rail" {
		if !b.measure() || !b.slots() {
			return
		}
		b.place()
		b.nodeLinks()
		b.managerLinks()
		b.spineLinks()
		b.f.Switches = slices.Concat(b.leafs, b.spines)
		b.numbers()
	}
	b.management()
	b.sayLengths()
}

func (b *builder) problem(rule, leaf, summary, detail string) {
	b.problems = append(b.problems, Problem{Rule: rule, About: []rack.Address{b.f.Address}, Leaf: leaf, Summary: summary, Detail: detail})
}

func (b *builder) warn(rule, leaf, summary, detail string) {
	b.problem(rule, leaf, summary, detail)
	b.problems[len(b.problems)-1].Warning = true
}

// fact is a number of the design; 0 = the catalog does not have it.
func (b *builder) fact(name string) int { return int(b.hw.Facts[name].Value) }

// shape is the size of the full design.
type shape struct {
	rails, planes, units  int
	perUnit               int // rows of leaf ports in a unit
	leaf, spine           int // in all
	down, up              int // cables of one leaf
	perPair               int // cables between a leaf and a spine
	manager               int // cables of the fabric manager
	leafModel, spineModel string
}

// measure chooses the number of units and takes their size from the catalog.
func (b *builder) measure() bool {
	s := shape{rails: b.fact("rails.count"), planes: max(b.fact("rails.planes"), 1), leafModel: b.hw.Fabric.Leaf,
		spineModel: b.hw.Fabric.Spine}
	if n := b.fact("manager.cables"); n > 0 && b.f.Manager != "elsewhere" {
		s.manager, b.f.Manager = n, "leaf"
	}
	sizes := b.sizes()
	s.units = b.f.Units
	for _, u := range sizes {
		if s.units == 0 && b.sized(s, u).capacity() >= b.needed() {
			s.units = u
		}
	}
	if s.units == 0 && len(sizes) > 0 {
		s.units = sizes[len(sizes)-1]
	}
	at := fmt.Sprintf("units.%d.", s.units)
	s = b.sized(s, s.units)
	if !slices.Contains(sizes, s.units) || s.rails == 0 || s.leaf == 0 || s.spine == 0 {
		b.problem("fabric.design", "design", "Fabric design cannot be computed", fmt.Sprintf(
			"hw.%s does not say the size of %d units. It says those of %s.", b.f.Design, s.units, joinInts(sizes)))
		return false
	}
	b.shape = s
	b.f.Units, b.f.Rails, b.f.Capacity = s.units, s.rails, s.capacity()
	if s.planes > 1 {
		b.f.Planes = s.planes
	}
	return b.checkShape(at)
}

// sized is s with u units. As many cables go up from a leaf as down, in a full unit.
func (b *builder) sized(s shape, u int) shape {
	at := fmt.Sprintf("units.%d.", u)
	s.units, s.leaf, s.spine = u, b.fact(at+"leaf"), b.fact(at+"spine")
	if s.leaf == 0 || s.spine == 0 {
		return s
	}
	if cables := b.fact(at + "spine_cables"); cables > 0 {
		s.up = cables / s.leaf
	} else {
		s.up = (b.fact(at+"nodes") + u - 1) / u / s.planes
	}
	s.perUnit, s.down = s.up*s.planes, s.up*s.planes
	s.perPair = s.up * s.planes / s.spine
	return s
}

// capacity is how many nodes the units take: the manager's row takes none.
func (s shape) capacity() int {
	n := s.perUnit * s.units
	if s.manager > 0 {
		n--
	}
	return n
}

// checkShape holds the catalog's numbers against each other: a design that does not come out even is not cabled by guess.
func (b *builder) checkShape(at string) bool {
	s := b.shape
	three := b.fact(at+"core") > 0
	even := s.leaf == s.units*s.rails*s.planes && s.spine%s.planes == 0 && s.perPair > 0 && s.perPair*s.spine/s.planes == s.up
	if three || !even {
		b.problem("fabric.design", "units", "Fabric design cannot be computed", fmt.Sprintf(
			"%d units of hw.%s have %d leaf and %d spine switches; this version joins two tiers, whose numbers come out even.",
			s.units, b.f.Design, s.leaf, s.spine))
		return false
	}
	if want := b.fact(at + "node_cables"); want > 0 && b.f.Manager != "elsewhere" && want != b.f.Capacity*s.rails+s.manager {
		b.problem("fabric.design", "units", "Fabric design cannot be computed", fmt.Sprintf(
			"%d units of hw.%s have %d node cables; %d nodes on %d rails and %d of the manager are another number.",
			s.units, b.f.Design, want, b.f.Capacity, s.rails, s.manager))
		return false
	}
	for _, c := range []struct {
		model string
		want  int
	}{{s.leafModel, s.down/s.planes + s.up}, {s.spineModel, s.perPair * s.leaf / s.planes}} {
		if n, ok := b.d.Hardware[c.model].Facts["ports.data"]; ok && int(n.Value) < c.want {
			b.problem("fabric.leaf_ports", "design", "Too few switch ports", fmt.Sprintf(
				"%d units of hw.%s take %d ports of a hw.%s, which has %d.", s.units, b.f.Design, c.want, c.model, int(n.Value)))
			return false
		}
	}
	return true
}

// sizes lists the numbers of units that the catalog knows, smallest first.
func (b *builder) sizes() []int {
	var out []int
	for key := range b.hw.Facts {
		var n int
		if _, err := fmt.Sscanf(key, "units.%d.nodes", &n); err == nil && strings.HasSuffix(key, ".nodes") {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// needed is how many slots the attached nodes take: the highest pinned slot counts.
func (b *builder) needed() int {
	n := len(b.f.Attach)
	for _, s := range b.f.Slots {
		n = max(n, s)
	}
	return n
}

// slots gives every attached node its row of leaf ports: its pinned slot, else the next free one, nodes in natural order of their
// names.
func (b *builder) slots() bool {
	capacity := b.f.Capacity
	if n := b.needed(); n > capacity {
		detail := fmt.Sprintf("%d nodes are attached; %d units of hw.%s take %d.", n, b.f.Units, b.f.Design, capacity)
		if b.f.Manager == "leaf" {
			detail += " One row of leaf ports goes to the fabric manager; set manager = \"elsewhere\" when it sits on no leaf."
		}
		b.problem("fabric.leaf_ports", "attach", "Too many nodes for the leaves", detail)
		return false
	}
	rows := make([]rack.Node, b.shape.perUnit*b.shape.units)
	var rest []rack.Node
	taken := map[int]string{}
	for _, a := range b.f.Attach {
		n, ok := b.d.Node(string(a))
		if !ok {
			continue
		}
		s := b.f.Slots[n.Name]
		if s == 0 {
			rest = append(rest, n)
			continue
		}
		if other := taken[s]; other != "" {
			b.problem("fabric.leaf_ports", "slots", "Slot taken twice", fmt.Sprintf("%s and %s both have slot %d.", other, n.Name, s))
			return false
		}
		taken[s], rows[s-1] = n.Name, n
	}
	slices.SortStableFunc(rest, func(x, y rack.Node) int { return natural(x.Name, y.Name) })
	at := 0
	for _, n := range rest {
		for rows[at].Name != "" {
			at++
		}
		rows[at] = n
	}
	b.nodes = rows
	return true
}

func joinInts(list []int) string {
	var out []string
	for _, n := range list {
		out = append(out, fmt.Sprint(n))
	}
	return strings.Join(out, ", ")
}

// natural compares names as people count: n2 before n10.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			na, nb := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), cmp.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
