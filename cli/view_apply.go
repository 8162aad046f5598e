package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// view shows a run while it lasts: one line a node on a terminal, plain lines elsewhere, events as JSON.
type view struct {
	a     *app
	order []string
	name  int // width of the longest name
	pace  float64
	u     map[string]int
	steps map[string]map[step.ID]numbered // by node
	lines map[string]string
	said  map[string]time.Time // when something was last printed of a node, for plain lines
	drawn int
	watch bool // all events of the BMCs are shown
	d     rack.Design
}

// numbered is a step and its place in the plan of its node, from 1.
type numbered struct {
	step.Step
	n, of int
}

// newView makes the view of a run. pace is how much shorter a simulator's minutes are than the planned ones; 1 for hardware.
func (a *app) newView(d rack.Design, p plan.Plan, pace float64) *view {
	v := &view{a: a, d: d, name: 8, pace: max(pace, 1), u: map[string]int{}, steps: map[string]map[step.ID]numbered{},
		lines: map[string]string{}, said: map[string]time.Time{}}
	for _, n := range p.Nodes {
		v.order = append(v.order, n.Name)
		v.name = max(v.name, utf8.RuneCountInString(n.Name))
		v.steps[n.Name] = map[step.ID]numbered{}
		for i, s := range n.Steps {
			v.steps[n.Name][s.ID] = numbered{s, i + 1, len(n.Steps)}
		}
		if node, ok := d.Node(n.Name); ok {
			v.u[n.Name] = node.PositionU
		} else if s, ok := d.Switch(n.Name); ok {
			v.u[n.Name] = s.PositionU
		}
	}
	return v
}

// event takes one event; the run calls it one at a time.
func (v *view) event(e apply.Event) {
	switch e.Phase {
	case "hearing", "event":
		if v.watch || e.BMC != nil && e.BMC.Kind.Peril() {
			v.told(engine.NodeEvent{Node: e.Node, Event: e.BMC, Hearing: e.Hearing})
		}
		return
	}
	switch {
	case v.a.json:
		_ = v.a.event(struct {
			Format   int         `json:"format"`
			Event    string      `json:"event"`
			Progress apply.Event `json:"progress"`
		}{1, "progress", e})
	case v.a.tty:
		v.live(e)
	default:
		v.plain(e)
	}
}

// told shows what a BMC tells of itself; on a terminal it scrolls away above the nodes.
func (v *view) told(e engine.NodeEvent) {
	if v.a.json || !v.a.tty {
		v.a.tellEvent(v.d, e)
		return
	}
	var b strings.Builder
	v.erase(&b)
	fmt.Fprintln(&b, v.a.eventLine(v.d, e))
	v.redraw(&b)
	v.a.printf("%s", b.String())
}

// stillAfter is how long a node may be silent in a pipe: a log shows that a flash of minutes is alive, not each of its polls.
const stillAfter = 30 * time.Second

// plain prints a line when a node begins or ends a step, and now and then while it waits. In a pipe nothing is cut off.
func (v *view) plain(e apply.Event) {
	switch e.Phase {
	case "look", "connect", "waiting":
		return
	case "wait":
		if e.Time.Sub(v.said[e.Node]) < stillAfter {
			return
		}
	}
	v.said[e.Node] = e.Time
	v.a.printf("%s  %s\n", v.head(e), v.what(e))
}

// head is name, slot and elapsed time, in columns.
func (v *view) head(e apply.Event) string {
	who, slot := e.Node, ""
	if who == "" {
		who = "run"
	}
	if u := v.u[e.Node]; u > 0 {
		slot = fmt.Sprintf("U%d", u)
	}
	width := v.name
	if v.a.tty {
		width = min(width, max(v.a.columns()/4, 8))
	}
	if r := []rune(who); len(r) > width { // names of one rack differ at their end
		who = "…" + string(r[len(r)-width+1:])
	}
	return fmt.Sprintf("  %-*s  %-3s  %s", width, who, slot, clock(e.Elapsed))
}

// what says which step of how many, what it changes, and how far it is.
func (v *view) what(e apply.Event) string {
	var parts []string
	if s, ok := v.steps[e.Node][e.Step]; ok {
		parts = append(parts, fmt.Sprintf("%d/%d", s.n, s.of), inWords(s.Step))
	}
	switch e.Phase {
	case "act":
		return strings.Join(parts, " ") // the note says why: the plan has told
	case "wait":
		parts = append(parts, "…")
		if e.Percent >= 0 {
			parts = append(parts, fmt.Sprintf("%d %%", e.Percent))
		}
	case string(apply.Done):
		parts = append(parts, "✓ done")
	case string(apply.Skipped):
		parts = append(parts, "= skipped")
	case string(apply.Degraded), string(apply.Blocked):
		parts = append(parts, "! "+e.Phase)
	case string(apply.Failed):
		parts = append(parts, "✗ failed")
	default:
		parts = append(parts, e.Phase)
	}
	text := strings.Join(parts, " ")
	if e.Note != "" {
		text += ": " + e.Note
	}
	return text
}

// inWords names a step shortly: what is made, not what it was before.
func inWords(s step.Step) string {
	switch s.Kind {
	case step.Firmware:
		return fmt.Sprintf("firmware %s %s", s.Args.Component, word(s.Want["version"]))
	case step.BIOS:
		return count(len(s.Want), "BIOS setting")
	case step.BIOSReset:
		return "BIOS defaults"
	case step.NIC:
		return "port " + s.Args.Component
	case step.BootOrder:
		return "boot order"
	case step.Switch:
		if len(s.Args.Config) == 0 {
			return "start-up configuration"
		}
		return count(len(s.Args.Config), "setting")
	case step.Erase:
		return "erase of drive " + word(s.Want["serial"])
	case step.Volume:
		if gone, ok := s.Want["exists"].(bool); !ok || gone {
			return "volume " + word(s.Want["name"])
		}
	case step.EventDestination:
		return "event subscriptions"
	case step.Certificate:
		return "certificate"
	case step.Reset:
		return className(s.Activation)
	}
	return strings.TrimLeft(describe(s)[0], "~+- ")
}

func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// line is one node's state in the width of the terminal: name, slot, elapsed, step, progress, remaining.
func (v *view) line(e apply.Event) string {
	head, what, left := v.head(e), v.what(e), ""
	if e.Remaining > 0 {
		left = "~" + clock(time.Duration(float64(e.Remaining)/v.pace)) + " left"
	}
	room := v.a.columns() - utf8.RuneCountInString(head) - len(left) - 4
	if r := []rune(what); len(r) > room {
		what = string(r[:room-1]) + "…"
	}
	return strings.TrimRight(fmt.Sprintf("%s  %-*s  %s", head, room, what, left), " ")
}

// live redraws the block of node lines at the bottom; what has ended scrolls away above.
func (v *view) live(e apply.Event) {
	var b strings.Builder // one write a frame: a terminal shows no half of it
	v.erase(&b)
	switch {
	case e.Phase == "stop":
		fmt.Fprintln(&b, v.line(e))
	case e.Step == "" && ended(e.Phase):
		delete(v.lines, e.Node)
		fmt.Fprintln(&b, v.line(e))
	case e.Node != "":
		v.lines[e.Node] = v.line(e)
	}
	v.redraw(&b)
	v.a.printf("%s", b.String())
}

// redraw draws the lines of the nodes.
func (v *view) redraw(b *strings.Builder) {
	// A block that is higher than the screen could not be erased: the lines that do not fit are only counted.
	room, more := max(v.a.height-2, 1), 0
	for _, name := range v.order {
		l, ok := v.lines[name]
		switch {
		case ok && v.drawn < room:
			fmt.Fprintln(b, l)
			v.drawn++
		case ok:
			more++
		}
	}
	if more > 0 {
		fmt.Fprintf(b, "  … %s more\n", count(more, "node"))
		v.drawn++
	}
}

func ended(phase string) bool {
	switch apply.Word(phase) {
	case apply.Done, apply.Skipped, apply.Degraded, apply.Blocked, apply.Failed:
		return true
	}
	return false
}

func (v *view) erase(b *strings.Builder) {
	if v.drawn > 0 {
		fmt.Fprintf(b, "\x1b[%dA\x1b[J", v.drawn)
		v.drawn = 0
	}
}

func (v *view) close() {
	if v.a.tty && !v.a.json {
		var b strings.Builder
		v.erase(&b)
		v.a.printf("%s", b.String())
	}
}
