package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// DefaultStaggerS is how far apart power-ons of one power domain are kept where the rack does not say: the inrush of an 8-GPU node
// is over within 2 s (engine.md, Concurrency).
const DefaultStaggerS = 3.0

// PowerDomain is what a plan does to hosts that share their power, and under which limits.
type PowerDomain struct {
	Name     string   `json:"name"`
	Shelves  []string `json:"shelves,omitempty"`
	Nodes    []string `json:"nodes"`            // that come on or are cycled, one after the other
	StaggerS float64  `json:"stagger_s"`        // seconds between two of them
	Limits   []Limit  `json:"limits,omitempty"` // covered by no digest: what is on changes without anybody
}

// Limit is one limit of power and what is drawn under it at worst when the plan is through.
type Limit struct {
	What    string   `json:"what"`
	KW      float64  `json:"kw"`
	DrawnKW float64  `json:"drawn_kw"`
	Unknown []string `json:"unknown,omitempty"` // nodes that draw and whose peak nobody knows; not in the sum
}

// PowerDomainOf finds the domain that a node is switched in, by its name.
func (p Plan) PowerDomainOf(node string) (PowerDomain, bool) {
	for _, d := range p.Power {
		if slices.Contains(d.Nodes, node) {
			return d, true
		}
	}
	return PowerDomain{}, false
}

// digested is what a digest covers of the domains.
func digested(list []PowerDomain) []PowerDomain {
	out := slices.Clone(list)
	for i := range out {
		out[i].Limits = nil
	}
	return out
}

// checkPower decides, in the order in which they would come, which of the planned nodes may be switched on. A node that may not is
// left out and the report says why. It gives the shelves that are switched on first.
func (b *builder) checkPower(planned []*nodeBuild) ([]*nodeBuild, []NodePlan) {
	rising, plans := b.risingShelves()
	gate := newPowerGate(b.d, b.o, rising)
	b.gate = gate
	slices.SortStableFunc(planned, func(x, y *nodeBuild) int { return x.rank() - y.rank() })
	var ons []rack.Node
	for _, n := range planned {
		if n.turnsOn() {
			ons = append(ons, n.node)
		}
	}
	if len(ons) > 0 && !gate.room(ons) {
		for _, n := range planned { // what goes off anyway goes off first
			if n.goesOff() {
				n.early = true
				gate.drop(n.node)
			}
		}
	}
	for _, n := range planned {
		if n.turnsOn() {
			n.admit(gate)
		}
	}
	b.unsure(planned)
	return slices.DeleteFunc(planned, func(n *nodeBuild) bool { return n.stopped }), plans
}

// admit asks the gate, and takes a waiver for a no.
func (n *nodeBuild) admit(gate *powerGate) {
	no, unreadable := gate.admit(n.node)
	switch {
	case no == nil:
	case n.waived(no.rule):
		gate.let(n.node)
	case unreadable:
		n.unreadable(no.rule, no.summary, no.detail, n.node.Origin)
	default:
		n.block(no.rule, no.summary, no.detail, n.node.Origin)
	}
}

// unsure warns of what the gate could not judge, once for each limit, and of shelves that are not whole though they carry what is
// asked of them.
func (b *builder) unsure(planned []*nodeBuild) {
	for _, p := range b.gate.pools {
		i := slices.IndexFunc(planned, func(n *nodeBuild) bool {
			return !n.stopped && n.turnsOn() && slices.ContainsFunc(p.nodes, func(x rack.Node) bool { return x.Address == n.node.Address })
		})
		if i < 0 {
			continue
		}
		n := planned[i]
		if len(p.unknown) > 0 {
			n.warn("power.unknown", "Power not checked", fmt.Sprintf("%s: nobody knows what %s draw at their peak, so they are not in the sum. "+
				"Give peak_kw in facts { … } with its source, or a power_limit.", capital(p.what), strings.Join(p.unknown, ", ")), n.node.Origin)
		}
		if len(p.faults) > 0 {
			n.warn("power.shelf", "Power shelf is not whole", fmt.Sprintf("%s. What is left can give %s, enough for the %s that this plan comes to.",
				"Not whole: "+strings.Join(p.faults, ", "), kW(p.limit), kW(p.drawn)), n.node.Origin)
		}
		if len(p.unseen) > 0 {
			n.warn("power.shelf", "Power shelf not readable", fmt.Sprintf("Not seen: %s. The others can give %s, enough for the %s that this plan "+
				"comes to.", strings.Join(p.unseen, ", "), kW(p.limit), kW(p.drawn)), n.node.Origin)
		}
	}
}

// turnsOn tells whether the plan gives power to a host that is off.
func (n *nodeBuild) turnsOn() bool {
	return hostOff(n.sys.PowerState) && slices.ContainsFunc(n.steps, func(s step.Step) bool {
		return s.Kind == step.Power && s.Want["power_state"] == powerOn || s.Kind == step.Reset && s.Activation.Host()
	})
}

// goesOff tells whether the plan only takes a host's power away.
func (n *nodeBuild) goesOff() bool {
	if hostOff(n.sys.PowerState) || len(n.steps) == 0 {
		return false
	}
	last := n.steps[len(n.steps)-1]
	return last.Kind == step.Power && last.Want["power_state"] == powerOff
}

// The ranks: what comes before what (engine.md, phase 3). Ranks run one after the other, and one that fails ends the run.
const (
	rankEarly    = iota // goes off so that others may come on
	rankShelves         // rails
	rankSwitches        // switch trays that stay on or come on
	rankNodes
	rankSwitchesOff // switch trays that go off: after the trays
)

var rankNames = [...]string{"power-off", "shelves", "switches", "", "switches off"}

func (n *nodeBuild) rank() int { return rankOf(n.node, n.early, n.goesOff()) }

func rankOf(n rack.Node, early, off bool) int {
	tray := n.Role == rack.RoleSwitchTray
	switch {
	case early:
		return rankEarly
	case tray && off:
		return rankSwitchesOff
	case tray:
		return rankSwitches
	}
	return rankNodes
}

// domains says what a plan does to hosts that share their power. A domain of which nobody wrote anything down is left out: its
// power-ons are kept apart by the default.
func domains(d rack.Design, gate *powerGate, nodes []NodePlan) []PowerDomain {
	var out []PowerDomain
	for _, p := range d.PowerDomains() {
		x := PowerDomain{Name: p.Name}
		told := len(p.Shelves) > 0
		for _, r := range p.Racks {
			told = told || r.StaggerS > 0 || r.ContractKW != nil
			x.StaggerS = max(x.StaggerS, r.StaggerS)
		}
		for _, s := range p.Shelves {
			x.Shelves = append(x.Shelves, s.Name)
		}
		for _, n := range nodes {
			if p.Has(n.Name) && slices.ContainsFunc(n.Steps, inrush) {
				x.Nodes = append(x.Nodes, n.Name)
			}
		}
		if !told || len(x.Nodes) == 0 {
			continue
		}
		if x.StaggerS == 0 {
			x.StaggerS = DefaultStaggerS
		}
		slices.Sort(x.Nodes)
		x.Limits = gate.limits(p)
		out = append(out, x)
	}
	return out
}

// inrush tells whether a step gives power to a host, be it again.
func inrush(s step.Step) bool {
	return s.Kind == step.Power && s.Want["power_state"] == powerOn || s.Kind == step.Reset && s.Activation.Host()
}

func (g *powerGate) limits(p rack.PowerDomain) []Limit {
	var out []Limit
	for _, pool := range g.pools {
		if !slices.ContainsFunc(pool.nodes, func(n rack.Node) bool { return p.Has(n.Name) }) {
			continue
		}
		unknown := slices.Clone(pool.unknown)
		slices.Sort(unknown)
		out = append(out, Limit{What: pool.what, KW: round(pool.limit), DrawnKW: round(pool.drawn), Unknown: unknown})
	}
	return out
}

// round drops what binary fractions add.
func round(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }
