package engine

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/switches"
)

// bringUpSpeed makes the hour that a rack takes a few seconds; below that the answers of the simulator are what takes time.
const bringUpSpeed = 1200

// BringUp runs what a test asked for on a simulated rack of that very Design: plan, apply, and a second plan that must be empty.
func (w *Workspace) BringUp(ctx context.Context, t blueprint.TestResult) blueprint.TestResult {
	t.Pending = false
	if err := w.bringUp(ctx, t.Design); err != nil {
		t.Passed = false
		t.Diags = append(t.Diags, diag.Diagnostic{Severity: diag.Error, Summary: "Bring-up failed", Detail: fmt.Sprintf("Test %q: %v.", t.Name, err)})
		return t
	}
	t.Passed = true
	return t
}

func (w *Workspace) bringUp(ctx context.Context, d rack.Design) (err error) {
	r, err := sim.New(d, sim.Options{Seed: 1, Speed: bringUpSpeed, Fetch: w.FetchImage})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	state, err := os.MkdirTemp("", "metalwright-test-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(state) }()
	inner := OnSimulator(w, d, r, state)
	p, o := inner.Plan(ctx, SurveyOptions{})
	if !p.Report.Clean() {
		return fmt.Errorf("the plan of a new rack leaves nodes behind: %s", notes(p.Report.Blocked, p.Report.Waiting, p.Report.Unreadable))
	}
	if p.Empty() {
		return fmt.Errorf("a new rack needs nothing: the blueprint asks for nothing that a plan can do")
	}
	got, err := inner.Apply(ctx, p, ApplyOptions{Before: &o})
	if err != nil {
		return err
	}
	for _, n := range got.Result.Nodes {
		if n.Word != apply.Done && n.Word != apply.Skipped {
			return fmt.Errorf("node %s is %s at step %s: %s", n.Node, n.Word, n.Step, n.Text)
		}
	}
	if !got.Settled {
		return fmt.Errorf("a second plan is not empty: %d nodes to change; %s", len(got.Replan.Nodes), notes(got.Replan.Report.Blocked, got.Replan.Report.Waiting, got.Replan.Report.Unreadable))
	}
	for name, l := range r.Ledger() {
		if len(l.Violations) > 0 || l.SessionsOpen > 0 {
			return fmt.Errorf("node %s: %d sessions left open, violations: %s", name, l.SessionsOpen, strings.Join(l.Violations, "; "))
		}
	}
	return nil
}

// OnSimulator gives a workspace of Design d whose BMCs are those of r, in memory, and whose state is in a folder of its own.
func OnSimulator(w *Workspace, d rack.Design, r *sim.Rack, state string) *Workspace {
	inner := *w
	inner.Design, inner.pool, inner.attempts, inner.held = d, bmc.NewPool(), new(switches.Attempts), &holds{}
	inner.opt.StateDir, inner.opt.Dial = state, r.DialContext
	inner.Bindings = map[string]rack.Binding{}
	for _, b := range slices.Concat(r.Bindings(), r.SwitchBindings()) {
		inner.Bindings[b.Node] = b
	}
	inner.resolver, inner.refused = simResolver(r), newRefusals(state)
	inner.sim = &Simulated{Speed: r.Speed()}
	return &inner
}
