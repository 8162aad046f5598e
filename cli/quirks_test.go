package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/sim"
)

const quirksPage = "../docs/quirks.md"

// TestReferenceQuirks holds docs/quirks.md against the quirk table and the simulator's faults.
func TestReferenceQuirks(t *testing.T) {
	want := quirksText()
	if *update {
		if err := os.WriteFile(quirksPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, _ := os.ReadFile(quirksPage)
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("%s is stale: run make gen (-want +got)\n%s", quirksPage, d)
	}
}

func quirksText() string {
	var b strings.Builder
	b.WriteString(`# Quirks

What real BMCs do that the standard does not say, and what Metalwright does about it. Generated from the quirk table
(internal/bmc/redfish) and from the simulator's faults: make gen.

Faults can be played: ` + "`metalwright sim up --faults R17,R39`" + `. "fault" in the last column means that the simulator plays this row; the other names are
the tests that fail when the handling is taken out. No row rests on hardware that we have driven ourselves; the sources are reports of others and
recorded trees ("rec").

`)
	faults := map[string]sim.FaultInfo{}
	for _, f := range sim.Faults() {
		faults[f.ID] = f
	}
	table(&b, []string{"Id", "Who", "Symptom", "What we do", "Source", "Shown by"}, func(row func(...string)) {
		for _, q := range redfish.Table() {
			row(q.ID, quirkOf(q), q.Symptom, q.Handling, q.Source, shownText(q, faults))
		}
	})
	b.WriteString("\n## Faults that are no row of the table\n\n")
	table(&b, []string{"Id", "Dialects", "What happens", "Shown by"}, func(row func(...string)) {
		for _, f := range sim.Faults() {
			if !strings.HasPrefix(f.ID, "R") {
				row(f.ID, orAny(f.Dialects), f.Summary, quoted(slices.Concat(shownBySuite(f), f.Shown)))
			}
		}
	})
	return b.String()
}

func table(b *strings.Builder, head []string, rows func(row func(...string))) {
	line := func(cells ...string) {
		for i, c := range cells {
			cells[i] = strings.ReplaceAll(c, "|", "\\|")
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
	line(slices.Clone(head)...)
	fmt.Fprintf(b, "|%s\n", strings.Repeat("---|", len(head)))
	rows(line)
}

// quirkOf says which BMCs a row is matched by.
func quirkOf(q redfish.Quirk) string {
	who := slices.Concat(q.Vendors, q.Dialects)
	text := strings.Join(who, ", ")
	if q.Model != nil {
		text = strings.TrimSpace(text + " `" + q.Model.String() + "`")
	}
	if q.From != "" {
		text += " from " + q.From
	}
	if q.Below != "" {
		text += " below " + q.Below
	}
	if text == "" {
		return "any"
	}
	return text
}

func shownText(q redfish.Quirk, faults map[string]sim.FaultInfo) string {
	var shown []string
	text := ""
	if f, ok := faults[q.ID]; ok {
		text, shown = "fault ("+orAny(f.Dialects)+") ", slices.Concat(shownBySuite(f), f.Shown)
	}
	shown = append(shown, q.Shown...)
	if len(shown) == 0 {
		return text + "not yet"
	}
	return text + quoted(shown)
}

func orAny(list []string) string {
	if len(list) == 0 {
		return "any"
	}
	return strings.Join(list, ", ")
}

func quoted(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, "`"+s+"`")
	}
	return strings.Join(out, " ")
}
