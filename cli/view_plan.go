package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// showPlan writes a plan for a person: per node what changes, in the order of its activations, and what is not in the plan.
func (a *app) showPlan(d rack.Design, p plan.Plan) {
	for _, alike := range groups(p.Nodes) {
		a.showNodePlan(d, alike)
	}
	a.showReport(p)
	a.showNotes("not planned by this version", "-", p.Report.NotPlanned)
	a.showNotes("warning", "!", p.Report.Warnings)
	a.wrap("", "report: "+reportLine(d, p))
	switch {
	case p.Empty() && p.Report.Clean():
		a.printf("plan %s  nothing to do: the rack is as the design says\n", p.Digest.Short())
		return
	case p.Empty() && unclaimedOnly(p):
		a.printf("plan %s  empty: the rest is read and planned after the claim\n", p.Digest.Short())
		return
	case p.Empty():
		a.printf("plan %s  nothing can be done while the report is not clean\n", p.Digest.Short())
		return
	}
	var steps int
	var bytes int64
	resets := map[string]int{}
	for _, n := range p.Nodes {
		steps += len(n.Steps)
		bytes += n.Bytes
		for c, k := range n.Resets {
			resets[c] += k
		}
	}
	a.hang(fmt.Sprintf("plan %s  ", p.Digest.Short()),
		strings.Join(append(planSize(p, 0), count(steps, "step"), resetWords(resets)), ", "))
	a.printf("  %s, ~%s, %s pushed\n", waves(p), minutes(duration(p)), size(bytes))
	a.showPower(p)
}

// planSize counts the nodes and switches that change; shelves of the nodes are told apart.
func planSize(p plan.Plan, shelves int) []string {
	nodes, switches := -shelves, 0
	for _, n := range p.Nodes {
		if len(n.Steps) > 0 && n.Steps[0].Kind == step.Switch {
			switches++
		} else {
			nodes++
		}
	}
	var out []string
	if nodes > 0 || switches == 0 {
		out = append(out, count(nodes, "node"))
	}
	if shelves > 0 {
		out = append(out, countOf(shelves, "power shelf", "power shelves"))
	}
	if switches > 0 {
		out = append(out, countOf(switches, "switch", "switches"))
	}
	return out
}

// waves says how many nodes change one after the other: "waves of 1 + 3 nodes".
func waves(p plan.Plan) string {
	var sizes []string
	for _, w := range p.Waves {
		sizes = append(sizes, fmt.Sprint(len(w.Nodes)))
	}
	if len(sizes) == 1 {
		return "one wave"
	}
	return "waves of " + strings.Join(sizes, " + ") + " nodes"
}

// duration is that of the waves, one after the other, in seconds: of each its longest node, as often as not all go at once.
func duration(p plan.Plan) int {
	est := map[string]int{}
	for _, n := range p.Nodes {
		est[n.Name] = n.EstimatedS
	}
	total := 0
	for _, w := range p.Waves {
		longest, rounds := 0, 1
		for _, name := range w.Nodes {
			longest = max(longest, est[name])
		}
		if w.MaxParallel > 0 {
			rounds = (len(w.Nodes) + w.MaxParallel - 1) / w.MaxParallel
		}
		total += longest * rounds
	}
	return total
}

// groups puts nodes together whose plans read the same, in the order of the plan.
func groups(nodes []plan.NodePlan) [][]plan.NodePlan {
	var out [][]plan.NodePlan
	at := map[string]int{}
	for _, n := range nodes {
		var b strings.Builder
		fmt.Fprintln(&b, n.Resets, n.EstimatedS, n.NaiveResets, n.NotMerged)
		for _, s := range n.Steps {
			fmt.Fprintln(&b, s.Activation, len(s.Activates), describe(s), s.Origin.Short())
		}
		key := b.String()
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], n)
	}
	return out
}

// showNodePlan writes the plan of nodes that are alike: a head for each, and once what changes.
func (a *app) showNodePlan(d rack.Design, alike []plan.NodePlan) {
	name, where := 0, 0
	for _, n := range alike {
		name, where = max(name, len(n.Name)), max(where, len(place(d, n.Name)))
	}
	for _, n := range alike {
		a.printf("%s  %-*s  %s, ~%s\n", a.bold(fmt.Sprintf("%-*s", name, n.Name)), where, place(d, n.Name), resetWords(n.Resets), minutes(n.EstimatedS))
	}
	n := alike[0]
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
			head := className(s.Activation)
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
	if n.NaiveResets == 0 && len(n.Steps) == 1 && n.Steps[0].Kind == step.Switch {
		a.printf("\n")
		return
	}
	if len(n.NotMerged) == 0 {
		a.printf("  one reset per change would be %d; everything is merged\n", n.NaiveResets)
	} else {
		a.printf("  one reset per change would be %d; not merged:\n", n.NaiveResets)
		for _, why := range n.NotMerged {
			a.wrap("    ", why)
		}
	}
	a.printf("\n")
}

// place says what a node is and where it stands: "dell_r750 at lab U1".
func place(d rack.Design, name string) string {
	if s, ok := d.Shelf(name); ok {
		return fmt.Sprintf("%s at %s U%d", strings.TrimPrefix(s.Hardware, "shelf."), lastLabel(s.Rack), s.PositionU)
	}
	if s, ok := d.Switch(name); ok {
		return fmt.Sprintf("%s at %s U%d", strings.TrimPrefix(s.Hardware, "switch."), lastLabel(s.Rack), s.PositionU)
	}
	node, ok := d.Node(name)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s at %s U%d", strings.TrimPrefix(node.Hardware, "server."), lastLabel(node.Rack), node.PositionU)
}

// className gives the words of a reset class: "host reset", "BMC reset".
func className(c step.Activation) string {
	return strings.ReplaceAll(strings.Replace(c.String(), "bmc", "BMC", 1), "_", " ")
}

func (a *app) showStep(indent string, s step.Step) {
	for i, line := range describe(s) {
		origin := s.Origin
		if i > 0 {
			origin = diag.Origin{}
		}
		a.fact(indent, line, origin)
	}
}

// describe says what a step changes, one line a fact.
func describe(s step.Step) []string {
	switch s.Kind {
	case step.Firmware:
		return []string{fmt.Sprintf("~ firmware %-10s %v -> %v", s.Args.Component, word(s.Expect["version"]), word(s.Want["version"]))}
	case step.BIOS, step.BIOSReset, step.NIC, step.Manager, step.SecureBoot, step.DPU:
		return settingLines(s)
	case step.VolumeSet, step.VolumeInit, step.Spare, step.Foreign, step.ControllerReset, step.ControllerKey, step.Namespace:
		return []string{storageLine(s)}
	case step.Switch:
		return switchLines(s.Args.Config, s.Want, maxSwitchLines)
	case step.Erase:
		return []string{fmt.Sprintf("- drive %v, erased by %v (its data is lost)", word(s.Want["serial"]), word(s.Want["method"]))}
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
		return []string{fmt.Sprintf("+ volume %v, %v of %s", word(s.Want["name"]), word(s.Want["raid_type"]), count(n, "drive"))}
	case step.Power:
		return []string{fmt.Sprintf("~ power %v -> %v", word(s.Expect["power_state"]), word(s.Want["power_state"]))}
	case step.BootOrder:
		if uri, ok := s.Want["http_uri"]; ok {
			return []string{fmt.Sprintf("~ http boot loads %v -> %v", word(s.Expect["http_uri"]), word(uri))}
		}
		return []string{fmt.Sprintf("~ boot order %v -> %v", word(s.Expect["order"]), word(s.Want["order"]))}
	case step.BootOnce:
		return []string{fmt.Sprintf("~ boot once from %v", word(s.Want["target"]))}
	case step.Media:
		if s.Want["inserted"] == false {
			return []string{fmt.Sprintf("- media %v", word(s.Expect["image"]))}
		}
		return []string{fmt.Sprintf("+ media %v", word(s.Want["image"]))}
	case step.AccountChange:
		return []string{accountLine(s)}
	case step.ShelfPower:
		return shelfLines(s)
	case step.EventDestination:
		return eventLines(s)
	case step.Certificate:
		return []string{certificateLine(s)}
	case step.LED:
		return []string{fmt.Sprintf("~ locator %v -> %v", word(s.Expect["led"]), word(s.Want["led"]))}
	case step.ClearJobs:
		var out []string
		for _, k := range []string{"ended", "waiting"} {
			if l := word(s.Expect[k]); l != "" {
				out = append(out, fmt.Sprintf("- jobs that %s: %s", map[string]string{"ended": "have ended", "waiting": "wait"}[k], l))
			}
		}
		return out
	case step.Dump:
		return []string{"+ diagnostic data " + s.Args.Data}
	case step.Reset:
		return []string{"~ " + className(s.Activation)}
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

// showNotes writes the notes of one kind; those that say the same of several elements stand together.
func (a *app) showNotes(kind, mark string, notes []plan.Note) {
	type note struct{ summary, rule, detail, at string }
	var order []note
	who := map[note][]string{}
	origin := map[note]diag.Origin{}
	for _, n := range notes {
		key := note{n.Summary, n.Rule, n.Detail, n.Origin.Short()}
		if len(who[key]) == 0 {
			order = append(order, key)
			origin[key] = n.Origin
		}
		name := n.Node
		if name == "" {
			name = string(n.Address)
		}
		who[key] = append(who[key], name)
	}
	for _, n := range order {
		text := fmt.Sprintf("%s: %s", kind, n.summary)
		if strings.EqualFold(kind, n.summary) {
			text = kind
		}
		if n.rule != "" && !strings.HasPrefix(n.rule, "not_planned.") { // that is no rule to waive
			text += " (" + n.rule + ")"
		}
		names := who[n]
		if len(names) == 1 {
			a.fact("", fmt.Sprintf("%s  %s %s", names[0], mark, text), origin[n])
		} else {
			a.fact("", fmt.Sprintf("%d alike  %s %s", len(names), mark, text), origin[n])
			a.wrap("    ", strings.Join(names, ", "))
		}
		a.wrap("    ", n.detail)
	}
	if len(notes) > 0 {
		a.printf("\n")
	}
}

func reportLine(d rack.Design, p plan.Plan) string {
	busy := map[string]bool{}
	shelves := 0
	for _, n := range p.Nodes {
		if _, ok := d.Shelf(n.Name); ok {
			shelves++
			continue
		}
		busy[n.Name] = true
	}
	stuck := func(notes []plan.Note) int {
		names := map[string]bool{}
		for _, n := range notes {
			if _, shelf := d.Shelf(n.Node); n.Node != "" && !shelf {
				names[n.Node] = true
				busy[n.Node] = true
			}
		}
		return len(names)
	}
	first := map[bool][]plan.Note{}
	for _, n := range p.Report.Waiting {
		first[n.Rule == plan.RuleUnclaimed] = append(first[n.Rule == plan.RuleUnclaimed], n)
	}
	parts := []string{strings.Join(planSize(p, shelves), ", ") + " to change"}
	for _, c := range []struct {
		notes []plan.Note
		text  string
	}{{first[true], "to be claimed first"}, {first[false], "waiting for hands"}, {p.Report.Blocked, "blocked"}, {p.Report.Unreadable, "not readable"}} {
		if n := stuck(c.notes); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.text))
		}
	}
	idle := 0
	for _, n := range d.Nodes {
		if !busy[n.Name] {
			idle++
		}
	}
	parts = append(parts, fmt.Sprintf("%d need nothing", idle))
	return strings.Join(parts, " · ")
}

// resetWords says how often what is reset: "1 host reset, 1 BMC reset".
func resetWords(resets map[string]int) string {
	var out []string
	for _, c := range []step.Activation{step.ACCycle, step.AuxCycle, step.HostPowerCycle, step.HostReset, step.BMCReset} {
		if n := resets[c.String()]; n > 0 {
			out = append(out, count(n, className(c)))
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

// countOf is count for a noun whose plural is another word.
func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
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

// settingLines are the settings of a step, one a line.
func settingLines(s step.Step) []string {
	head := map[step.Kind]string{step.BIOS: "bios", step.BIOSReset: "bios default", step.NIC: "port " + s.Args.Component,
		step.SecureBoot: "secure boot", step.DPU: "dpu", step.Manager: "bmc"}[s.Kind]
	if s.Args.Method == "enrol" {
		return []string{fmt.Sprintf("+ secure boot certificate in %s (%s)", s.Args.Component, s.Args.File)}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(s.Want)) {
		out = append(out, fmt.Sprintf("~ %s %s %v -> %v", head, k, word(s.Expect[k]), word(s.Want[k])))
	}
	return out
}
