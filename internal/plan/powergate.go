package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// powerGate holds what is on and what is to come on against what may be drawn: the contracts of racks and sites, and what the
// supplies of power shelves that work can give. Worst case counts: every node that is on draws its peak, and one that was not
// looked at counts as on.
type powerGate struct {
	d     rack.Design
	pools []*powerPool
	on    map[rack.Address]bool
}

// powerPool is one limit and the nodes under it.
type powerPool struct {
	what    string // "the contract of rack a01"
	limit   float64
	nodes   []rack.Node
	drawn   float64  // kW of what is on or was let on
	unknown []string // nodes that draw and whose peak nobody knows
	shelves bool     // the limit is what supplies can give
	faults  []string // of shelves: "ps1: supply 0 Critical"
	unseen  []string // shelves that could not be read, so that their part of the limit is not known
}

// newPowerGate gathers the limits of a design. rising are shelves that the plan itself switches on before anything else.
func newPowerGate(d rack.Design, o rack.Observation, rising map[string]bool) *powerGate {
	g := &powerGate{d: d, on: map[rack.Address]bool{}}
	for _, n := range d.Nodes {
		g.on[n.Address] = true
		if dev, ok := o.Device(n.Name); ok {
			if sys, ok := dev.Host(); ok && hostOff(sys.PowerState) {
				g.on[n.Address] = false
			}
		}
	}
	for _, s := range d.Sites {
		if s.Power == nil || s.Power.ContractKW == nil {
			continue
		}
		racks := map[rack.Address]bool{}
		for _, r := range d.Racks {
			racks[r.Address] = r.Site == s.Address
		}
		g.pool(powerPool{what: "the contract of site " + s.Name, limit: *s.Power.ContractKW},
			func(n rack.Node) bool { return racks[n.Rack] })
	}
	for _, r := range d.Racks {
		if r.ContractKW != nil {
			g.pool(powerPool{what: "the contract of rack " + r.Name, limit: *r.ContractKW}, func(n rack.Node) bool { return n.Rack == r.Address })
		}
	}
	for _, p := range d.PowerDomains() {
		if len(p.Shelves) > 0 {
			g.pool(shelfPool(p, o, rising), func(n rack.Node) bool { return p.Has(n.Name) })
		}
	}
	return g
}

func (g *powerGate) pool(p powerPool, under func(rack.Node) bool) {
	for _, n := range g.d.Nodes {
		if under(n) {
			p.nodes = append(p.nodes, n)
			if g.on[n.Address] {
				p.draw(g.d, n, 1)
			}
		}
	}
	if len(p.nodes) > 0 {
		g.pools = append(g.pools, &p)
	}
}

// draw adds a node to what is drawn, or takes it off.
func (p *powerPool) draw(d rack.Design, n rack.Node, sign float64) {
	if peak, ok := d.PeakKW(n); ok {
		p.drawn += sign * peak.Value
	} else if sign > 0 {
		p.unknown = append(p.unknown, n.Name)
	}
}

// shelfPool is what the shelves of a domain can give, and what is wrong with them.
func shelfPool(p rack.PowerDomain, o rack.Observation, rising map[string]bool) powerPool {
	pool := powerPool{what: "the power shelves of " + p.Name, shelves: true}
	for _, s := range p.Shelves {
		dev, seen := o.Device(s.Name)
		if !seen || dev.Shelf == nil {
			pool.unseen = append(pool.unseen, s.Name+unseenBecause(o, s))
			continue
		}
		if rising[s.Name] { // it is switched on first, or nothing goes on
			on := *dev.Shelf
			on.PowerState = powerOn
			dev.Shelf = &on
		}
		kw, told := dev.GivesKW()
		if !told {
			pool.unseen = append(pool.unseen, s.Name+" (it does not say what its supplies can give)")
			continue
		}
		pool.limit += kw
		pool.faults = append(pool.faults, shelfFaults(s, dev)...)
	}
	return pool
}

func unseenBecause(o rack.Observation, s rack.PowerShelf) string {
	for _, g := range append(o.GapsOf(string(s.Address)), o.GapsOf(s.Name)...) {
		return " (" + strings.TrimSuffix(strings.TrimSpace(g.Path+": "+g.Reason), ".") + ")"
	}
	return ""
}

// shelfFaults names what is wrong with one shelf: by its slot.
func shelfFaults(s rack.PowerShelf, dev rack.Device) []string {
	where := s.Name
	if s.PositionU > 0 {
		where = fmt.Sprintf("%s in U%d", s.Name, s.PositionU)
	}
	if hostOff(dev.Shelf.PowerState) {
		return []string{where + " is off"}
	}
	_, failed := dev.Supplies()
	var out, words []string
	byWord := map[string][]string{}
	for _, f := range failed {
		w := supplyWord(f)
		if byWord[w] == nil {
			words = append(words, w)
		}
		byWord[w] = append(byWord[w], f.ID)
	}
	for _, w := range words {
		if ids := byWord[w]; len(ids) == 1 {
			out = append(out, fmt.Sprintf("supply %s of %s is %s", ids[0], where, w))
		} else {
			out = append(out, fmt.Sprintf("supplies %s of %s are %s", strings.Join(ids, ", "), where, w))
		}
	}
	return out
}

func supplyWord(u rack.PowerUnit) string {
	if u.Health != "" && u.Health != "OK" {
		return u.Health
	}
	if hostOff(u.PowerState) {
		return "off"
	}
	return u.State
}

// refusal is why a node may not be switched on.
type refusal struct{ rule, summary, detail string }

// admit lets a node come on, or says why not; unreadable tells that it is because something could not be seen.
func (g *powerGate) admit(n rack.Node) (no *refusal, unreadable bool) {
	if g.on[n.Address] {
		return nil, false
	}
	peak, known := g.d.PeakKW(n)
	for _, p := range g.poolsOf(n) {
		if p.shelves && p.limit == 0 && len(p.unseen) == 0 {
			return &refusal{"power.shelf", "No power shelf gives power", fmt.Sprintf("%s give nothing: %s. Nothing that hangs on them is "+
				"switched on.", capital(p.what), strings.Join(p.faults, ", "))}, false
		}
		if p.drawn+peak.Value <= p.limit+1e-9 && (p.limit > 0 || !p.shelves) {
			continue
		}
		if len(p.unseen) > 0 {
			return &refusal{"power.shelf", "Power shelf not readable", fmt.Sprintf("Not seen: %s. %s that were seen can give %s, and %s is needed "+
				"with this node. Bind the shelf, or see why it does not answer.", strings.Join(p.unseen, ", "), capital(p.what), kW(p.limit),
				kW(p.drawn+peak.Value))}, true
		}
		return g.over(p, n, peak, known), false
	}
	g.let(n)
	return nil, false
}

// over says by how much a node would be too much.
func (g *powerGate) over(p *powerPool, n rack.Node, peak rack.Number, known bool) *refusal {
	draws := "nobody knows what this node draws at its peak"
	if known {
		draws = "this node draws up to " + kW(peak.Value)
	}
	if p.shelves {
		why := ""
		if len(p.faults) > 0 {
			why = " Not whole: " + strings.Join(p.faults, ", ") + "."
		}
		return &refusal{"power.shelf", "The power shelves cannot carry it", fmt.Sprintf("%s can give %s; what is on, or comes on before it, draws "+
			"up to %s, and %s.%s Repair the shelves, switch something off, or give the node a power_limit.", capital(p.what), kW(p.limit),
			kW(p.drawn), draws, why)}
	}
	return &refusal{"power.budget", "Over the power budget", fmt.Sprintf("%s allows %s; what is on, or comes on before it, draws up to %s, "+
		"and %s. Switch something off, give the node a power_limit, or raise the contract.", capital(p.what), kW(p.limit), kW(p.drawn), draws)}
}

// let counts a node as on.
func (g *powerGate) let(n rack.Node) {
	if g.on[n.Address] {
		return
	}
	g.on[n.Address] = true
	for _, p := range g.poolsOf(n) {
		p.draw(g.d, n, 1)
	}
}

// drop counts a node as off: it goes down before anything comes up.
func (g *powerGate) drop(n rack.Node) {
	if !g.on[n.Address] {
		return
	}
	g.on[n.Address] = false
	for _, p := range g.poolsOf(n) {
		p.draw(g.d, n, -1)
	}
}

// room tells whether all of these can come on together as things are.
func (g *powerGate) room(nodes []rack.Node) bool {
	for _, p := range g.pools {
		sum := p.drawn
		for _, n := range nodes {
			peak, _ := g.d.PeakKW(n)
			if !g.on[n.Address] && slices.ContainsFunc(p.nodes, func(x rack.Node) bool { return x.Address == n.Address }) {
				sum += peak.Value
			}
		}
		if sum > p.limit+1e-9 {
			return false
		}
	}
	return true
}

func (g *powerGate) poolsOf(n rack.Node) []*powerPool {
	var out []*powerPool
	for _, p := range g.pools {
		if slices.ContainsFunc(p.nodes, func(x rack.Node) bool { return x.Address == n.Address }) {
			out = append(out, p)
		}
	}
	return out
}

// kW writes a power with as many digits as it needs, three at most.
func kW(v float64) string {
	s := fmt.Sprintf("%.3f", v)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".") + " kW"
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
