package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/rack"
)

// facts is a data source: what is read of one node of the inventory. All sources of a node, and its resources, share one reading.
type facts struct {
	name, doc string
	attrs     map[string]schema.Attribute
	read      func(look) map[string]any // value of each attribute, by name
	lacks     func(look) string         // why this node has nothing of the kind; empty = it has
}

// look is what was read of a node.
type look struct {
	dev  rack.Device
	host rack.System
}

// factSource serves it.
type factSource struct {
	*facts
	c *coordinator
}

var _ datasource.DataSourceWithConfigure = (*factSource)(nil)

func (d *factSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "metalwright_" + d.name
}

func (d *factSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attrs := map[string]schema.Attribute{
		"node": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the node in the inventory, or its address in the blueprint."},
		"gaps": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What could not be read of the node: path and reason."},
	}
	for name, a := range d.attrs {
		attrs[name] = a
	}
	resp.Schema = schema.Schema{MarkdownDescription: d.doc + " Read at plan time; nothing is changed.", Attributes: attrs}
}

func (d *factSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*coordinator); ok {
		d.c = c
	}
}

func (d *factSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var node types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("node"), &node)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if d.c.later != "" {
		resp.Diagnostics.AddError("Provider is not configured yet", "Not known yet: "+d.c.later+" of the provider. Let the data source depend on what makes them.")
		return
	}
	v, diags := d.c.hand(node.ValueString())
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	v.mu.Lock()
	o, err := observe(ctx, []*nodeView{v})
	v.mu.Unlock()
	if err != nil {
		resp.Diagnostics.AddError("Interrupted", sentence(err.Error()))
		return
	}
	gaps := []string{}
	for _, g := range o.Gaps {
		gaps = append(gaps, v.base.Redact(g.Path+": "+g.Reason))
	}
	dev, ok := o.Device(v.node.Name)
	host, isHost := dev.Host()
	if !ok || !isHost {
		resp.Diagnostics.AddError("Node could not be read", fmt.Sprintf("%s: its BMC did not answer with a host system.\n%s", v.node.Name, strings.Join(gaps, "\n")))
		return
	}
	seen := look{dev, host}
	if d.lacks != nil {
		if why := d.lacks(seen); why != "" {
			resp.Diagnostics.AddError("Not offered by this BMC", fmt.Sprintf("%s: %s\n%s", v.node.Name, why, strings.Join(gaps, "\n")))
			return
		}
	}
	set := func(name string, value any) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	set("node", node)
	set("gaps", gaps)
	for name, value := range d.read(seen) {
		set(name, value)
	}
}
