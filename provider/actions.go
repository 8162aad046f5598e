package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	fwschema "github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/plan"
)

// deed is a kind of action: one verb of the command line.
type deed struct {
	name, doc string
	attr      string               // of its own; empty = none
	words     map[string]plan.Verb // what that attribute can be
	attrDoc   string
	verb      plan.Verb // without an attribute
}

func deeds() []*deed {
	return []*deed{
		{name: "reset", doc: "Resets one node once, by class. `metalwright_reset`, the resource, is its twin for engines without actions.",
			attr: "class", words: resets, attrDoc: "Class of the reset"},
		{name: "clear_jobs", doc: "Takes dead jobs, and those that wait, out of the job queue of one node's BMC.", verb: plan.Verb{Do: plan.DoClear}},
		{name: "eject_media", doc: "Ejects the virtual media of one node.", verb: plan.Verb{Do: plan.DoEject}},
		{name: "identify_led", doc: "Sets the locator light of one node.", attr: "light", attrDoc: "What the light shall be",
			words: map[string]plan.Verb{"on": {Do: plan.DoLED, Value: "Lit"}, "blink": {Do: plan.DoLED, Value: "Blinking"}, "off": {Do: plan.DoLED, Value: "Off"}}},
		{name: "rotate_credentials", doc: "Gives the account of one node's BMC a new password, which is kept in escrow first. The blueprint has to have an `account` block.",
			verb: plan.Verb{Do: plan.DoRotate}},
	}
}

// deedAction serves a deed.
type deedAction struct {
	*deed
	c *coordinator
}

var (
	_ action.ActionWithConfigure  = (*deedAction)(nil)
	_ action.ActionWithModifyPlan = (*deedAction)(nil)
)

// Actions implements provider.ProviderWithActions.
func (p *metalwright) Actions(context.Context) []func() action.Action {
	var out []func() action.Action
	for _, d := range deeds() {
		out = append(out, func() action.Action { return &deedAction{deed: d} })
	}
	return out
}

func (d *deedAction) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = "metalwright_" + d.name
}

func (d *deedAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	attrs := map[string]schema.Attribute{
		"node":    schema.StringAttribute{Required: true, MarkdownDescription: "Name of the node in the inventory, or its address in the blueprint."},
		"dry_run": schema.BoolAttribute{Optional: true, MarkdownDescription: "`true`: what would be done is told, and nothing is changed."},
	}
	if d.attr != "" {
		words := slices.Sorted(maps.Keys(d.words))
		attrs[d.attr] = schema.StringAttribute{Required: true, Validators: []fwschema.String{stringvalidator.OneOf(words...)},
			MarkdownDescription: d.attrDoc + ": `" + strings.Join(words, "`, `") + "`."}
	}
	resp.Schema = schema.Schema{MarkdownDescription: d.doc + " It happens through the same steps, journal and leases as every change.", Attributes: attrs}
}

func (d *deedAction) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	if c, ok := req.ProviderData.(*coordinator); ok {
		d.c = c
	}
}

// ModifyPlan says what invoking it would do, and refuses what cannot be done.
func (d *deedAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var node, word types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("node"), &node)...)
	if d.attr != "" {
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(d.attr), &word)...)
	}
	if resp.Diagnostics.HasError() || d.c == nil || d.c.later != "" || node.IsUnknown() || word.IsUnknown() || d.c.probe == probeNever {
		return
	}
	_, p, diags := d.c.sayPlan(ctx, node.ValueString(), d.said(word.ValueString()))
	resp.Diagnostics.Append(diags...)
	for _, line := range lines(p) {
		resp.Diagnostics.AddWarning("Will be done when it is invoked", line)
	}
}

func (d *deed) said(word string) plan.Verb {
	if d.attr != "" {
		return d.words[word]
	}
	return d.verb
}

// lines tells what a verb does, node by node.
func lines(p plan.Plan) []string {
	var out []string
	for _, n := range p.Nodes {
		what := p.Verb
		for _, class := range slices.Sorted(maps.Keys(n.Resets)) {
			if n.Resets[class] > 0 {
				what += fmt.Sprintf(", %d %s", n.Resets[class], class)
			}
		}
		out = append(out, fmt.Sprintf("%s: %s, about %d min", n.Name, what, (n.EstimatedS+59)/60))
	}
	return out
}

// Invoke does it.
func (d *deedAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var node, word types.String
	var dry types.Bool
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("node"), &node)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("dry_run"), &dry)...)
	if d.attr != "" {
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(d.attr), &word)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	tell := func(s string) {
		if resp.SendProgress != nil {
			resp.SendProgress(action.InvokeProgressEvent{Message: s})
		}
	}
	v := d.said(word.ValueString())
	if dry.ValueBool() {
		_, p, diags := d.c.sayPlan(ctx, node.ValueString(), v)
		resp.Diagnostics.Append(diags...)
		for _, line := range lines(p) {
			tell("would do: " + line)
		}
		return
	}
	resp.Diagnostics.Append(d.c.say(ctx, node.ValueString(), v, tell)...)
}
