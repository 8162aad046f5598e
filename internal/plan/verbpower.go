package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// The things that a technician can say of power shelves.
const (
	DoShelfOn    Do = "shelf on"
	DoShelfOff   Do = "shelf off"
	DoShelfCycle Do = "shelf cycle"
)

// Shelf tells whether a verb is about power shelves, not nodes.
func (v Verb) Shelf() bool { return v.Do == DoShelfOn || v.Do == DoShelfOff || v.Do == DoShelfCycle }

// Refused tells whether power budgets or shelves keep a node from being switched on: what nodes that were not looked at draw may be
// the reason.
func (p Plan) Refused() bool {
	return slices.ContainsFunc(slices.Concat(p.Report.Blocked, p.Report.Unreadable), func(n Note) bool {
		return n.Rule == "power.budget" || n.Rule == "power.shelf"
	})
}

// budget holds the nodes that a verb switches on against what may be drawn. Those that do not fit are refused.
func (v Verb) budget(d rack.Design, o rack.Observation, p *Plan) *powerGate {
	gate := newPowerGate(d, o, nil)
	if v.Do != DoOn {
		return gate
	}
	n := nodeBuild{builder: &builder{d: d, opt: Options{Now: v.Now}, report: p.Report}}
	p.Nodes = slices.DeleteFunc(p.Nodes, func(np NodePlan) bool {
		n.node, _ = d.Node(np.Name)
		n.stopped = false
		n.admit(gate)
		return n.stopped
	})
	p.Report = n.report
	return gate
}

// waves puts the nodes of a verb into waves: switch trays come up before the others and go down after them. A wave that fails ends
// the run where another one waits for it.
func (v Verb) waves(d rack.Design, p *Plan) {
	byRank := map[int][]string{}
	for _, np := range p.Nodes {
		n, _ := d.Node(np.Name)
		rank := rankNodes
		if v.Do == DoOn || v.Do == DoOff {
			rank = rankOf(n, false, v.Do == DoOff)
		}
		byRank[rank] = append(byRank[rank], np.Name)
	}
	for rank, name := range rankNames {
		nodes := byRank[rank]
		if len(nodes) == 0 {
			continue
		}
		w := Wave{Name: name, Nodes: nodes, MaxParallel: defaultMaxParallel, OnError: onErrorContinue, AllowFailed: len(nodes)}
		if name == "" || len(byRank) == 1 {
			w.Name = "1"
		}
		if len(byRank) > 1 {
			w.OnError, w.AllowFailed = onErrorHalt, 0
		}
		p.Waves = append(p.Waves, w)
	}
}

// sayShelf plans a verb for power shelves. What hangs on them is named, and nothing that may take it down is done without consent.
func (v Verb) sayShelf(d rack.Design, o rack.Observation, p *Plan, shelves []string) {
	want := map[Do]string{DoShelfOn: powerOn, DoShelfOff: powerOff, DoShelfCycle: powerOn}[v.Do]
	for _, name := range shelves {
		s, ok := d.Shelf(name)
		if !ok {
			continue
		}
		note := Note{Address: s.Address, Node: s.Name, Origin: s.Origin}
		dev, seen := o.Device(s.Name)
		if !seen || dev.Shelf == nil || dev.Shelf.Chassis == "" {
			note.Rule, note.Summary = "verb.read", "Power shelf not readable"
			note.Detail = "Its controller could not be read, or shows no chassis that can be switched." + because(o.GapsOf(string(s.Address)))
			p.Report.Unreadable = append(p.Report.Unreadable, note)
			continue
		}
		why := v.shelfRefused(d, o, s, dev)
		switch {
		case why != "":
			note.Rule, note.Summary, note.Detail = "verb.unsupported", "Cannot be done", why
			p.Report.Blocked = append(p.Report.Blocked, note)
			continue
		case v.Do != DoShelfCycle && strings.EqualFold(dev.Shelf.PowerState, want):
			continue
		}
		st := shelfStep(s, dev, want, onRails(d, o, s))
		if v.Do == DoShelfCycle {
			st.Want = step.Facts{"cycled": true}
		}
		p.Nodes = append(p.Nodes, NodePlan{Address: s.Address, Name: s.Name, Steps: []step.Step{st}, Resets: map[string]int{},
			EstimatedS: st.EstimatedS, Holds: shelfHolds(d, s)})
	}
	if len(p.Nodes) == 0 {
		return
	}
	w := Wave{Name: "1", MaxParallel: 1, OnError: onErrorHalt} // one after the other: while one is down the others carry
	for _, n := range p.Nodes {
		w.Nodes = append(w.Nodes, n.Name)
	}
	p.Waves = append(p.Waves, w)
}

// shelfRefused says why a shelf is not switched, or "".
func (v Verb) shelfRefused(d rack.Design, o rack.Observation, s rack.PowerShelf, dev rack.Device) string {
	need := map[Do][]string{DoShelfOn: {powerOn, "ForceOn"}, DoShelfOff: {"ForceOff", "GracefulShutdown"}, DoShelfCycle: {"PowerCycle", "FullPowerCycle"}}[v.Do]
	if !offers(dev.Shelf.ResetTypes, need...) {
		return fmt.Sprintf("Its controller offers %s and not %s. Needs hands.", resetList(dev.Shelf.ResetTypes), strings.Join(need, " or "))
	}
	if v.Do != DoShelfOn && !v.EveryTray && len(d.NodesOn(s)) > 0 {
		return onRails(d, o, s) + " Say --every-tray to do it all the same."
	}
	return ""
}

// onRails says what hangs on a shelf, what of it is on, and whether the other shelves would carry that.
func onRails(d rack.Design, o rack.Observation, s rack.PowerShelf) string {
	var on, off, unseen []string
	nodes := d.NodesOn(s)
	for _, n := range nodes {
		dev, ok := o.Device(n.Name)
		sys, host := dev.Host()
		switch {
		case !ok || !host:
			unseen = append(unseen, n.Name)
		case hostOff(sys.PowerState):
			off = append(off, n.Name)
		default:
			on = append(on, n.Name)
		}
	}
	if len(nodes) == 0 {
		return "nothing hangs on these rails."
	}
	text := fmt.Sprintf("%s on these rails", plural(len(nodes), "node"))
	for _, l := range []struct {
		what  string
		nodes []string
	}{{"on", on}, {"off", off}, {"not seen", unseen}} {
		if len(l.nodes) > 0 {
			text += fmt.Sprintf("; %s: %s", l.what, strings.Join(l.nodes, ", "))
		}
	}
	p, _ := d.PowerDomainOf(s.Name)
	rest := p
	rest.Shelves = slices.DeleteFunc(slices.Clone(p.Shelves), func(x rack.PowerShelf) bool { return x.Name == s.Name })
	if len(rest.Shelves) == 0 {
		return text + ". No other shelf carries them: all of them lose their power, their BMCs too."
	}
	gate := newPowerGate(rack.Design{Nodes: d.Nodes, PowerShelves: rest.Shelves, Hardware: d.Hardware}, o, nil)
	for _, pool := range gate.pools {
		seen := len(rest.Shelves) - len(pool.unseen)
		others := fmt.Sprintf("%d other shelves", seen)
		if seen == 1 {
			others = "1 other shelf"
		}
		text += fmt.Sprintf(". What %s can give: %s; what is on draws up to %s", others, kW(pool.limit), kW(pool.drawn))
		if len(pool.unknown) > 0 {
			text += fmt.Sprintf(", without %s, whose peak nobody knows", strings.Join(pool.unknown, ", "))
		}
		if pool.drawn > pool.limit || len(pool.unknown) > 0 {
			text += ": they may lose their power, their BMCs too"
		}
	}
	return text + "."
}
