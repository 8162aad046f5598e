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

Faults can be played: ` + "`metalwright sim up --faults R17,R39`" + `. The column "Played" says how each row exists outside its table: "fault" is a fault of the
simulator under the row's own number, on these dialects; "always" is one that these dialects cannot be without; "tree" is a recorded tree that
shows it; "fixture" is data that a test holds; or why it is none of these. The names in the last column are the tests that fail when the handling is
taken out. No row rests on hardware that we have driven ourselves; the sources are reports of others and recorded trees ("rec").

`)
	faults := map[string]sim.FaultInfo{}
	for _, f := range sim.Faults() {
		faults[f.ID] = f
	}
	table(&b, []string{"Id", "Who", "Symptom", "What we do", "Source", "Played", "Shown by"}, func(row func(...string)) {
		for _, q := range redfish.Table() {
			row(q.ID, quirkOf(q), q.Symptom, q.Handling, q.Source, playedText(q, faults), shownText(q, faults))
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

// playedText says how a row exists outside the table.
func playedText(q redfish.Quirk, faults map[string]sim.FaultInfo) string {
	var how []string
	if f, ok := faults[q.ID]; ok {
		word := "fault"
		if f.Always {
			word = "always"
		}
		how = append(how, word+" ("+orAny(f.Dialects)+")")
	}
	if len(q.Recorded) > 0 {
		how = append(how, "tree "+quoted(q.Recorded))
	}
	if q.Fixture != "" {
		how = append(how, "fixture "+quoted([]string{q.Fixture}))
	}
	if q.Neither != "" {
		how = append(how, "no: "+q.Neither)
	}
	return strings.Join(how, "; ")
}

func shownText(q redfish.Quirk, faults map[string]sim.FaultInfo) string {
	var shown []string
	if f, ok := faults[q.ID]; ok {
		shown = slices.Concat(shownBySuite(f), f.Shown)
	}
	for _, s := range q.Shown {
		if !slices.Contains(shown, s) {
			shown = append(shown, s)
		}
	}
	if len(shown) == 0 {
		return "not yet"
	}
	return quoted(shown)
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
