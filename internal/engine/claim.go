package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// ClaimVerb is what claims BMCs: the first rotation of their accounts.
var ClaimVerb = plan.Verb{Do: plan.DoRotate}

// unclaimed lists the nodes whose account is to be kept in escrow, and for which nothing was promoted there yet. No BMC is asked. A
// node whose escrow cannot be read is not among them: reading its BMC says why.
func (w *Workspace) unclaimed(ctx context.Context, only []string) []rack.Node {
	var out []rack.Node
	for _, n := range w.Design.Nodes {
		if len(only) > 0 && !slices.Contains(only, n.Name) && !slices.Contains(only, string(n.Address)) {
			continue
		}
		b := w.Bindings[n.Name]
		if n.BMC.Account == nil || b.URL == "" {
			continue
		}
		a, err := w.access(n, b)
		if err != nil || a == nil {
			continue
		}
		if e, err := a.Escrow.Read(ctx, n.Name); err == nil && e.Generation == 0 {
			out = append(out, n)
		}
	}
	return out
}

// PlanClaim plans the claim of every node that is not claimed, those of only when it names any. It looks at their accounts, which
// is all that a BMC shows that wants its password changed first (R68). What cannot be claimed is in the report. A plan without nodes
// and with a clean report: all are claimed.
func (w *Workspace) PlanClaim(ctx context.Context, only []string) (plan.Plan, rack.Observation) {
	var names []string
	for _, n := range w.unclaimed(ctx, only) {
		names = append(names, n.Name)
	}
	return w.Say(ctx, ClaimVerb, names)
}

// PendingClaim finds a claim that was cut off; nil when there is none. Unlike another verb it is gone on with however long ago that
// was, since what the escrow holds says what is left of it: the factory's account may still be there.
func (w *Workspace) PendingClaim() (*Pending, error) {
	runs, err := journal.Runs(w.opt.JournalFS, w.journalDir())
	if err != nil {
		return nil, err
	}
	later := map[string]bool{} // nodes that a younger claim or rotation was about
	for _, path := range slices.Backward(runs) {
		rep, err := journal.Load(w.opt.JournalFS, path)
		if err != nil {
			return nil, fmt.Errorf("read the latest journal: %w", err)
		}
		if rep.Plan.Verb != ClaimVerb.String() {
			continue
		}
		claims, overtaken := false, false
		for _, n := range rep.Plan.Nodes {
			overtaken = overtaken || later[n.Name]
			later[n.Name] = true
			claims = claims || slices.ContainsFunc(n.Steps, isClaim)
			_, known := w.Design.Node(n.Name)
			overtaken = overtaken || !known
		}
		if claims && !overtaken && rep.Resumable() {
			p := &Pending{Journal: path, Plan: rep.Plan}
			p.Done, p.Of = rep.Done()
			return p, nil
		}
	}
	return nil, nil
}

// isClaim tells whether a step gives a BMC its first account of ours.
func isClaim(s step.Step) bool {
	return s.Kind == step.AccountChange && s.Expect["generation"] == int64(0)
}
