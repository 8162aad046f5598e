package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

func place38(file string) diag.Origin {
	return diag.At(hcl.Range{Filename: file, Start: hcl.Pos{Line: 38, Column: 1}, End: hcl.Pos{Line: 38, Column: 2}})
}

func TestFact(t *testing.T) {
	for _, c := range []struct{ name, text, file, want string }{
		{"short", "~ bios A off -> on", "main.mw.hcl", "  ~ bios A off -> on" + strings.Repeat(" ", 40) + "main.mw.hcl:38\n"},
		{"long place", "~ bios A off -> on", "catalog/hgx-h100-4node/main.mw.hcl", "  ~ bios A off -> on" + strings.Repeat(" ", 40) + "…/main.mw.hcl:38\n"},
		{"long value", "~ bios A " + strings.Repeat("x", 40) + " -> " + strings.Repeat("y", 40), "main.mw.hcl",
			"  ~ bios A " + strings.Repeat("x", 40) + "\n      -> " + strings.Repeat("y", 40) + strings.Repeat(" ", 11) + "main.mw.hcl:38\n"},
		{"no room for a place", "~ bios " + strings.Repeat("x", 70), "main.mw.hcl", "  ~ bios " + strings.Repeat("x", 70) + "\n"},
	} {
		var b bytes.Buffer
		a := &app{Streams: Streams{Out: &b}, width: 80}
		a.fact("  ", c.text, place38(c.file))
		if b.String() != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, b.String(), c.want)
		}
		for _, l := range strings.Split(b.String(), "\n") {
			if utf8.RuneCountInString(l) > 80 {
				t.Errorf("%s: wider than 80 columns: %s", c.name, l)
			}
		}
	}
}

// liveRun plays events to a terminal of a size and gives what the last frame shows.
func liveRun(t *testing.T, width, height, nodes int) (frame []string) {
	t.Helper()
	var b bytes.Buffer
	a := &app{Streams: Streams{Out: &b}, tty: true, width: width, height: height}
	var p plan.Plan
	for i := range nodes {
		name := "rack-a-node-with-a-long-name-" + strings.Repeat("x", i%3)
		p.Nodes = append(p.Nodes, plan.NodePlan{Name: name + string(rune('a'+i)), Steps: []step.Step{{ID: "1", Kind: step.Firmware,
			Args: step.Args{Component: "bios"}, Want: step.Facts{"version": "2.1"}}}})
	}
	v := a.newView(rack.Design{}, p, 60)
	for _, n := range p.Nodes {
		v.event(apply.Event{Node: n.Name, Phase: "wait", Step: "1", Kind: step.Firmware, Percent: 62, Elapsed: 252 * time.Second,
			Remaining: 29 * time.Minute, Note: strings.Repeat("what the BMC says ", 5)})
	}
	frames := strings.Split(b.String(), "\x1b[J")
	return strings.Split(strings.TrimRight(frames[len(frames)-1], "\n"), "\n")
}

func TestLiveFitsTheTerminal(t *testing.T) {
	for _, c := range []struct{ width, height, nodes, lines int }{{80, 24, 4, 4}, {60, 24, 4, 4}, {200, 24, 4, 4}, {80, 10, 20, 9}} {
		frame := liveRun(t, c.width, c.height, c.nodes)
		if len(frame) != c.lines {
			t.Errorf("%d nodes on %d lines: a frame of %d lines, want %d", c.nodes, c.height, len(frame), c.lines)
		}
		for _, l := range frame {
			if utf8.RuneCountInString(l) > c.width {
				t.Errorf("wider than %d columns: %s", c.width, l)
			}
		}
		if !strings.Contains(frame[0], "firmware bios 2.1 … 62 %") && c.width >= 80 || !strings.HasSuffix(frame[0], "~00:29 left") {
			t.Errorf("step, percent or time left is missing: %s", frame[0])
		}
	}
}

func TestPlainIsNotChatty(t *testing.T) {
	var b bytes.Buffer
	a := &app{Streams: Streams{Out: &b}, width: 80}
	p := plan.Plan{Nodes: []plan.NodePlan{{Name: "n1", Steps: []step.Step{{ID: "1", Kind: step.Reset, Activation: step.HostReset}}}}}
	v := a.newView(rack.Design{}, p, 1)
	start := time.Unix(0, 0)
	for i := range 61 {
		v.event(apply.Event{Time: start.Add(time.Duration(i) * time.Second), Node: "n1", Phase: "wait", Step: "1", Percent: -1})
	}
	v.event(apply.Event{Time: start.Add(62 * time.Second), Node: "n1", Phase: "done", Step: "1", Percent: 100})
	if n := strings.Count(b.String(), "\n"); n != 4 { // at 0, 30 and 60 s, and the end
		t.Errorf("%d lines for a minute of waiting:\n%s", n, b.String())
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Errorf("escape sequences in a pipe: %q", b.String())
	}
}

func TestAlikeNodesStandTogether(t *testing.T) {
	one := step.Step{ID: "n1/1", Kind: step.BIOS, Want: step.Facts{"A": "on"}, Expect: step.Facts{"A": "off"}}
	other := one
	other.ID, other.Want = "n3/1", step.Facts{"A": "auto"}
	got := groups([]plan.NodePlan{{Name: "n1", Steps: []step.Step{one}}, {Name: "n2", Steps: []step.Step{one}}, {Name: "n3", Steps: []step.Step{other}}})
	if len(got) != 2 || len(got[0]) != 2 || got[1][0].Name != "n3" {
		t.Errorf("groups: %v", got)
	}
}

func TestDuration(t *testing.T) {
	p := plan.Plan{Nodes: []plan.NodePlan{{Name: "a", EstimatedS: 60}, {Name: "b", EstimatedS: 120}, {Name: "c", EstimatedS: 30}},
		Waves: []plan.Wave{{Nodes: []string{"a"}}, {Nodes: []string{"b", "c"}, MaxParallel: 1}}}
	if got := duration(p); got != 60+240 {
		t.Errorf("two waves take %d s, want 300", got)
	}
}

func TestTable(t *testing.T) {
	head, rows := []string{"NODE", "MODEL", "PIN", "NOTE"}, [][]string{{"n1", "R750", strings.Repeat("a", 64), "seen"}, {"node-2", "", strings.Repeat("b", 64), ""}}
	var wide, narrow bytes.Buffer
	(&app{Streams: Streams{Out: &wide}, width: 80}).table(head, rows)
	if want := "NODE    MODEL  PIN" + strings.Repeat(" ", 63) + "NOTE\n"; !strings.HasPrefix(wide.String(), want) || strings.Count(wide.String(), "\n") != 3 {
		t.Errorf("in a pipe every row is one line, not\n%s", wide.String())
	}
	(&app{Streams: Streams{Out: &narrow}, tty: true, width: 80}).table(head, rows)
	want := "NODE    MODEL  PIN\nn1      R750   " + strings.Repeat("a", 64) + "\n    note seen\nnode-2         " + strings.Repeat("b", 64) + "\n"
	if narrow.String() != want {
		t.Errorf("on a terminal\n%swant\n%s", narrow.String(), want)
	}
}
