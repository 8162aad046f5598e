package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// converged is how an approved plan ended.
type converged struct {
	done  plan.Plan // what was approved
	after plan.Plan // what is needed by a look afterwards
	seen  rack.Observation
}

// converge does the approved plan and nothing else, then looks. The first interrupt finishes or safely leaves what is under way.
// With promised, something that is still needed afterwards is an error. What safe does not let be made is not made, whoever saw a plan
// and whatever is gone on with. It is called with the view locked.
func (v *view) converge(ctx context.Context, approved types.String, promised bool, allowed int64, safe safety) (converged, fwdiag.Diagnostics) {
	var diags fwdiag.Diagnostics
	p, o, err := v.lookLocked(ctx)
	if err != nil {
		diags.AddError("Interrupted", "Nothing was changed. "+sentence(err.Error()))
		return converged{}, diags
	}
	cut, err := v.pending()
	if err != nil {
		diags.AddError("Journal cannot be read", sentence(v.w.Redact(err.Error())))
		return converged{}, diags
	}
	ask := func(d rack.Digest) bool { return approved.IsUnknown() || approved.ValueString() == string(d) }
	goesOn := cut != nil && ask(cut.Plan.Digest)
	if goesOn {
		p = cut.Plan
	}
	if refused := safe.refuses(p); refused.HasError() {
		return converged{}, refused
	}
	switch {
	case goesOn:
		diags.Append(v.run(ctx, func(ctx context.Context, opt engine.ApplyOptions) (engine.Applied, error) {
			return v.w.Resume(ctx, *cut, opt)
		})...)
	case !ask(p.Digest):
		diags.AddError("Device moved", fmt.Sprintf("Plan %s was approved. What is needed now is:\n%s\nNothing was changed. Plan again.",
			rack.Digest(approved.ValueString()).Short(), orNothing(v.changeLines(p))))
	case !p.Empty():
		diags.Append(v.run(ctx, func(ctx context.Context, opt engine.ApplyOptions) (engine.Applied, error) {
			opt.Before = &o
			return v.w.Apply(ctx, p, opt)
		})...)
	}
	if diags.HasError() {
		return converged{}, diags
	}
	out := converged{done: p}
	out.after, out.seen, err = v.lookLocked(context.WithoutCancel(ctx)) // hardware has changed: what is stored must be what is there
	if err != nil {
		diags.AddError(v.noun()+" cannot be read", sentence(err.Error()))
		return out, diags
	}
	diags.Append(v.stuck(out.after, nil, allowed)...)
	if promised && !out.after.Empty() {
		diags.AddError(v.noun()+" did not converge", "A new plan is not empty:\n"+strings.Join(v.changeLines(out.after), "\n")+"\nPlan and apply again.")
	}
	return out, diags
}

// noun is what a person calls what the view is of.
func (v *view) noun() string {
	if v.shared != nil {
		return "Node"
	}
	return "Rack"
}

// run does a plan or goes on with one, and keeps what its closing survey saw.
func (v *view) run(ctx context.Context, do func(context.Context, engine.ApplyOptions) (engine.Applied, error)) fwdiag.Diagnostics {
	var got engine.Applied
	diags := v.attempt(ctx, func(ctx context.Context, opt engine.ApplyOptions) (apply.Result, error) {
		var err error
		got, err = do(ctx, opt)
		return got.Result, err
	})
	if !diags.HasError() && v.shared == nil && len(v.nodes) == len(v.w.Design.Nodes) && len(got.Replan.Nodes) == 0 { // the closing survey was of this very rack
		v.plan, v.seen, v.asOf = &got.Replan, got.After, v.w.root().writes(v.nodes)
	}
	return diags
}

// failures are the errors of a run, one for each way in which nodes ended.
func (v *view) failures(res apply.Result, err error) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	lines := map[string][]string{}
	var left []string
	for _, n := range res.Nodes {
		if n.Left {
			left = append(left, n.Node)
			continue
		}
		if n.Word != apply.Failed && n.Word != apply.Blocked {
			continue
		}
		line := fmt.Sprintf("%s at step %s: %s", n.Node, n.Step, sentence(n.Text))
		for _, more := range []string{n.Advice, n.Origin.Short()} {
			if more != "" {
				line += " " + sentence(more)
			}
		}
		key := "Node " + string(n.Word)
		lines[key] = append(lines[key], v.w.Redact(line))
	}
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		diags.AddError(key, strings.Join(lines[key], "\n"))
	}
	if len(left) > 0 {
		why := res.Stopped
		if why == "" {
			why = "the run ended early"
		}
		diags.AddError("Apply stopped", fmt.Sprintf("Not finished: %s (%s). Sessions are closed. Apply again to go on: what was begun is looked at first, "+
			"nothing is repeated.", strings.Join(left, ", "), v.w.Redact(why)))
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		diags.AddError("Apply cannot run", strings.TrimSpace(sentence(v.w.Redact(err.Error()))+" "+step.AdviceOf(err)))
	}
	return diags
}

func orNothing(lines []string) string {
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "\n")
}
