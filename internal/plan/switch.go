package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switchos"
)

// How long one switch takes: NVUE reloads what changed and waits for a confirmation; SONiC sorts a patch and takes it setting by
// setting.
const (
	nvueS  = 60
	sonicS = 180
)

// switchPlan is one switch that changes.
type switchPlan struct {
	target switchos.Target
	plan   NodePlan
}

// planSwitches plans the configuration of the switches that were asked; of the others it says why they were not. A switch is bound to
// be configured: the binding is what asks for it.
func (b *builder) planSwitches() []switchPlan {
	targets, skipped := switchos.Targets(b.d)
	var out []switchPlan
	for _, t := range targets {
		if b.picks(t.Switch, t.Address) {
			if p, ok := b.planSwitch(t); ok {
				out = append(out, p)
			}
		}
	}
	for _, s := range skipped {
		place, _ := b.d.Switch(s.Switch)
		if place.Address == "" {
			place.Address = rack.Address("switch " + s.Switch) // one that no block places
		}
		if b.picks(s.Switch, place.Address) {
			b.report.NotPlanned = append(b.report.NotPlanned, Note{Address: place.Address, Rule: "not_planned.switch",
				Summary: "Not planned by this version", Detail: "It gets no configuration: " + s.Reason + ".", Origin: place.Origin})
		}
	}
	return out
}

// picks tells whether a switch is to be planned.
func (b *builder) picks(name string, address rack.Address) bool {
	return len(b.opt.Only) == 0 || slices.Contains(b.opt.Only, name) || slices.Contains(b.opt.Only, string(address))
}

// isSwitch tells whether a name or address is that of a switch of a fabric.
func (b *builder) isSwitch(key string) bool {
	return slices.ContainsFunc(b.d.Fabrics, func(f rack.Fabric) bool {
		return slices.ContainsFunc(f.Switches, func(s rack.FabricSwitch) bool {
			return s.Name == key || s.Address != "" && string(s.Address) == key
		})
	})
}

func (b *builder) planSwitch(t switchos.Target) (switchPlan, bool) {
	place, _ := b.d.Switch(t.Switch)
	note := func(rule, summary, detail string) Note {
		return Note{Address: t.Address, Node: t.Switch, Rule: rule, Summary: summary, Detail: detail, Origin: place.Origin}
	}
	seen, ok := b.o.Switch(t.Switch)
	if !ok {
		gaps := append(b.o.GapsOf(string(t.Address)), b.o.GapsOf(t.Switch)...)
		if len(gaps) > 0 {
			b.report.Unreadable = append(b.report.Unreadable, note("switch.unseen", "Switch not read", "Its configuration could not be read."+because(gaps)))
			return switchPlan{}, false
		}
		n := note("not_planned.switch", "Not planned by this version", "It is not bound: its configuration is rendered (metalwright switch render) and not "+
			"pushed. Bind it in site.bind.hcl to have it pushed.")
		n.Node = ""
		b.report.NotPlanned = append(b.report.NotPlanned, n)
		return switchPlan{}, false
	}
	changes := switchos.Diff(seen.Config, t.Want)
	if stop, bad := b.switchStops(t, seen, changes, note); bad {
		b.report.Waiting = append(b.report.Waiting, stop)
		return switchPlan{}, false
	}
	for _, k := range seen.Kept {
		b.report.Warnings = append(b.report.Warnings, note("switch.management", "Management address kept", k+"."))
	}
	if len(changes) == 0 && !seen.Unsaved {
		return switchPlan{}, false
	}
	b.switchWarnings(t, changes, note)
	return switchPlan{target: t, plan: switchSteps(t, seen, changes, place.Origin)}, true
}

// switchStops says what keeps a switch from being configured now: ports that are not there, or somebody's change that is not over.
func (b *builder) switchStops(t switchos.Target, seen rack.SwitchSeen, changes []rack.ConfigChange,
	note func(rule, summary, detail string) Note) (Note, bool) {
	switch {
	case seen.Pending != "" && len(changes) > 0:
		return note("switch.pending", "A change is under way", seen.Pending+". Wait until it is over, then plan again."), true
	case len(seen.NoPorts) == 0:
		return Note{}, false
	}
	detail := fmt.Sprintf("The switch has no %s.", someOf(seen.NoPorts, 4))
	if split := t.Split(); len(split) > 0 {
		detail += " A row of the database splits no cage. On the switch: config interface breakout " + split[0]
		if len(split) > 1 {
			detail += fmt.Sprintf(" (and %d cages more)", len(split)-1)
		}
		detail += "."
	} else {
		detail += " Is it the planned model? Compare hardware and PORT table."
	}
	return note("switch.ports", "Ports missing", detail), true
}

func (b *builder) switchWarnings(t switchos.Target, changes []rack.ConfigChange, note func(rule, summary, detail string) Note) {
	warn := func(rule, summary, detail string) {
		b.report.Warnings = append(b.report.Warnings, note(rule, summary, detail))
	}
	own, behind := t.Cuts(changes)
	if len(own) > 0 {
		back := "Where it does not come back, reach it by its console."
		if t.OS == "cumulus" {
			back = "The change is confirmed only when the switch still answers; else it takes it back by itself."
		}
		warn("switch.management", "May cut its own management path", fmt.Sprintf("Changes of %s may cut the way by which the switch is reached. %s",
			strings.Join(own, ", "), back))
	}
	if len(behind) > 0 {
		warn("switch.management", "May cut the management of others", fmt.Sprintf("Ports to %s change on a management switch: their controllers may not "+
			"answer for some seconds. It is configured last.", someOf(behind, 6)))
	}
	if late := t.Late(changes); len(late) > 0 {
		warn("switch.reload", "Takes effect after a reload", fmt.Sprintf("SONiC acts on %s only after \"config reload\" or a restart of the switch, which "+
			"stops its traffic and is left to you.", strings.Join(late, ", ")))
	}
}

// someOf joins the first names of a list and counts the rest.
func someOf(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}

func switchSteps(t switchos.Target, seen rack.SwitchSeen, changes []rack.ConfigChange, origin diag.Origin) NodePlan {
	s := step.Step{
		ID: step.ID(t.Switch + "/010-switch"), Address: t.Address, Node: t.Switch, Kind: step.Switch, Activation: step.None,
		Expect: step.Facts{"digest": string(switchos.Digest(seen.Config))}, Want: step.Facts{"digest": string(switchos.Digest(t.Want))},
		Args: step.Args{Component: t.OS, Config: changes}, After: []step.ID{}, EstimatedS: nvueS, Origin: origin,
		Why: plural(len(changes), "setting") + " differ",
	}
	if t.OS == "sonic" {
		s.EstimatedS = sonicS
	}
	if len(changes) == 1 {
		s.Why = "1 setting differs"
	}
	if seen.Unsaved {
		s.Expect["saved"], s.Want["saved"] = false, true
		if len(changes) == 0 {
			s.Why = "what runs is not saved: a restart would lose it"
		}
	}
	return NodePlan{Address: t.Address, Name: t.Switch, Steps: []step.Step{s}, Resets: map[string]int{}, EstimatedS: s.EstimatedS}
}

// switchWaves puts switches in order: spines before leaves, management switches last. Of what stands in for each other one changes at a
// time, and only when the one before is as wanted: the spines of a fabric, the leaves of a unit, the management switches.
func switchWaves(list []switchPlan) []Wave {
	out := []Wave{}
	for _, role := range []string{"spine", "leaf", "management"} {
		groups := map[string][]string{}
		rounds := 0
		for _, p := range list {
			if p.target.Role == role {
				key := fmt.Sprintf("%s/%d", p.target.Fabric, p.target.Unit)
				groups[key] = append(groups[key], p.plan.Name)
				rounds = max(rounds, len(groups[key]))
			}
		}
		for i := range rounds {
			w := Wave{Name: fmt.Sprintf("%s %d", role, i+1), OnError: onErrorHalt}
			for _, key := range sortedKeys(groups) {
				if i < len(groups[key]) {
					w.Nodes = append(w.Nodes, groups[key][i])
				}
			}
			w.MaxParallel = min(len(w.Nodes), defaultMaxParallel)
			out = append(out, w)
		}
	}
	return out
}

// driftOfSwitch lists the settings that differ.
func driftOfSwitch(c Change, s step.Step) []Change {
	var out []Change
	side := func(raw []byte) any {
		if raw == nil {
			return "absent"
		}
		return strings.Trim(string(raw), `"`)
	}
	for _, x := range s.Args.Config {
		c.Name, c.From, c.To = x.Path, side(x.From), side(x.To)
		out = append(out, c)
	}
	if s.Want["saved"] != nil {
		c.Name, c.From, c.To = "saved", s.Expect["saved"], s.Want["saved"]
		out = append(out, c)
	}
	return out
}
