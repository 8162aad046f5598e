package plan

import (
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/step"
)

// planEvents has the controller push its events where the blueprint says. Subscriptions that are not Metalwright's are left alone.
func (n *nodeBuild) planEvents() {
	spec := n.node.BMC.Events
	if spec == nil || n.stopped {
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	seen := n.dev.Events
	if gaps := n.gapsNamed("eventservice", "subscriptions"); len(gaps) > 0 {
		n.unreadable("events.read", "Event subscriptions not readable", "They were not seen."+because(gaps), origin)
		return
	}
	if seen == nil || seen.List == "" {
		if len(spec.Destinations) > 0 {
			n.block("events.unsupported", "Unsupported on this BMC", "It has no event subscriptions. Take events out of bmc { } for this node.", origin)
		}
		return
	}
	ours := seen.Ours()
	on := seen.Enabled == nil || *seen.Enabled
	if slices.Equal(ours, spec.Destinations) && (on || len(spec.Destinations) == 0) {
		return
	}
	missing := 0
	for _, d := range spec.Destinations {
		if !slices.Contains(ours, d) {
			missing++
		}
	}
	if seen.Fixed && missing > seen.Free {
		n.block("events.room", "No room for the event subscription", fmt.Sprintf("%s wanted; of the %d entries of this BMC %d are free. Take one away that nobody needs.",
			plural(missing, "new subscription"), len(seen.Subscriptions)+seen.Free, seen.Free), origin)
		return
	}
	s := step.Step{Kind: step.EventDestination, Activation: step.None, EstimatedS: settingsS, Origin: origin,
		Expect: step.Facts{"destinations": anys(ours)}, Want: step.Facts{"destinations": anys(spec.Destinations)},
		Args: step.Args{Path: seen.List, Resource: seen.Path}, Why: "event subscriptions differ"}
	if seen.Enabled != nil && len(spec.Destinations) > 0 {
		s.Expect["enabled"], s.Want["enabled"] = on, true
		if !on {
			s.Why = "the event service is off"
		}
	}
	n.add(&change{key: string(step.EventDestination), step: s})
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
