package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
)

// claimFirst claims the BMCs that still have what they left the factory with. That is a plan of its own, with its digest, its consent
// and its journal: what follows is read and planned afterwards. One that cannot be claimed holds up no other; left says so.
func (a *app) claimFirst(ctx context.Context, w *engine.Workspace, f *applyFlags) (left, err error) {
	pending, err := w.PendingClaim()
	if err != nil {
		return nil, err
	}
	if pending != nil {
		a.say("resuming the claim %s at step %d of %d: what was begun is looked at first, nothing is repeated", pending.Plan.Digest.Short(),
			min(pending.Done+1, pending.Of), pending.Of)
		left, err = a.claim(ctx, w, f, pending.Plan, func(opt engine.ApplyOptions) (apply.Result, error) {
			return w.ResumeVerb(ctx, engine.ClaimVerb, *pending, opt)
		})
		if err != nil {
			return nil, err
		}
	}
	p, o := w.PlanClaim(ctx, f.only)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !claims(p) {
		return left, nil
	}
	if a.json {
		if err := a.planEvent(p); err != nil {
			return nil, err
		}
	} else {
		a.showClaim(p)
	}
	if len(p.Report.Blocked)+len(p.Report.Unreadable) > 0 {
		left = errors.New("not every BMC could be claimed")
	}
	if p.Empty() {
		return left, nil
	}
	if !f.approve {
		if err := a.askClaim(ctx, p); err != nil {
			return nil, err
		}
	}
	why, err := a.claim(ctx, w, f, p, func(opt engine.ApplyOptions) (apply.Result, error) {
		opt.Before = &o
		return w.Do(ctx, engine.ClaimVerb, p, opt)
	})
	return errors.Join(left, why), err
}

// claim does a plan of claims. left: some nodes were not claimed, and the others go on; err: nothing more may be begun.
func (a *app) claim(ctx context.Context, w *engine.Workspace, f *applyFlags, p plan.Plan, do func(engine.ApplyOptions) (apply.Result, error)) (left, err error) {
	r, err := a.doVerb(ctx, w, &verbFlags{parallel: f.parallel}, p, do)
	if err != nil && ctx.Err() == nil && r.Stopped == "" && len(r.Nodes) > 0 {
		a.say("%v: those are left alone, the others go on", err)
		return err, nil
	}
	return nil, err
}

// claims tells whether there is anything to say of a plan of claims.
func claims(p plan.Plan) bool { return !p.Empty() || !p.Report.Clean() }

// unclaimedOnly tells whether nothing stands in the way of a plan but claims.
func unclaimedOnly(p plan.Plan) bool {
	return len(p.Report.Blocked)+len(p.Report.Unreadable) == 0 &&
		!slices.ContainsFunc(p.Report.Waiting, func(n plan.Note) bool { return n.Rule != plan.RuleUnclaimed })
}

// showClaim shows a plan of claims.
func (a *app) showClaim(p plan.Plan) {
	var nodes []string
	for _, n := range p.Nodes {
		nodes = append(nodes, n.Name)
	}
	for _, n := range slices.Concat(p.Report.Blocked, p.Report.Unreadable) {
		if !slices.Contains(nodes, n.Node) {
			nodes = append(nodes, n.Node)
		}
	}
	a.wrap("", fmt.Sprintf("claim first: %s; what follows cannot be read before that", count(len(nodes), "node")))
	a.showVerb(p, nodes)
	a.printf("\n")
}

func (a *app) askClaim(ctx context.Context, p plan.Plan) error {
	fmt.Fprintf(a.Err, "metalwright: type yes to claim %s (plan %s): ", count(len(p.Nodes), "BMC"), p.Digest.Short())
	line, err := answer(ctx, bufio.NewReader(a.In))
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; nothing was changed")
	case strings.TrimSpace(line) == "yes":
		return nil
	case err != nil && line == "":
		return errors.New("nobody answered; use --auto-approve")
	}
	return errors.New("not approved; nothing was changed")
}
