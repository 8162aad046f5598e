package provider

import (
	"fmt"
	"slices"
	"strings"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/plan"
)

// rendered turns our diagnostics into Terraform's, with their places in the blueprint. Errors stand alone; warnings of one kind
// become one, since 576 nodes would flood a plan.
func rendered(found diag.List) fwdiag.Diagnostics {
	var out fwdiag.Diagnostics
	warnings := map[string][]string{}
	var kinds []string
	for _, d := range found {
		text := placed(d)
		if d.Severity == diag.Error {
			out.AddError(d.Summary, text)
			continue
		}
		if warnings[d.Summary] == nil {
			kinds = append(kinds, d.Summary)
		}
		warnings[d.Summary] = append(warnings[d.Summary], text)
	}
	for _, k := range kinds {
		out.AddWarning(k, strings.Join(warnings[k], "\n"))
	}
	return out
}

func placed(d diag.Diagnostic) string {
	if d.Subject.IsZero() {
		return d.Detail
	}
	return fmt.Sprintf("on %s line %d, column %d: %s", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column, d.Detail)
}

// noteLines are the lines of a report, for people, without secrets.
func (v *view) noteLines(lists ...[]plan.Note) []string {
	out := []string{}
	for _, n := range slices.Concat(lists...) {
		who := n.Node
		if who == "" {
			who = string(n.Address)
		}
		line := fmt.Sprintf("%s: %s. %s", who, n.Summary, n.Detail)
		if at := n.Origin.Short(); at != "" {
			line += " (" + at + ")"
		}
		out = append(out, strings.TrimSpace(v.w.Redact(line)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// changeLines are the differences that a plan is made of.
func (v *view) changeLines(p plan.Plan) []string {
	out := []string{}
	for _, c := range plan.Drift(p) {
		out = append(out, v.w.Redact(fmt.Sprintf("%s: %s -> %s%s", what(c), word(c.From), word(c.To), at(c))))
	}
	return out
}

// what names what a change is of: node, kind and name.
func what(c plan.Change) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Node, c.Kind, c.Name))
}

func at(c plan.Change) string {
	if s := c.Origin.Short(); s != "" {
		return " (" + s + ")"
	}
	return ""
}

// word is a value for people.
func word(v any) string {
	switch x := v.(type) {
	case nil:
		return "(none)"
	case []any:
		var parts []string
		for _, e := range x {
			parts = append(parts, word(e))
		}
		return strings.Join(parts, ", ")
	case []string:
		return strings.Join(x, ", ")
	}
	return fmt.Sprint(v)
}

// sentence ends a text with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}
