package provider

import (
	"context"
	"strings"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Create does the approved plan. On failure nothing is stored: the next plan looks at the hardware again.
func (r *declaredResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	made, diags := r.converge(ctx, req.Plan)
	resp.Diagnostics.Append(diags...)
	if !resp.Diagnostics.HasError() {
		resp.State.Raw = made.Raw
	}
}

// Update does the approved plan. On failure the prior state stays, so that the next plan still shows the work.
func (r *declaredResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	made, diags := r.converge(ctx, req.Plan)
	resp.Diagnostics.Append(diags...)
	if !resp.Diagnostics.HasError() {
		resp.State.Raw = made.Raw
	}
}

// converge does the approved plan and gives what to store. A staged resource is only stored.
func (r *declaredResource) converge(ctx context.Context, p tfsdk.Plan) (tfsdk.Plan, fwdiag.Diagnostics) {
	var diags fwdiag.Diagnostics
	g, err := r.read(p.Raw)
	if err != nil {
		diags.AddError("Plan cannot be read", sentence(err.Error()))
		return p, diags
	}
	o, more := r.open(g)
	if diags.Append(more...); diags.HasError() {
		return p, diags
	}
	if r.stages {
		diags.Append(p.SetAttribute(ctx, path.Root("stage"), o.stage)...)
	}
	diags.Append(p.SetAttribute(ctx, path.Root("id"), r.id(g))...)
	if r.stages && g.staged {
		r.rest(ctx, &p, &diags)
		return p, diags
	}
	var approved types.String
	var promised types.Bool
	diags.Append(p.GetAttribute(ctx, path.Root("plan_digest"), &approved)...)
	diags.Append(p.GetAttribute(ctx, path.Root("converged"), &promised)...)
	if diags.HasError() {
		return p, diags
	}
	defer o.view.lock()()
	if approved.IsUnknown() { // nobody saw a plan
		now, _, err := o.view.lookLocked(ctx)
		if err != nil {
			diags.AddError("Interrupted", "Nothing was changed. "+sentence(err.Error()))
			return p, diags
		}
		if diags.Append(o.view.stuck(now, nil, r.allowed(g))...); diags.HasError() {
			return p, diags
		}
	}
	got, more := o.view.converge(ctx, approved, promised.ValueBool(), r.allowed(g), r.c.safety)
	if diags.Append(more...); diags.HasError() {
		return p, diags
	}
	if approved.IsUnknown() {
		made, more := o.view.intended(ctx, got.done)
		diags.Append(more...)
		made.into(ctx, &p, &diags)
		if r.several != nil {
			diags.Append(p.SetAttribute(ctx, path.Root("waves"), wavesOf(got.done))...)
		}
	}
	o.view.dropPlanned()
	o.view.observed(ctx, got.after, &p, &diags, false)
	return p, diags
}

// Read looks. What cannot be read is a gap, never an absence: nothing leaves the state by itself. Where the inventory has no such
// node any more the state is kept, so that it can still be destroyed. What is staged is kept as declared: its commit owns the drift.
func (r *declaredResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	if r.c.later != "" || r.c.probe == probeNever {
		return
	}
	g, err := r.read(req.State.Raw)
	if err != nil {
		resp.Diagnostics.AddError("State cannot be read", sentence(err.Error()))
		return
	}
	var digest types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("plan_digest"), &digest)...)
	if resp.Diagnostics.HasError() || digest.IsNull() { // staged, or imported: nothing was applied from here
		return
	}
	o, diags := r.open(g)
	if diags.HasError() {
		for _, d := range diags {
			resp.Diagnostics.AddWarning(d.Summary(), d.Detail()+" The state is kept as it was.")
		}
		return
	}
	p, _, err := o.view.look(ctx)
	if err != nil {
		resp.Diagnostics.AddError("Interrupted", sentence(err.Error()))
		return
	}
	o.view.observed(ctx, p, &resp.State, &resp.Diagnostics, true)
}

// Delete forgets. Nothing is sent to the BMC.
func (r *declaredResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {
}

// ImportState takes NODE, or NODE/NAME where a node has several.
func (r *declaredResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if r.several != nil {
		resp.Diagnostics.AddError("Cannot be imported", "A metalwright_"+r.name+" is of many nodes: declare it, and its first apply sends nothing where they are as declared.")
		return
	}
	node, leaf, several := strings.Cut(req.ID, "/")
	if (r.leaf != nil) != several || node == "" {
		want := "NODE"
		if r.leaf != nil {
			want = "NODE/NAME"
		}
		resp.Diagnostics.AddError("Not an import id", "metalwright_"+r.name+" is imported by "+want+".")
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), req.ID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("node"), node)...)
	if r.imported != nil {
		for name, v := range r.imported(leaf) {
			resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), v)...)
		}
	}
}
