package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// The words of apply.
const (
	applyNow    = "now"
	applyStaged = "staged"
)

var stageType = types.ObjectType{AttrTypes: map[string]attr.Type{"revision": types.StringType, "design": types.StringType}}

var impactAttribute = schema.ListNestedAttribute{Computed: true, MarkdownDescription: "What the coming apply changes, in order; afterwards, what the last one changed. Above 50 changes it is summed up by kind.",
	NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"address":    schema.StringAttribute{Computed: true, MarkdownDescription: "Node."},
		"kind":       schema.StringAttribute{Computed: true, MarkdownDescription: "What kind of change."},
		"name":       schema.StringAttribute{Computed: true, MarkdownDescription: "Attribute, component or volume."},
		"from":       schema.StringAttribute{Computed: true, MarkdownDescription: "Value before."},
		"to":         schema.StringAttribute{Computed: true, MarkdownDescription: "Value after."},
		"activation": schema.StringAttribute{Computed: true, MarkdownDescription: "Reset class that makes it real."},
		"why":        schema.StringAttribute{Computed: true, MarkdownDescription: "Reason, with the place that asks for it."},
	}}}

// decidedAttributes are what every resource tells of what it does and did.
func decidedAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"plan_digest":          schema.StringAttribute{Computed: true, MarkdownDescription: "Digest of the plan that is approved: of the Design and every step with the values before and after. An apply that would do anything else is refused."},
		"impact":               impactAttribute,
		"resets":               schema.MapAttribute{Computed: true, ElementType: types.Int64Type, MarkdownDescription: "How many resets that apply needs, by class."},
		"estimated_duration_s": schema.Int64Attribute{Computed: true, MarkdownDescription: "How long the slowest node takes, from platform data."},
		"converged":            schema.BoolAttribute{Computed: true, MarkdownDescription: "False when what was read differs from what is declared."},
		"drift":                schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What differs."},
		"waiting":              schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What waits for hands or another apply, or is blocked, and why."},
		"gaps":                 schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What could not be read, and why."},
	}
}

const notAfterMove = "Another node is another resource; a node that is not known yet, after a move from another provider, is taken as it comes."

// otherNode replaces a resource whose node changes. A state that was moved from another provider has none yet.
func otherNode(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
	resp.RequiresReplace = !req.StateValue.IsNull()
}

// attributes is the schema of a kind: its own attributes and those that all have.
func (k *kind) attributes() map[string]schema.Attribute {
	out := decidedAttributes()
	out["id"] = schema.StringAttribute{Computed: true, MarkdownDescription: "`NODE`, or `NODE/NAME` where a node has several: what an import takes.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
	if k.several != nil {
		out["id"] = schema.StringAttribute{Computed: true, MarkdownDescription: "Its name.", PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
		maps.Copy(out, k.attrs)
		return out
	}
	out["node"] = schema.StringAttribute{Required: true, MarkdownDescription: "Name of the node in the inventory, or its address in the blueprint.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplaceIf(otherNode, notAfterMove, notAfterMove)}}
	if k.stages {
		out["apply"] = schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(applyNow, applyStaged)},
			MarkdownDescription: "`now` (default), or `staged`: nothing is sent to the BMC, and a `metalwright_commit` makes it real together with what else is staged of the node."}
		out["stage"] = schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "What is declared, for a `metalwright_commit`. It holds no secret.",
			Attributes: map[string]schema.Attribute{
				"revision": schema.StringAttribute{Computed: true, MarkdownDescription: "Digest of the content."},
				"design":   schema.StringAttribute{Computed: true, MarkdownDescription: "The content, as JSON."},
			}}
	}
	maps.Copy(out, k.attrs)
	return out
}
