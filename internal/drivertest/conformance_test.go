package drivertest_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

var update = flag.Bool("update", false, "write what the run shows into docs/conformance.md")

const conformancePage = "../../docs/conformance.md"

// row is one line of the table: a kind of step, or an ad hoc verb.
type row struct {
	key  string // the kind's name, or the verb's words
	what string // what is asked for
	more string // tests that go deeper
	// elsewhere says, of a kind that no BMC is asked for, by whom it is done and which tests show it. Such a row has no run.
	elsewhere string
	// run brings a node of a dialect to what is asked for, and gives "" when that is so on the device and nothing is left to do; else
	// why it cannot be, in the plan's own words.
	run func(t *testing.T, dialect string) string
}

// TestConformance does every kind of step and every verb on a node of every dialect, and holds what came of it against
// docs/conformance.md. A kind or verb without a row fails it: add one to conformanceRows.
func TestConformance(t *testing.T) {
	rows := conformanceRows()
	for _, x := range []struct{ dir, kind string }{{"../step", "Kind"}, {"../plan", "Do"}} {
		for _, name := range constants(t, x.dir, x.kind) {
			if !slices.ContainsFunc(rows, func(r row) bool { return r.key == name || strings.HasPrefix(r.key, name+" ") }) {
				t.Errorf("%s %q has no row: add one to conformanceRows in conformance_rows_test.go, then make gen", x.kind, name)
			}
		}
	}
	deeperTestsExist(t, rows)
	var mu sync.Mutex
	cells := map[string]string{}
	t.Run("rows", func(t *testing.T) {
		for _, r := range rows {
			if r.run == nil {
				continue
			}
			t.Run(strings.ReplaceAll(r.key, " ", "_"), func(t *testing.T) {
				t.Parallel()
				for _, dialect := range sim.Dialects() {
					t.Run(dialect, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							why := r.run(t, dialect)
							mu.Lock()
							defer mu.Unlock()
							if !t.Failed() {
								cells[r.key+"/"+dialect] = why
							}
						})
					})
				}
			})
		}
	})
	want := 0
	for _, r := range rows {
		if r.run != nil {
			want += len(sim.Dialects())
		}
	}
	if t.Failed() || len(cells) != want { // a part of it was asked for
		return
	}
	text := conformanceText(rows, cells)
	if *update {
		if err := os.WriteFile(conformancePage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(conformancePage)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(text, string(have)); d != "" {
		t.Errorf("%s is not what the run shows: run make gen (-run +page)\n%s", conformancePage, d)
	}
}

// constants gives the values of the constants of a type, read from a package's text: so that none can be forgotten here.
func constants(t *testing.T, dir, typ string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+f.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != typ {
				return true
			}
			for _, x := range v.Values {
				if l, ok := x.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil && s != "" {
						out = append(out, s)
					}
				}
			}
			return true
		})
	}
	if len(out) < 5 {
		t.Fatalf("%s has %d constants of type %s: they are written in another way now", dir, len(out), typ)
	}
	return out
}

// deeperTestsExist holds the tests that rows name against the text of the tests: NAME is of this folder, FOLDER:NAME of another.
func deeperTestsExist(t *testing.T, rows []row) {
	t.Helper()
	text := map[string]string{}
	for _, r := range rows {
		for _, name := range strings.Fields(r.more) {
			dir, test, other := strings.Cut(name, ":")
			if !other {
				dir, test = "internal/drivertest", name
			}
			if text[dir] == "" {
				files, err := filepath.Glob("../../" + dir + "/*_test.go")
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					b, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					text[dir] += string(b)
				}
			}
			if !strings.Contains(text[dir], "func "+test+"(t *testing.T)") {
				t.Errorf("row %q names %s, and there is no such test in %s", r.key, test, dir)
			}
		}
	}
}

// conformanceText is the page.
func conformanceText(rows []row, cells map[string]string) string {
	var b strings.Builder
	b.WriteString(`# What is shown on which dialect

Generated from the conformance run: make gen. Each cell is one test, ` + "`internal/drivertest TestConformance/rows/ROW/DIALECT`" + `: a fresh node of the
simulator is planned and brought to what the row asks for, until the device shows it and a new plan is empty. "no" has its reason below, in the
words of the plan: what cannot be done is said before anything is touched. The page is held against the run by that test, and a kind of step or
a verb without a row fails it. No cell rests on hardware.

| Dialect | Plays |
|---|---|
| ami | AMI MegaRAC of a DGX H100 |
| idrac | Dell iDRAC9 |
| ilo | HPE iLO 6 |
| openbmc | OpenBMC of a GB200 compute tray |
| supermicro | Supermicro X13 |
| xcc | Lenovo XCC |

`)
	var reasons []string
	table := func(title string, part []row) {
		fmt.Fprintf(&b, "## %s\n\n| | %s | Asked for | Tests that go deeper |\n|---|%s---|---|\n", title, strings.Join(sim.Dialects(), " | "),
			strings.Repeat("---|", len(sim.Dialects())))
		for _, r := range part {
			fmt.Fprintf(&b, "| `%s` |", r.key)
			for _, d := range sim.Dialects() {
				switch why := cells[r.key+"/"+d]; {
				case r.run == nil:
					b.WriteString(" – |")
				case why == "":
					b.WriteString(" works |")
				default:
					i := slices.Index(reasons, why)
					if i < 0 {
						i, reasons = len(reasons), append(reasons, why)
					}
					fmt.Fprintf(&b, " no [%d] |", i+1)
				}
			}
			what := r.what
			if r.elsewhere != "" {
				what = strings.TrimPrefix(what+"; "+r.elsewhere, "; ")
			}
			fmt.Fprintf(&b, " %s | %s |\n", what, tests(r.more))
		}
		b.WriteString("\n")
	}
	verbs := slices.IndexFunc(rows, func(r row) bool { return r.key == firstVerb })
	table("Kinds of step", rows[:verbs])
	table("Verbs said by hand", rows[verbs:])
	b.WriteString("## Why not\n\n")
	for i, why := range reasons {
		fmt.Fprintf(&b, "%d. %s\n", i+1, why)
	}
	return b.String()
}

func tests(names string) string {
	var out []string
	for _, n := range strings.Fields(names) {
		out = append(out, "`"+n+"`")
	}
	return strings.Join(out, " ")
}

// said gives what a plan says of why something is not done: the first of those that have one summary, and how many more there are.
func said(r plan.Report) string {
	var order []string
	first, more := map[string]string{}, map[string]int{}
	for _, n := range slices.Concat(r.Blocked, r.Waiting, r.Unreadable) {
		if first[n.Summary] == "" {
			order = append(order, n.Summary)
			first[n.Summary] = n.Summary + ": " + strings.ReplaceAll(n.Detail, "\n", " ")
		} else {
			more[n.Summary]++
		}
	}
	var out []string
	for _, s := range order {
		if n := more[s]; n > 0 {
			first[s] += fmt.Sprintf(" (And %d more of these.)", n)
		}
		out = append(out, first[s])
	}
	return strings.Join(out, " ")
}

// wanted is a row of something that a blueprint asks for: it is planned and brought, and then no plan has anything left to do. where
// finds the kind in the plan.
func wanted(kind step.Kind, ask func(h *host)) func(t *testing.T, dialect string) string {
	return func(t *testing.T, dialect string) string {
		t.Helper()
		h := newHost(t, dialect, asItIs)
		ask(h)
		p := h.plan()
		return h.outcome(p, kind)
	}
}

// outcome carries out a plan that has the kind, or gives why it has not.
func (h *host) outcome(p plan.Plan, kind step.Kind) string {
	h.t.Helper()
	has := slices.ContainsFunc(p.Nodes, func(n plan.NodePlan) bool {
		return slices.ContainsFunc(n.Steps, func(s step.Step) bool { return s.Kind == kind })
	})
	why := said(p.Report)
	switch {
	case !has && why == "" && len(p.Report.Warnings) > 0:
		r := plan.Report{Blocked: p.Report.Warnings}
		return said(r)
	case !has && why == "":
		h.t.Fatalf("no step %s is planned, and nothing says why:\n%s", kind, stepsText(p))
	case !has:
		return why
	case why != "":
		h.t.Fatalf("a step %s is planned, and yet: %s", kind, why)
	}
	h.do(p)
	if v := h.bmc().Ledger().Violations; len(v) > 0 {
		h.t.Errorf("violations: %v", v)
	}
	if p.Destroys || len(p.Acts) > 0 {
		return ""
	}
	if again := h.plan(); !again.Empty() || said(again.Report) != "" {
		h.t.Errorf("still to do: %s %s", stepsText(again), said(again.Report))
	}
	return ""
}

// everything is what a glance can read.
const everything = bmc.LookBoot | bmc.LookMedia | bmc.LookLED | bmc.LookJobs | bmc.LookAux | bmc.LookDumps

// by hand is a row of a verb that changes something. before prepares the device, real tells whether it was done.
func byHand(v plan.Verb, before func(b *sim.BMC) error, real func(b *sim.BMC) bool) func(t *testing.T, dialect string) string {
	return func(t *testing.T, dialect string) string {
		t.Helper()
		h := newHost(t, dialect, asItIs)
		if before != nil {
			if err := before(h.bmc()); err != nil {
				t.Fatal(err)
			}
		}
		p := plan.Say(h.d, h.glanced(everything), v, []string{node})
		if why := said(p.Report); why != "" {
			return why
		}
		if p.Empty() {
			t.Fatalf("%s: nothing is planned, and nothing says why", v)
		}
		h.do(p)
		if real != nil && !real(h.bmc()) {
			t.Errorf("%s: it is not so on the device: %+v", v, h.bmc().Truth())
		}
		if v := h.bmc().Ledger().Violations; len(v) > 0 {
			t.Errorf("violations: %v", v)
		}
		return ""
	}
}

// glanced is what a verb rests on.
func (h *host) glanced(look bmc.Look) rack.Observation {
	h.t.Helper()
	d := h.driver()
	defer closing(h.t, d)
	dev, err := d.Glance(h.t.Context(), look)
	if err != nil {
		h.t.Fatal(err)
	}
	dev.Node, dev.Address = node, string(h.node().Address)
	return rack.Observation{Format: rack.ObservationFormat, Devices: []rack.Device{dev}}
}
