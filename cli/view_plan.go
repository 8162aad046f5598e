package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// showPlan writes a plan for a person: per node what changes, in the order of its activations, and what is not in the plan.
func (a *app) showPlan(d rack.Design, p plan.Plan) {
	for _, n := range p.Nodes {
		a.showNodePlan(d, n)
	}
	a.showNotes("needs hands", "!", p.Report.Waiting)
	a.showNotes("blocked", "✗", p.Report.Blocked)
	a.showNotes("could not be read", "?", p.Report.Unreadable)
	a.showNotes("not planned by this version", "-", p.Report.NotPlanned)
	a.showNotes("warning", "!", p.Report.Warnings)
	a.printf("report: %s\n", reportLine(d, p))
	if p.Empty() {
		a.printf("plan %s  nothing to do: the rack is as the design says\n", p.Digest.Short())
		return
	}
	var steps, est int
	var bytes int64
	resets := map[string]int{}
	for _, n := range p.Nodes {
		steps += len(n.Steps)
		bytes += n.Bytes
		est = max(est, n.EstimatedS)
		for c, k := range n.Resets {
			resets[c] += k
		}
	}
	var waves []string
	for _, w := range p.Waves {
		waves = append(waves, fmt.Sprint(len(w.Nodes)))
	}
	a.printf("plan %s  %s, %s, %s, waves: %s, ~%s a node at most, %s pushed\n", p.Digest.Short(), count(len(p.Nodes), "node"),
		count(steps, "step"), resetWords(resets), strings.Join(waves, " + "), minutes(est), size(bytes))
}

func (a *app) showNodePlan(d rack.Design, n plan.NodePlan) {
	where := ""
	if node, ok := d.Node(n.Name); ok {
		where = fmt.Sprintf("  %s at %s U%d", strings.TrimPrefix(node.Hardware, "server."), lastLabel(node.Rack), node.PositionU)
	}
	a.printf("%s%s   %s, ~%s\n", a.bold(n.Name), where, resetWords(n.Resets), minutes(n.EstimatedS))
	byID := map[step.ID]step.Step{}
	activated := map[step.ID]bool{}
	for _, s := range n.Steps {
		byID[s.ID] = s
		for _, id := range s.Activates {
			activated[id] = true
		}
	}
	for _, s := range n.Steps {
		switch {
		case s.Kind == step.Reset || len(s.Activates) > 0:
			head := strings.ReplaceAll(s.Activation.String(), "_", " ")
			if s.Kind != step.Reset {
				head = describe(s)[0]
			}
			a.printf("  %s\n", head)
			for _, id := range s.Activates {
				a.showStep("    ", byID[id])
			}
		case !activated[s.ID]:
			a.showStep("  ", s)
		}
	}
	if len(n.NotMerged) == 0 {
		a.printf("  not merged: none           one reset per change would be %d\n", n.NaiveResets)
	} else {
		a.printf("  one reset per change would be %d; not merged:\n", n.NaiveResets)
		for _, why := range n.NotMerged {
			a.printf("    %s\n", why)
		}
	}
	a.printf("\n")
}

func (a *app) showStep(indent string, s step.Step) {
	for i, line := range describe(s) {
		at := ""
		if i == 0 && !s.Origin.IsZero() {
			at = s.Origin.Short()
		}
		a.printf("%s\n", strings.TrimRight(fmt.Sprintf("%s%-58s %s", indent, line, at), " "))
	}
}

// describe says what a step changes, one line a fact.
func describe(s step.Step) []string {
	switch s.Kind {
	case step.Firmware:
		return []string{fmt.Sprintf("~ firmware %-10s %v -> %v", s.Args.Component, word(s.Expect["version"]), word(s.Want["version"]))}
	case step.BIOS:
		var out []string
		for _, k := range slices.Sorted(maps.Keys(s.Want)) {
			out = append(out, fmt.Sprintf("~ bios %s %v -> %v", k, word(s.Expect[k]), word(s.Want[k])))
		}
		return out
	case step.Volume:
		if gone, ok := s.Want["exists"].(bool); ok && !gone {
			return []string{fmt.Sprintf("- volume %v (its data is lost)", word(s.Expect["name"]))}
		}
		n := 0
		if l, ok := s.Want["drives"].([]any); ok {
			n = len(l)
		} else if l, ok := s.Want["drives"].([]string); ok {
			n = len(l)
		}
		return []string{fmt.Sprintf("+ volume %v  %v of %s", word(s.Want["name"]), word(s.Want["raid_type"]), count(n, "drive"))}
	case step.Power:
		return []string{fmt.Sprintf("~ power %v -> %v", word(s.Expect["power_state"]), word(s.Want["power_state"]))}
	case step.BootOrder:
		return []string{fmt.Sprintf("~ boot order %v -> %v", word(s.Expect["order"]), word(s.Want["order"]))}
	case step.BootOnce:
		return []string{fmt.Sprintf("~ boot once from %v", word(s.Want["target"]))}
	case step.Media:
		return []string{fmt.Sprintf("+ media %v", word(s.Want["image"]))}
	case step.Reset:
		return []string{"~ " + strings.ReplaceAll(s.Activation.String(), "_", " ")}
	}
	return []string{"~ " + string(s.Kind)}
}

func word(v any) string {
	switch x := v.(type) {
	case nil:
		return "(none)"
	case string:
		if x == "" {
			return `""`
		}
		return x
	case []any:
		parts := make([]string, len(x))
		for i := range x {
			parts[i] = word(x[i])
		}
		return strings.Join(parts, ",")
	case []string:
		return strings.Join(x, ",")
	}
	return fmt.Sprint(v)
}

func (a *app) showNotes(kind, mark string, notes []plan.Note) {
	for _, n := range notes {
		who := n.Node
		if who == "" {
			who = string(n.Address)
		}
		at := ""
		if !n.Origin.IsZero() {
			at = "  " + n.Origin.Short()
		}
		rule := ""
		if n.Rule != "" {
			rule = " (" + n.Rule + ")"
		}
		a.printf("%s  %s %s: %s%s%s\n", who, mark, kind, n.Summary, rule, at)
		if n.Detail != "" {
			a.printf("    %s\n", n.Detail)
		}
	}
	if len(notes) > 0 {
		a.printf("\n")
	}
}

func reportLine(d rack.Design, p plan.Plan) string {
	busy := map[string]bool{}
	for _, n := range p.Nodes {
		busy[n.Name] = true
	}
	stuck := func(notes []plan.Note) int {
		names := map[string]bool{}
		for _, n := range notes {
			if n.Node != "" {
				names[n.Node] = true
				busy[n.Node] = true
			}
		}
		return len(names)
	}
	parts := []string{count(len(p.Nodes), "node") + " to change"}
	for _, c := range []struct {
		notes []plan.Note
		text  string
	}{{p.Report.Waiting, "waiting for hands"}, {p.Report.Blocked, "blocked"}, {p.Report.Unreadable, "not readable"}} {
		if n := stuck(c.notes); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.text))
		}
	}
	parts = append(parts, fmt.Sprintf("%d need nothing", len(d.Nodes)-len(busy)))
	return strings.Join(parts, " · ")
}

// resetWords says how often what is reset: "1 host reset, 1 BMC reset".
func resetWords(resets map[string]int) string {
	var out []string
	for _, c := range []step.Activation{step.ACCycle, step.AuxCycle, step.HostPowerCycle, step.HostReset, step.BMCReset} {
		if n := resets[c.String()]; n > 0 {
			out = append(out, count(n, strings.ReplaceAll(strings.Replace(c.String(), "bmc", "BMC", 1), "_", " ")))
		}
	}
	if len(out) == 0 {
		return "no reset"
	}
	return strings.Join(out, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func minutes(s int) string { return fmt.Sprintf("%d min", (s+59)/60) }

func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

func (a *app) bold(s string) string {
	if !a.color {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// lastLabel gives a01 of rack.row_a["a01"], and a of rack.a.
func lastLabel(addr rack.Address) string {
	s := strings.TrimSuffix(string(addr), `"]`)
	if i := strings.LastIndexAny(s, `."`); i >= 0 {
		s = s[i+1:]
	}
	return s
}
