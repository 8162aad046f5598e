package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// Clean tells whether nothing waits, is blocked or could not be read. A rack is as designed when the plan is empty and
// its report is clean; what this version does not plan and warnings do not count.
func (r Report) Clean() bool { return len(r.Waiting)+len(r.Blocked)+len(r.Unreadable) == 0 }

func (r *Report) sort() {
	for _, l := range []*[]Note{&r.Waiting, &r.Blocked, &r.Unreadable, &r.NotPlanned, &r.Warnings} {
		slices.SortStableFunc(*l, func(a, b Note) int {
			return strings.Compare(noteKey(a), noteKey(b))
		})
		*l = slices.CompactFunc(*l, func(a, b Note) bool { return noteKey(a) == noteKey(b) })
	}
}

func noteKey(n Note) string {
	return strings.Join([]string{string(n.Address), n.Node, n.Rule, n.Summary, n.Detail}, "\x00")
}

func (n *nodeBuild) note(rule, summary, detail string, origin diag.Origin) Note {
	return Note{Address: n.node.Address, Node: n.node.Name, Rule: rule, Summary: summary, Detail: detail,
		Origin: originOr(origin, n.node.Origin)}
}

// block says that the design asks for what cannot be done; the node is not touched.
func (n *nodeBuild) block(rule, summary, detail string, origin diag.Origin) {
	n.stopped = true
	n.report.Blocked = append(n.report.Blocked, n.note(rule, summary, detail, origin))
}

// hands says that a person has to do something first; the node is not touched.
func (n *nodeBuild) hands(rule, summary, detail string, origin diag.Origin) {
	n.stopped = true
	n.later(rule, summary, detail, origin)
}

// later says that one thing waits, for another run or for hands, while the rest of the node goes on.
func (n *nodeBuild) later(rule, summary, detail string, origin diag.Origin) {
	n.report.Waiting = append(n.report.Waiting, n.note(rule, summary, detail, origin))
}

// unreadable says that something a step needs was not seen; the node is not touched.
func (n *nodeBuild) unreadable(rule, summary, detail string, origin diag.Origin) {
	n.stopped = true
	n.report.Unreadable = append(n.report.Unreadable, n.note(rule, summary, detail, origin))
}

func (n *nodeBuild) warn(rule, summary, detail string, origin diag.Origin) {
	n.report.Warnings = append(n.report.Warnings, n.note(rule, summary, detail, origin))
}

// waived finds a waiver of rule that holds for this node today, and puts its use on record.
func (n *nodeBuild) waived(rule string) bool {
	for _, w := range n.d.Waivers {
		if w.Rule != rule || !covers(w.Targets, n.node.Address) {
			continue
		}
		if !n.opt.Now.IsZero() && w.Expires != "" && n.opt.Now.UTC().Format("2006-01-02") > w.Expires {
			continue
		}
		n.warn(rule, "Waived", fmt.Sprintf("Waiver %s of %s: %s (until %s).", w.Address, w.Owner, w.Reason, w.Expires), w.Origin)
		return true
	}
	return false
}

// covers tells whether a list of targets has an address: itself, or all of its block. An empty list has all.
func covers(targets []rack.Address, a rack.Address) bool {
	if len(targets) == 0 {
		return true
	}
	return slices.ContainsFunc(targets, func(t rack.Address) bool {
		return t == a || strings.HasPrefix(string(a), string(t)+"[")
	})
}

// reportUnplanned names every element that was decoded and is not acted on by this version. Never silence.
func (b *builder) reportUnplanned() {
	not := func(a rack.Address, rule, detail string, origin diag.Origin) {
		b.report.NotPlanned = append(b.report.NotPlanned, Note{
			Address: a, Rule: rule, Summary: "Not planned by this version", Detail: detail, Origin: origin,
		})
	}
	for _, e := range b.d.Unplanned {
		not(e.Address, "not_planned."+e.Kind, fmt.Sprintf("The %s is decoded and checked; nothing is done about it.", e.Kind), e.Origin)
	}
	for _, f := range b.d.Fabrics {
		if f.AsBuilt {
			not(f.Address, "not_planned.as_built", "What as_built says of the cables is not acted on.", f.Origin)
		}
	}
	for _, os := range b.d.OS {
		not(os.Address, "not_planned.os",
			"The image is inserted, and booted from once where boot_once = true; partitioning, erasing, installing and phone-home are not done or watched.", os.Origin)
	}
	for _, a := range b.d.Acceptances {
		for _, name := range sortedKeys(a.Thresholds) {
			not(a.Address, "not_planned.acceptance",
				fmt.Sprintf("%s = %s is not measured.", name, compactJSON(a.Thresholds[name])), a.Origin)
		}
	}
	for _, c := range b.d.Checks {
		if c.Passed == nil {
			not(c.Address, "not_planned.check", fmt.Sprintf("Phase %q is not evaluated: %s", c.Phase, c.Message), c.Origin)
		}
	}
	for _, key := range sortedKeys(b.d.Baselines) {
		if parts := b.d.Baselines[key].NotActedOn; len(parts) > 0 {
			not(rack.Address(fmt.Sprintf("fw.%s", key)), "not_planned.baseline",
				fmt.Sprintf("Of this baseline, not acted on: %s.", strings.Join(parts, ", ")), diag.Origin{})
		}
	}
}

func compactJSON(raw json.RawMessage) string {
	if s := string(raw); len(s) <= 60 {
		return s
	}
	return string(raw[:57]) + "..."
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// because lists the reasons of gaps, at most three.
func because(gaps []rack.Gap) string {
	var parts []string
	for i, g := range gaps {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(gaps)-3))
			break
		}
		parts = append(parts, strings.TrimSuffix(strings.TrimSpace(g.Path+": "+g.Reason), "."))
	}
	if len(parts) == 0 {
		return ""
	}
	return " Not read: " + strings.Join(parts, "; ") + "."
}

// gapsAt lists the gaps on any of these resources or below them. A gap on one field (URI#/pointer) does not count: what
// lacks the field says so by being empty.
func (n *nodeBuild) gapsAt(resources ...string) []rack.Gap {
	var out []rack.Gap
	for _, g := range n.gaps {
		at := plainPath(g.Path)
		if strings.Contains(g.Path, "#") {
			continue
		}
		for _, r := range resources {
			if r = plainPath(r); r != "" && (at == r || strings.HasPrefix(at, r+"/")) {
				out = append(out, g)
				break
			}
		}
	}
	return out
}

// gapsNamed lists the gaps whose path has one of these segments, for resources whose own path is not known because they
// could not be read. Segment names are those of the Redfish schema.
func (n *nodeBuild) gapsNamed(segments ...string) []rack.Gap {
	var out []rack.Gap
	for _, g := range n.gaps {
		if strings.Contains(g.Path, "#") {
			continue
		}
		for _, s := range strings.Split(plainPath(g.Path), "/") {
			if slices.Contains(segments, s) {
				out = append(out, g)
				break
			}
		}
	}
	return out
}

// plainPath compares as BMCs do: case and a trailing slash do not count (R109).
func plainPath(p string) string { return strings.TrimRight(strings.ToLower(p), "/") }

// didYouMean proposes the nearest known name, as a sentence with a leading space, or nothing.
func didYouMean(name string, known []string) string {
	best, bestAt := "", 4 // more than three edits is another word
	known = slices.Clone(known)
	slices.Sort(known)
	for _, k := range known {
		d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(k), nil)
		if d < bestAt && d <= (len(name)+2)/3 {
			best, bestAt = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}
