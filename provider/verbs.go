package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

// resets are the verbs that issue a reset class.
var resets = map[string]plan.Verb{
	step.BMCReset.String():       {Do: plan.DoBMC},
	step.HostReset.String():      {Do: plan.DoReset},
	step.HostPowerCycle.String(): {Do: plan.DoCycle},
	step.AuxCycle.String():       {Do: plan.DoCycle, Aux: true},
}

// sayPlan plans a verb for one node. Nothing is changed. What cannot be done is an error.
func (c *coordinator) sayPlan(ctx context.Context, node string, v plan.Verb) (*nodeView, plan.Plan, fwdiag.Diagnostics) {
	nv, diags := c.hand(node)
	if diags.HasError() {
		return nil, plan.Plan{}, diags
	}
	defer nv.base.Release()
	p, _ := nv.base.Say(ctx, v, []string{nv.node.Name})
	if err := ctx.Err(); err != nil {
		diags.AddError("Interrupted", sentence(err.Error()))
		return nv, p, diags
	}
	shown := &view{w: nv.base, nodes: []string{nv.node.Name}}
	if lines := shown.noteLines(p.Report.Blocked, p.Report.Unreadable, p.Report.Waiting); len(lines) > 0 {
		diags.AddError("Cannot be done", strings.Join(lines, "\n"))
	}
	if lines := shown.noteLines(p.Report.Warnings); len(lines) > 0 {
		diags.AddWarning("Worth knowing", strings.Join(lines, "\n"))
	}
	if veto := c.safety.vetoed(p); len(veto) > 0 {
		diags.AddError("Not allowed by the provider", strings.Join(veto, "\n"))
	}
	return nv, p, diags
}

// say does a verb to one node now: the same steps, journal and leases as everything else. tell hears how it goes.
func (c *coordinator) say(ctx context.Context, node string, v plan.Verb, tell func(string)) fwdiag.Diagnostics {
	nv, p, diags := c.sayPlan(ctx, node, v)
	switch {
	case diags.HasError():
		return diags
	case c.safety.freeze:
		diags.AddError("Frozen", "safety.freeze of the provider is true: nothing was changed.")
		return diags
	case p.Empty():
		tell(nv.node.Name + " is so already: nothing was sent")
		return diags
	}
	defer (&view{shared: []*nodeView{nv}}).lock()()
	shown := &view{w: nv.base, nodes: []string{nv.node.Name}}
	more := shown.attempt(ctx, func(ctx context.Context, opt engine.ApplyOptions) (apply.Result, error) {
		said := ""
		opt.Events = func(e apply.Event) {
			if now := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", e.Node, e.Phase, e.Kind, e.Note)), " "); e.Node != "" && now != said {
				said = now
				tell(now)
			}
		}
		pending, err := nv.base.PendingVerb(v, []string{nv.node.Name})
		switch {
		case err != nil:
			return apply.Result{}, err
		case pending != nil:
			return nv.base.ResumeVerb(ctx, v, *pending, opt)
		}
		return nv.base.Do(ctx, v, p, opt)
	})
	return append(diags, more...)
}

// lookAgain is how long a lease that this process holds itself is waited for without a look.
const lookAgain = 5 * time.Second

// attempt changes hardware. What was read before no longer holds, whatever comes of it. Of several runs of this process that need the
// same lease each waits for the one before it.
func (v *view) attempt(ctx context.Context, do func(context.Context, engine.ApplyOptions) (apply.Result, error)) fwdiag.Diagnostics {
	v.w.written(v.nodes)
	v.w.begin()
	var got apply.Result
	var err error
	for {
		ended := v.w.ended()
		got, err = do(context.WithoutCancel(ctx), engine.ApplyOptions{Stop: ctx.Done()})
		var locked *apply.LockedError
		if !errors.As(err, &locked) || locked.Lease.Holder != v.w.Who() {
			break
		}
		select { // another resource of this very process: one at a time takes hosts of a rack down
		case <-ended:
			continue
		case <-time.After(lookAgain): // of another blueprint, say: it is not told of
			continue
		case <-ctx.Done():
		}
		break
	}
	v.w.written(v.nodes)
	diags := v.failures(got, err)
	if err := v.w.end(); err != nil {
		diags.AddWarning("Firmware files are still served", sentence(err.Error()))
	}
	return diags
}
