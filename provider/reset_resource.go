package provider

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// resetResource resets a node whenever its triggers change: the twin of the action for engines without actions.
type resetResource struct{ c *coordinator }

var (
	_ resource.ResourceWithConfigure  = (*resetResource)(nil)
	_ resource.ResourceWithModifyPlan = (*resetResource)(nil)
)

type resetModel struct {
	ID       types.String `tfsdk:"id"`
	Node     types.String `tfsdk:"node"`
	Class    types.String `tfsdk:"class"`
	Triggers types.Map    `tfsdk:"triggers"`
	OnCreate types.Bool   `tfsdk:"on_create"`
}

func (r *resetResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "metalwright_reset"
}

func (r *resetResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	classes := slices.Sorted(maps.Keys(resets))
	resp.Schema = schema.Schema{MarkdownDescription: "Resets one node whenever `triggers` change. Destroying the resource does nothing.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the node.", PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
			"node": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the node in the inventory, or its address in the blueprint.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}},
			"class": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf(classes...)},
				MarkdownDescription: "Class of the reset: `" + strings.Join(classes, "`, `") + "`. Another class alone resets nothing."},
			"triggers":  textMap("Any texts: when one changes, the node is reset."),
			"on_create": optionalBool("`true`: also when the resource is made. Default: `false`."),
		}}
}

func (r *resetResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*coordinator); ok {
		r.c = c
	}
}

// due tells whether an apply resets.
func due(m resetModel, prior *resetModel) bool {
	if prior == nil {
		return m.OnCreate.ValueBool()
	}
	return !m.Triggers.Equal(prior.Triggers)
}

// ModifyPlan says whether the node will be reset, and refuses what cannot be done.
func (r *resetResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.c == nil || r.c.later != "" || r.c.probe == probeNever {
		return
	}
	var m resetModel
	var prior *resetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	}
	if resp.Diagnostics.HasError() || m.Node.IsUnknown() || m.Class.IsUnknown() || !due(m, prior) {
		return
	}
	_, p, diags := r.c.sayPlan(ctx, m.Node.ValueString(), resets[m.Class.ValueString()])
	resp.Diagnostics.Append(diags...)
	if l := lines(p); len(l) > 0 {
		resp.Diagnostics.AddWarning("Apply resets machines", strings.Join(l, "\n"))
	}
}

func (r *resetResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m resetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if resp.Diagnostics.Append(r.reset(ctx, &m, nil)...); !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

func (r *resetResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior resetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if resp.Diagnostics.Append(r.reset(ctx, &m, &prior)...); !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

// reset resets where that is due, and names the node.
func (r *resetResource) reset(ctx context.Context, m, prior *resetModel) fwdiag.Diagnostics {
	nv, diags := r.c.hand(m.Node.ValueString())
	if diags.HasError() {
		return diags
	}
	m.ID = types.StringValue(nv.node.Name)
	if !due(*m, prior) {
		return diags
	}
	return append(diags, r.c.say(ctx, m.Node.ValueString(), resets[m.Class.ValueString()], func(string) {})...)
}

// Read finds nothing to read: a reset is an event, not a state.
func (r *resetResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Delete forgets. Nothing is sent to the BMC.
func (r *resetResource) Delete(_ context.Context, _ resource.DeleteRequest, _ *resource.DeleteResponse) {
}
