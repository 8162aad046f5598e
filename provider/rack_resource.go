package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/engine"
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

type rackModel struct {
	ID         types.String `tfsdk:"id"`
	Rack       types.String `tfsdk:"rack"`
	Blueprint  types.String `tfsdk:"blueprint"`
	Variables  types.Map    `tfsdk:"variables"`
	Degraded   types.Int64  `tfsdk:"degraded_nodes_allowed"`
	OnDestroy  types.String `tfsdk:"on_destroy"`
	Design     types.String `tfsdk:"design"`
	PlanDigest types.String `tfsdk:"plan_digest"`
	Impact     types.List   `tfsdk:"impact"`
	Resets     types.Map    `tfsdk:"resets"`
	EstimatedS types.Int64  `tfsdk:"estimated_duration_s"`
	Converged  types.Bool   `tfsdk:"converged"`
	Drift      types.List   `tfsdk:"drift"`
	Waiting    types.List   `tfsdk:"waiting"`
	Gaps       types.List   `tfsdk:"gaps"`
	Nodes      types.Map    `tfsdk:"nodes"`
}

var impactType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"address": types.StringType, "kind": types.StringType, "name": types.StringType, "from": types.StringType, "to": types.StringType,
	"activation": types.StringType, "why": types.StringType,
}}

var factsType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"model": types.StringType, "serial": types.StringType, "bmc_version": types.StringType, "bios_version": types.StringType,
	"power_state": types.StringType, "gpus": types.Int64Type,
}}

func (r *rackResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "metalwright_rack"
}

func (r *rackResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		Version:             0,
		MarkdownDescription: "One rack of a blueprint, converged as a whole: one plan, the fewest resets. Destroying the resource changes nothing on hardware.",
		Attributes: map[string]schema.Attribute{
			"id":        schema.StringAttribute{Computed: true, PlanModifiers: keep, MarkdownDescription: "Address of the rack in its Design."},
			"rack":      schema.StringAttribute{Optional: true, PlanModifiers: replace, MarkdownDescription: "Name or address of the rack; may be left out where the blueprint has one."},
			"blueprint": schema.StringAttribute{Optional: true, MarkdownDescription: "Folder of the blueprint; default: the provider's."},
			"variables": schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "Input variables, over the provider's."},
			"degraded_nodes_allowed": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(0),
				MarkdownDescription: "How many nodes may wait for hands, be blocked or unreadable."},
			"on_destroy": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("keep"),
				Validators:          []validator.String{stringvalidator.OneOf("keep")},
				MarkdownDescription: "`keep` (the only value of this version): the rack is forgotten and left as it is."},
			"design":      schema.StringAttribute{Computed: true, MarkdownDescription: "Digest of what is wanted."},
			"plan_digest": schema.StringAttribute{Computed: true, MarkdownDescription: "Digest of the plan that is approved: of the Design and the steps. An apply that would do anything else is refused."},
			"impact": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "What the last or the coming apply changes, in order.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"address":    schema.StringAttribute{Computed: true, MarkdownDescription: "Node."},
					"kind":       schema.StringAttribute{Computed: true, MarkdownDescription: "What kind of change."},
					"name":       schema.StringAttribute{Computed: true, MarkdownDescription: "Attribute, component or volume."},
					"from":       schema.StringAttribute{Computed: true, MarkdownDescription: "Value before."},
					"to":         schema.StringAttribute{Computed: true, MarkdownDescription: "Value after."},
					"activation": schema.StringAttribute{Computed: true, MarkdownDescription: "Reset class that makes it real."},
					"why":        schema.StringAttribute{Computed: true, MarkdownDescription: "Reason, with the line of the blueprint."},
				}}},
			"resets":               schema.MapAttribute{Computed: true, ElementType: types.Int64Type, MarkdownDescription: "Resets of that apply, by class."},
			"estimated_duration_s": schema.Int64Attribute{Computed: true, MarkdownDescription: "How long its slowest node takes, from platform data."},
			"converged":            schema.BoolAttribute{Computed: true, MarkdownDescription: "False when the rack differs from the Design."},
			"drift":                schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What differs."},
			"waiting":              schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What waits for hands or is blocked."},
			"gaps":                 schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What could not be read."},
			"nodes": schema.MapNestedAttribute{Computed: true, MarkdownDescription: "Facts by node.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"model":        schema.StringAttribute{Computed: true, MarkdownDescription: "Model."},
					"serial":       schema.StringAttribute{Computed: true, MarkdownDescription: "Serial number."},
					"bmc_version":  schema.StringAttribute{Computed: true, MarkdownDescription: "Version of the BMC's firmware."},
					"bios_version": schema.StringAttribute{Computed: true, MarkdownDescription: "Version of the host's firmware."},
					"power_state":  schema.StringAttribute{Computed: true, MarkdownDescription: "`On` or `Off`."},
					"gpus":         schema.Int64Attribute{Computed: true, MarkdownDescription: "GPUs seen."},
				}}},
		},
	}
}

func (r *rackResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*coordinator); ok {
		r.c = c
	}
}

// open finds the rack that a model names.
func (r *rackResource) open(ctx context.Context, m rackModel) (*rackView, fwdiag.Diagnostics) {
	vars := map[string]string{}
	var diags fwdiag.Diagnostics
	if !m.Variables.IsNull() && !m.Variables.IsUnknown() {
		diags.Append(m.Variables.ElementsAs(ctx, &vars, false)...)
	}
	name := m.Rack.ValueString()
	if name == "" {
		name = m.ID.ValueString()
	}
	v, more := r.c.view(m.Blueprint.ValueString(), vars, name)
	diags.Append(more...)
	return v, diags
}

func (r *rackResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m rackModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	v, diags := r.open(ctx, m)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	p, o := v.look(ctx)
	resp.Diagnostics.Append(m.observe(ctx, v, p, o)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// observe writes what was read into the model. Impact, resets and digest stay: they are of the last apply.
func (m *rackModel) observe(ctx context.Context, v *rackView, p plan.Plan, o rack.Observation) fwdiag.Diagnostics {
	var all fwdiag.Diagnostics
	list := func(lines []string) types.List {
		l, d := types.ListValueFrom(ctx, types.StringType, lines)
		all.Append(d...)
		return l
	}
	m.ID = types.StringValue(string(v.rack.Address))
	m.Converged = types.BoolValue(p.Empty() && p.Report.Clean())
	m.Drift = list(driftLines(p))
	m.Waiting = list(noteLines(slices.Concat(p.Report.Waiting, p.Report.Blocked)))
	m.Gaps = list(noteLines(p.Report.Unreadable))
	facts, d := types.MapValueFrom(ctx, factsType, nodeFacts(v, o))
	all.Append(d...)
	m.Nodes = facts
	if m.Impact.IsNull() || m.Impact.IsUnknown() { // import: nothing was applied from here
		m.Impact = types.ListValueMust(impactType, []attr.Value{})
		m.Resets = types.MapValueMust(types.Int64Type, map[string]attr.Value{})
		m.EstimatedS = types.Int64Value(0)
	}
	if m.OnDestroy.IsNull() {
		m.OnDestroy = types.StringValue("keep")
	}
	if m.Degraded.IsNull() {
		m.Degraded = types.Int64Value(0)
	}
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

func nodeFacts(v *rackView, o rack.Observation) map[string]nodeFact {
	out := map[string]nodeFact{}
	for _, name := range v.nodes {
		dev, ok := o.Device(name)
		if !ok {
			continue
		}
		h, ok := dev.Host()
		if !ok {
			continue
		}
		out[name] = nodeFact{Model: h.Model, Serial: h.SerialNumber, BMC: dev.BMC.FirmwareVersion, BIOS: h.BIOSVersion, Power: h.PowerState, GPUs: int64(len(h.GPUs))}
	}
	return out
}

func driftLines(p plan.Plan) []string {
	out := []string{}
	for _, c := range plan.Drift(p) {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s: %v -> %v %s", c.Node, c.Kind, c.Name, c.From, c.To, c.Origin.Short())))
	}
	return out
}

// ModifyPlan surveys and plans. It runs in plan and again in apply, and must give the same values for the same rack.
func (r *rackResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.c == nil { // destroy: nothing happens on hardware
		return
	}
	var m rackModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() || m.Blueprint.IsUnknown() || m.Variables.IsUnknown() || m.Rack.IsUnknown() {
		return
	}
	v, diags := r.open(ctx, m)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	p, o := v.look(ctx)
	if err := ctx.Err(); err != nil {
		resp.Diagnostics.AddError("Interrupted", err.Error())
		return
	}
	resp.Diagnostics.Append(stuck(p, int(m.Degraded.ValueInt64()))...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.ID = types.StringValue(string(v.rack.Address))
	m.Design = types.StringValue(string(v.w.Design.Digest()))
	first := req.State.Raw.IsNull() || m.PlanDigest.IsNull() || m.PlanDigest.IsUnknown()
	if p.Empty() && !first {
		var prior rackModel
		resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
		m.PlanDigest, m.Impact, m.Resets, m.EstimatedS = prior.PlanDigest, prior.Impact, prior.Resets, prior.EstimatedS
		resp.Diagnostics.Append(m.observe(ctx, v, p, o)...)
	} else {
		resp.Diagnostics.Append(m.intend(ctx, v, p)...)
		warn(&resp.Diagnostics, p)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &m)...)
}

// intend writes a plan into the model: known where it is decided, unknown where the apply will read it.
func (m *rackModel) intend(ctx context.Context, v *rackView, p plan.Plan) fwdiag.Diagnostics {
	var all fwdiag.Diagnostics
	m.PlanDigest = types.StringValue(string(p.Digest))
	impact, d := types.ListValueFrom(ctx, impactType, impactOf(p))
	all.Append(d...)
	resets, est := map[string]int64{}, 0
	for _, n := range p.Nodes {
		est = max(est, n.EstimatedS)
		for c, k := range n.Resets {
			if k > 0 {
				resets[c] += int64(k)
			}
		}
	}
	rm, d := types.MapValueFrom(ctx, types.Int64Type, resets)
	all.Append(d...)
	m.Impact, m.Resets, m.EstimatedS = impact, rm, types.Int64Value(int64(est))
	m.Converged = types.BoolValue(p.Report.Clean())
	m.Drift = types.ListValueMust(types.StringType, []attr.Value{})
	m.Waiting, m.Gaps = types.ListUnknown(types.StringType), types.ListUnknown(types.StringType)
	m.Nodes = types.MapUnknown(factsType)
	return all
}

type impactLine struct {
	Address    string `tfsdk:"address"`
	Kind       string `tfsdk:"kind"`
	Name       string `tfsdk:"name"`
	From       string `tfsdk:"from"`
	To         string `tfsdk:"to"`
	Activation string `tfsdk:"activation"`
	Why        string `tfsdk:"why"`
}

// maxImpact bounds what state holds; the whole plan is in the journal under its digest.
const maxImpact = 50

func impactOf(p plan.Plan) []impactLine {
	out := []impactLine{}
	classes := map[string]string{}
	whys := map[string]string{}
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			classes[string(s.ID)], whys[string(s.ID)] = s.Activation.String(), s.Why
		}
	}
	for _, c := range plan.Drift(p) {
		out = append(out, impactLine{Address: string(c.Address), Kind: string(c.Kind), Name: c.Name, From: fmt.Sprint(c.From), To: fmt.Sprint(c.To),
			Activation: classes[string(c.Step)], Why: strings.TrimSpace(whys[string(c.Step)] + " " + c.Origin.Short())})
	}
	if len(out) <= maxImpact {
		return out
	}
	byKind := map[string]int{}
	for _, l := range out {
		byKind[l.Kind+"\x00"+l.Activation]++
	}
	var sum []impactLine
	for _, k := range slices.Sorted(maps.Keys(byKind)) {
		kind, class, _ := strings.Cut(k, "\x00")
		sum = append(sum, impactLine{Kind: kind, Activation: class, Name: fmt.Sprintf("%d changes", byKind[k]), Why: "summarised; the whole plan is in the journal under its digest"})
	}
	return sum
}

// stuck refuses a plan that leaves more nodes behind than allowed, and warns about the rest.
func stuck(p plan.Plan, allowed int) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	notes := slices.Concat(p.Report.Blocked, p.Report.Unreadable, p.Report.Waiting)
	nodes := map[string]bool{}
	for _, n := range notes {
		nodes[n.Node] = true
	}
	if len(nodes) == 0 {
		return nil
	}
	text := strings.Join(noteLines(notes), "\n")
	if len(nodes) > allowed {
		diags.AddError("Nodes cannot be planned", fmt.Sprintf("%d nodes wait for hands, are blocked or could not be read; %d allowed.\n%s", len(nodes), allowed, text))
	} else {
		diags.AddWarning("Nodes are left behind", text)
	}
	return diags
}

// warn says once, for all nodes, what the apply resets.
func warn(diags *fwdiag.Diagnostics, p plan.Plan) {
	if p.Empty() {
		return
	}
	var lines []string
	for _, n := range p.Nodes {
		var resets []string
		for _, c := range slices.Sorted(maps.Keys(n.Resets)) {
			if n.Resets[c] > 0 {
				resets = append(resets, fmt.Sprintf("%d %s", n.Resets[c], c))
			}
		}
		if len(resets) == 0 {
			resets = []string{"no reset"}
		}
		lines = append(lines, fmt.Sprintf("%s: %s, about %d min (one reset per change would be %d)", n.Name, strings.Join(resets, ", "), (n.EstimatedS+59)/60, n.NaiveResets))
	}
	diags.AddWarning("Apply resets hosts", strings.Join(lines, "\n"))
}

func (r *rackResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m rackModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ok, diags := r.converge(ctx, &m)
	resp.Diagnostics.Append(diags...)
	if ok {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

func (r *rackResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m rackModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ok, diags := r.converge(ctx, &m)
	resp.Diagnostics.Append(diags...)
	if ok { // else the prior state stays, so that the next plan still shows the work
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

// converge does the approved plan and nothing else. ok = everything is as wanted and m holds what was read.
func (r *rackResource) converge(ctx context.Context, m *rackModel) (ok bool, diags fwdiag.Diagnostics) {
	v, diags := r.open(ctx, *m)
	if diags.HasError() {
		return false, diags
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	pending, err := v.w.Pending()
	if err != nil {
		diags.AddError("Journal cannot be read", err.Error())
		return false, diags
	}
	var got engine.Applied
	p, o := v.lookLocked(ctx)
	v.forget()
	switch {
	case !m.PlanDigest.IsUnknown() && string(p.Digest) != m.PlanDigest.ValueString():
		diags.AddError("Device moved", fmt.Sprintf("Plan %s was approved; the rack now needs plan %s.\n%s\nPlan again.", m.PlanDigest.ValueString(), p.Digest,
			strings.Join(driftLines(p), "\n")))
		return false, diags
	case p.Empty():
		got = engine.Applied{After: o, Replan: p, Settled: p.Report.Clean()}
	case pending != nil && pending.Plan.Digest == p.Digest:
		got, err = v.w.Resume(ctx, *pending, engine.ApplyOptions{Stop: ctx.Done()})
	default:
		got, err = v.w.Apply(ctx, p, engine.ApplyOptions{Stop: ctx.Done(), Before: &o})
	}
	for _, n := range got.Result.Nodes {
		if n.Text != "" {
			diags.AddError(fmt.Sprintf("Node %s", n.Word), strings.TrimSpace(fmt.Sprintf("%s at step %s: %s %s %s", n.Node, n.Step, v.w.Redact(n.Text), n.Advice, n.Origin.Short())))
		}
	}
	if err != nil {
		diags.AddError("Apply stopped", v.w.Redact(err.Error()))
	}
	if diags.HasError() {
		return false, diags
	}
	after, seen := v.lookLocked(ctx)
	if !after.Empty() {
		diags.AddError("Rack did not converge", "A new plan is not empty:\n"+strings.Join(driftLines(after), "\n"))
		return false, diags
	}
	if m.PlanDigest.IsUnknown() {
		diags.Append(m.intend(ctx, v, p)...)
	}
	m.Design = types.StringValue(string(v.w.Design.Digest()))
	diags.Append(m.observe(ctx, v, after, seen)...)
	return true, diags
}

// Delete forgets the rack. Nothing is sent to any BMC.
func (r *rackResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

func (r *rackResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), req.ID)...)
}
