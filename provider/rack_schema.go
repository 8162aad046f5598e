package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
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

func (r *rackResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{
		Version:             0,
		MarkdownDescription: "One rack of a blueprint, converged as a whole: one plan, the fewest resets. Destroying the resource changes nothing on hardware.",
		Attributes: map[string]schema.Attribute{
			"id":        schema.StringAttribute{Computed: true, PlanModifiers: keep, MarkdownDescription: "Address of the rack in its Design."},
			"rack":      schema.StringAttribute{Optional: true, MarkdownDescription: "Name or address of the rack; may be left out where the blueprint has one."},
			"blueprint": schema.StringAttribute{Optional: true, MarkdownDescription: "Folder of the blueprint. Default: the provider's."},
			"variables": schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "Input variables, over the provider's."},
			"degraded_nodes_allowed": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(0), Validators: []validator.Int64{int64validator.AtLeast(0)},
				MarkdownDescription: "How many nodes may wait for hands, be blocked or be unreadable without holding up the others."},
			"on_destroy": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("keep"),
				Validators:          []validator.String{stringvalidator.OneOf("keep")},
				MarkdownDescription: "`keep`, the only value of this version: the rack is forgotten and left as it is."},
			"design":      schema.StringAttribute{Computed: true, MarkdownDescription: "Digest of the Design: of what the blueprint asks for."},
			"plan_digest": schema.StringAttribute{Computed: true, MarkdownDescription: "Digest of the plan that is approved: of the Design and every step with the values before and after. An apply that would do anything else is refused."},
			"impact": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "What the coming apply changes, in order; afterwards, what the last one changed. Above 50 changes it is summed up by kind.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"address":    schema.StringAttribute{Computed: true, MarkdownDescription: "Node."},
					"kind":       schema.StringAttribute{Computed: true, MarkdownDescription: "What kind of change."},
					"name":       schema.StringAttribute{Computed: true, MarkdownDescription: "Attribute, component or volume."},
					"from":       schema.StringAttribute{Computed: true, MarkdownDescription: "Value before."},
					"to":         schema.StringAttribute{Computed: true, MarkdownDescription: "Value after."},
					"activation": schema.StringAttribute{Computed: true, MarkdownDescription: "Reset class that makes it real."},
					"why":        schema.StringAttribute{Computed: true, MarkdownDescription: "Reason, with the line of the blueprint."},
				}}},
			"resets":               schema.MapAttribute{Computed: true, ElementType: types.Int64Type, MarkdownDescription: "How many resets that apply needs, by class."},
			"estimated_duration_s": schema.Int64Attribute{Computed: true, MarkdownDescription: "How long the slowest node takes, from platform data."},
			"converged":            schema.BoolAttribute{Computed: true, MarkdownDescription: "False when the rack differs from the Design."},
			"drift":                schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What differs."},
			"waiting":              schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What waits for hands or another apply, or is blocked, and why."},
			"gaps":                 schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What could not be read, and why."},
			"nodes": schema.MapNestedAttribute{Computed: true, MarkdownDescription: "What was read of each node, by its name.",
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
