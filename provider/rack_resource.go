package provider

import (
	"context"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

// rackResource brings one rack of a blueprint to what the blueprint says.
type rackResource struct{ c *coordinator }

var (
	_ resource.ResourceWithConfigure   = (*rackResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*rackResource)(nil)
	_ resource.ResourceWithImportState = (*rackResource)(nil)
)

func (r *rackResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "metalwright_rack"
}

func (r *rackResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*coordinator); ok {
		r.c = c
	}
}

// open finds the rack that a model names: by its rack attribute, else by the id that an earlier plan or an import gave.
func (r *rackResource) open(ctx context.Context, m rackModel) (*view, fwdiag.Diagnostics) {
	s := source{dir: m.Blueprint.ValueString(), variables: map[string]string{}}
	var diags fwdiag.Diagnostics
	if !m.Variables.IsNull() && !m.Variables.IsUnknown() {
		diags.Append(m.Variables.ElementsAs(ctx, &s.variables, false)...)
	}
	name := m.Rack.ValueString()
	if name == "" {
		name = m.ID.ValueString()
	}
	v, more := r.c.view(s, name)
	diags.Append(more...)
	return v, diags
}

// Read surveys. What cannot be read is a gap, never an absence: a rack does not leave the state by itself. Where the blueprint
// cannot be read the state is kept, so that a rack that was taken out of it can still be destroyed.
func (r *rackResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m rackModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() || r.c.later != "" {
		return
	}
	imported := m.Converged.IsNull()
	v, diags := r.open(ctx, m)
	if diags.HasError() && !imported {
		for _, d := range diags {
			resp.Diagnostics.AddWarning(d.Summary(), d.Detail()+" The state is kept as it was.")
		}
		return
	}
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	p, o, err := v.look(ctx)
	if err != nil {
		resp.Diagnostics.AddError("Interrupted", sentence(err.Error()))
		return
	}
	if imported { // nothing was applied from here
		m.Impact, m.Resets, m.EstimatedS = noImpact(), types.MapValueMust(types.Int64Type, map[string]attr.Value{}), types.Int64Value(0)
		m.OnDestroy, m.Degraded = types.StringValue("keep"), types.Int64Value(0)
	}
	m.ID = types.StringValue(string(v.address))
	prior := m.Nodes
	m.Converged, m.Drift, m.Nodes = types.BoolUnknown(), types.ListUnknown(types.StringType), types.MapUnknown(factsType)
	m.Waiting, m.Gaps = types.ListUnknown(types.StringType), types.ListUnknown(types.StringType)
	resp.Diagnostics.Append(m.observe(ctx, v, p, o, prior)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func noImpact() types.List { return types.ListValueMust(impactType, []attr.Value{}) }

// observe writes what was read into whatever of the model is unknown. What was planned as known stays: Terraform holds the
// provider to it. Facts of a node that could not be read stay as they were.
func (m *rackModel) observe(ctx context.Context, v *view, p plan.Plan, o rack.Observation, prior types.Map) fwdiag.Diagnostics {
	var all fwdiag.Diagnostics
	fill := func(to *types.List, lines []string) {
		if to.IsUnknown() {
			l, d := types.ListValueFrom(ctx, types.StringType, lines)
			all.Append(d...)
			*to = l
		}
	}
	if m.Converged.IsUnknown() {
		m.Converged = types.BoolValue(p.Empty() && p.Report.Clean())
	}
	fill(&m.Drift, v.changeLines(p))
	fill(&m.Waiting, v.noteLines(p.Report.Waiting, p.Report.Blocked))
	fill(&m.Gaps, v.noteLines(p.Report.Unreadable))
	if !m.Nodes.IsUnknown() {
		return all
	}
	known := map[string]nodeFact{}
	if !prior.IsNull() && !prior.IsUnknown() {
		all.Append(prior.ElementsAs(ctx, &known, false)...)
	}
	facts, d := types.MapValueFrom(ctx, factsType, v.facts(o, known))
	all.Append(d...)
	m.Nodes = facts
	return all
}

type nodeFact struct {
	Model  string `tfsdk:"model"`
	Serial string `tfsdk:"serial"`
	BMC    string `tfsdk:"bmc_version"`
	BIOS   string `tfsdk:"bios_version"`
	Power  string `tfsdk:"power_state"`
	GPUs   int64  `tfsdk:"gpus"`
}

func (v *view) facts(o rack.Observation, known map[string]nodeFact) map[string]nodeFact {
	out := map[string]nodeFact{}
	for _, name := range v.nodes {
		dev, seen := o.Device(name)
		h, host := dev.Host()
		if !seen || !host {
			if f, ok := known[name]; ok {
				out[name] = f
			}
			continue
		}
		out[name] = nodeFact{Model: h.Model, Serial: h.SerialNumber, BMC: dev.BMC.FirmwareVersion, BIOS: h.BIOSVersion, Power: h.PowerState,
			GPUs: int64(len(h.GPUs))}
	}
	return out
}

// Create does the approved plan. Where an earlier one was cut off it finds that work done, or goes on with it. On failure
// nothing is stored: the next plan looks at the hardware again.
func (r *rackResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m rackModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(r.converge(ctx, &m, types.MapNull(factsType))...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

// Update does the approved plan. On failure the prior state stays, so that the next plan still shows the work.
func (r *rackResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior rackModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(r.converge(ctx, &m, prior.Nodes)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

// converge does the approved plan and nothing else, then fills the model with what was read afterwards.
func (r *rackResource) converge(ctx context.Context, m *rackModel, prior types.Map) fwdiag.Diagnostics {
	v, diags := r.open(ctx, *m)
	if diags.HasError() {
		return diags
	}
	defer v.lock()()
	got, more := v.converge(ctx, m.PlanDigest, m.Converged.ValueBool(), m.Degraded.ValueInt64(), r.c.safety)
	diags.Append(more...)
	if diags.HasError() {
		return diags
	}
	if m.PlanDigest.IsUnknown() {
		diags.Append(m.intend(ctx, v, got.done)...)
	}
	v.dropPlanned()
	m.ID, m.Design = types.StringValue(string(v.address)), types.StringValue(string(v.w.Design.Digest()))
	return append(diags, m.observe(ctx, v, got.after, got.seen, prior)...)
}

// Delete forgets the rack. Nothing is sent to any BMC.
func (r *rackResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// ImportState takes the name or address of a rack in the provider's blueprint.
func (r *rackResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), req.ID)...)
}
