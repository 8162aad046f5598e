package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

// view shows a run while it lasts: one line a node on a terminal, plain lines elsewhere, events as JSON.
type view struct {
	a     *app
	order []string
	u     map[string]int
	lines map[string]string
	said  map[string]bool // node, phase and step that were printed already, for plain lines
	drawn int
}

func (a *app) newView(d rack.Design, p plan.Plan) *view {
	v := &view{a: a, u: map[string]int{}, lines: map[string]string{}, said: map[string]bool{}}
	for _, n := range p.Nodes {
		v.order = append(v.order, n.Name)
		if node, ok := d.Node(n.Name); ok {
			v.u[n.Name] = node.PositionU
		}
	}
	return v
}

// event takes one event; the run calls it one at a time.
func (v *view) event(e apply.Event) {
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

// plain prints a line when a node comes to another step or phase.
func (v *view) plain(e apply.Event) {
	key := e.Node + "/" + e.Phase + "/" + string(e.Step)
	if v.said[key] || e.Phase == "look" {
		return
	}
	v.said[key] = true
	v.a.printf("%s\n", v.line(e))
}

// line is one node's state in at most 80 columns: name, slot, phase, step, percent, elapsed, remaining.
func (v *view) line(e apply.Event) string {
	who := e.Node
	if who == "" {
		who = "run"
	}
	slot := ""
	if u := v.u[e.Node]; u > 0 {
		slot = fmt.Sprintf("U%d", u)
	}
	what := e.Phase
	if e.Kind != "" {
		what += " " + string(e.Kind)
	}
	if e.Of > 0 && e.Index > 0 {
		what += fmt.Sprintf(" (%d/%d)", e.Index, e.Of)
	}
	if e.Percent >= 0 && e.Phase == "wait" {
		what += fmt.Sprintf(" %d %%", e.Percent)
	}
	if e.Note != "" {
		what += ": " + e.Note
	}
	times := clock(e.Elapsed)
	if e.Remaining > 0 {
		times += " ~" + clock(e.Remaining) + " left"
	}
	room := v.a.width - 12 - 5 - len(times) - 3
	if r := []rune(what); len(r) > room && room > 10 {
		what = string(r[:room-1]) + "…"
	}
	return strings.TrimRight(fmt.Sprintf("  %-11s %-4s %-*s %s", who, slot, max(room, 20), what, times), " ")
}

func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// live redraws the block of node lines at the bottom; what has ended scrolls away above.
func (v *view) live(e apply.Event) {
	v.erase()
	line := v.line(e)
	switch e.Phase {
	case "done", "skipped", "blocked", "failed":
		delete(v.lines, e.Node)
		v.a.printf("%s\n", line)
	case "stop":
		v.a.printf("%s\n", line)
	default:
		v.lines[e.Node] = line
	}
	v.drawn = 0
	for _, name := range v.order {
		if l, ok := v.lines[name]; ok {
			v.a.printf("%s\n", l)
			v.drawn++
		}
	}
}

func (v *view) erase() {
	if v.drawn > 0 {
		v.a.printf("\x1b[%dA\x1b[J", v.drawn)
		v.drawn = 0
	}
}

func (v *view) close() {
	if v.a.tty && !v.a.json {
		v.erase()
	}
}
