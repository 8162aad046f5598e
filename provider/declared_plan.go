package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

// ModifyPlan reads the node and plans, as the rack's does; a staged resource is only checked, and publishes its stage.
func (r *declaredResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		resp.Diagnostics.AddWarning("Destroy forgets", r.forget)
		return
	}
	if r.c == nil {
		return
	}
	g, err := r.read(req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Configuration cannot be read", sentence(err.Error()))
		return
	}
	if r.c.later != "" || !g.known {
		later := strings.TrimPrefix(r.c.later+" of the provider", " of the provider")
		if later == "" {
			later = "what is declared"
		}
		resp.Diagnostics.AddWarning("Planned during apply", "Not known yet: "+later+". What is changed will be decided then, without approval.")
		return
	}
	o, diags := r.open(g)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if resp.Diagnostics.Append(r.arrived(ctx, o, req)...); resp.Diagnostics.HasError() {
		return
	}
	if err := r.claim(g, o); err != nil {
		resp.Diagnostics.AddError("Declared twice", sentence(err.Error()))
		return
	}
	set := func(name string, v any) { resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...) }
	if r.stages {
		set("stage", o.stage)
	}
	set("id", r.id(g))
	if r.c.probe == probeNever {
		if r.stages && g.staged {
			r.rest(ctx, &resp.Plan, &resp.Diagnostics)
		}
		return
	}
	r.decide(ctx, g, o, req, resp)
}

// decide fills in what an apply will do.
func (r *declaredResource) decide(ctx context.Context, g given, o opened, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	prior := types.StringNull()
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("plan_digest"), &prior)...)
	}
	first := prior.IsNull() // a new one, one that was imported, or one that was staged
	d, err := o.view.decide(ctx, first)
	if err != nil {
		resp.Diagnostics.AddError("Node cannot be planned", sentence(o.view.w.Redact(err.Error())))
		return
	}
	problems := o.view.stuck(d.now, d.cut, r.allowed(g))
	if problems.HasError() && r.c.probe == probeBestEffort && len(d.now.Report.Unreadable) > 0 {
		resp.Diagnostics.AddWarning("Node could not be read", "What an apply changes will be decided then, without approval.\n"+
			strings.Join(o.view.noteLines(d.now.Report.Unreadable), "\n"))
		return
	}
	resp.Diagnostics.Append(problems...)
	if resp.Diagnostics.HasError() {
		return
	}
	if r.stages && g.staged {
		r.rest(ctx, &resp.Plan, &resp.Diagnostics)
		return
	}
	if veto := r.c.safety.vetoed(d.todo); len(veto) > 0 {
		resp.Diagnostics.AddError("Not allowed by the provider", strings.Join(veto, "\n"))
		return
	}
	resp.Diagnostics.Append(o.view.moved(d)...)
	if !first && d.todo.Empty() && resp.Plan.Raw.Equal(req.State.Raw) {
		return // nothing changes: the plan is the state
	}
	resp.Diagnostics.Append(o.view.warnings(d)...)
	resp.Diagnostics.Append(r.oneByOne(o, d.todo)...)
	made, diags := o.view.intended(ctx, d.todo)
	resp.Diagnostics.Append(diags...)
	made.into(ctx, &resp.Plan, &resp.Diagnostics)
	clean := d.now.Report.Clean()
	set := func(name string, v any) { resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...) }
	if clean {
		set("converged", types.BoolValue(true))
		set("drift", noLines())
	} else { // what is left behind is seen afterwards
		set("converged", types.BoolUnknown())
		set("drift", types.ListUnknown(types.StringType))
	}
	set("waiting", types.ListUnknown(types.StringType))
	set("gaps", types.ListUnknown(types.StringType))
	if r.several != nil {
		set("waves", wavesOf(d.todo))
	}
}

// allowed is how many nodes may be left behind.
func (r *declaredResource) allowed(g given) int64 {
	n, err := whole(g.own, "degraded_nodes_allowed")
	if err != nil {
		return 0
	}
	return int64(n)
}

// wavesOf names the nodes of each wave, in order.
func wavesOf(p plan.Plan) [][]string {
	out := [][]string{}
	for _, w := range p.Waves {
		out = append(out, w.Nodes)
	}
	return out
}

// oneByOne warns of several resources that each reset one node.
func (r *declaredResource) oneByOne(o opened, p plan.Plan) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	for _, v := range o.nodes {
		resets := 0
		for _, n := range p.Nodes {
			for class, count := range n.Resets {
				if n.Name == v.node.Name && takesHostDown(class) {
					resets += count
				}
			}
		}
		all, by := v.planned("metalwright_"+r.name, resets)
		if resets > 0 && len(by) > 1 {
			diags.AddWarning("Resets that a commit would save", fmt.Sprintf("%s resets its host %d times: %s each do it on their own. With apply = %q and one "+
				"metalwright_commit it is reset as seldom as the platform allows, mostly once.", v.node.Name, all, strings.Join(by, " and "), applyStaged))
		}
	}
	return diags
}

func noLines() types.List { return types.ListValueMust(types.StringType, []attr.Value{}) }

// rest says of a staged resource that it does nothing by itself.
func (r *declaredResource) rest(ctx context.Context, to *tfsdk.Plan, diags *fwdiag.Diagnostics) {
	for name, v := range map[string]any{"plan_digest": types.StringNull(), "impact": types.ListNull(impactType), "resets": types.MapNull(types.Int64Type),
		"estimated_duration_s": types.Int64Null(), "converged": types.BoolNull(), "drift": types.ListNull(types.StringType),
		"waiting": types.ListNull(types.StringType), "gaps": types.ListNull(types.StringType)} {
		diags.Append(to.SetAttribute(ctx, path.Root(name), v)...)
	}
}

// target is a plan or a state.
type target interface {
	SetAttribute(ctx context.Context, at path.Path, v any) fwdiag.Diagnostics
	GetAttribute(ctx context.Context, at path.Path, to any) fwdiag.Diagnostics
}

// decided is what a plan says of itself.
type decided struct {
	digest    types.String
	impact    types.List
	resets    types.Map
	estimated types.Int64
}

func (d decided) into(ctx context.Context, to target, diags *fwdiag.Diagnostics) {
	for name, v := range map[string]any{"plan_digest": d.digest, "impact": d.impact, "resets": d.resets, "estimated_duration_s": d.estimated} {
		diags.Append(to.SetAttribute(ctx, path.Root(name), v)...)
	}
}

// intended tells what a plan does.
func (v *view) intended(ctx context.Context, p plan.Plan) (decided, fwdiag.Diagnostics) {
	impact, all := types.ListValueFrom(ctx, impactType, v.impact(p))
	resets, slowest := map[string]int64{}, 0
	for _, n := range p.Nodes {
		slowest = max(slowest, n.EstimatedS)
		for class, count := range n.Resets {
			if count > 0 {
				resets[class] += int64(count)
			}
		}
	}
	byClass, d := types.MapValueFrom(ctx, types.Int64Type, resets)
	return decided{types.StringValue(string(p.Digest)), impact, byClass, types.Int64Value(int64(slowest))}, append(all, d...)
}

// observed is what a look says against what is declared.
func (v *view) observed(ctx context.Context, p plan.Plan, to target, diags *fwdiag.Diagnostics, all bool) {
	fill := func(name string, lines []string) {
		var had types.List
		if !all {
			diags.Append(to.GetAttribute(ctx, path.Root(name), &had)...)
			if !had.IsUnknown() {
				return
			}
		}
		diags.Append(to.SetAttribute(ctx, path.Root(name), lines)...)
	}
	var had types.Bool
	if !all {
		diags.Append(to.GetAttribute(ctx, path.Root("converged"), &had)...)
	}
	if all || had.IsUnknown() {
		diags.Append(to.SetAttribute(ctx, path.Root("converged"), p.Empty() && p.Report.Clean())...)
	}
	fill("drift", v.changeLines(p))
	fill("waiting", v.noteLines(p.Report.Waiting, p.Report.Blocked))
	fill("gaps", v.noteLines(p.Report.Unreadable))
}

// takesHostDown tells whether a reset class, by its word, takes a host down.
func takesHostDown(class string) bool {
	a, err := step.ParseActivation(class)
	return err == nil && a.Host()
}
