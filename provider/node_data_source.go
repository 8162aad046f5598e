package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/rack"
)

// nodeDataSource reads one node. It changes nothing.
type nodeDataSource struct{ c *coordinator }

var _ datasource.DataSourceWithConfigure = (*nodeDataSource)(nil)

type nodeDataModel struct {
	Node         types.String      `tfsdk:"node"`
	Blueprint    types.String      `tfsdk:"blueprint"`
	Variables    types.Map         `tfsdk:"variables"`
	Address      string            `tfsdk:"address"`
	Rack         string            `tfsdk:"rack"`
	PositionU    int64             `tfsdk:"position_u"`
	Manufacturer string            `tfsdk:"manufacturer"`
	Model        string            `tfsdk:"model"`
	Serial       string            `tfsdk:"serial"`
	BMCVersion   string            `tfsdk:"bmc_version"`
	BIOSVersion  string            `tfsdk:"bios_version"`
	PowerState   string            `tfsdk:"power_state"`
	GPUs         []string          `tfsdk:"gpus"`
	MACs         []string          `tfsdk:"macs"`
	Firmware     map[string]string `tfsdk:"firmware"`
	Gaps         []string          `tfsdk:"gaps"`
}

func (d *nodeDataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "metalwright_node"
}

func (d *nodeDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(what string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: what}
	}
	list := func(what string) schema.ListAttribute {
		return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: what}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What one node's BMC says about it. Read at plan time.",
		Attributes: map[string]schema.Attribute{
			"node":         schema.StringAttribute{Required: true, MarkdownDescription: "Name or address of the node."},
			"blueprint":    schema.StringAttribute{Optional: true, MarkdownDescription: "Folder of the blueprint. Default: the provider's."},
			"variables":    schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "Input variables, over the provider's."},
			"address":      text("Address in the Design."),
			"rack":         text("Address of its rack."),
			"position_u":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Lowest rack unit."},
			"manufacturer": text("Manufacturer."),
			"model":        text("Model."),
			"serial":       text("Serial number."),
			"bmc_version":  text("Version of the BMC's firmware."),
			"bios_version": text("Version of the host's firmware."),
			"power_state":  text("`On` or `Off`."),
			"gpus":         list("Model of each GPU."),
			"macs":         list("MAC address of each port."),
			"firmware":     schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Version of each row of the firmware inventory, by id."},
			"gaps":         list("What could not be read: path and reason."),
		},
	}
}

func (d *nodeDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*coordinator); ok {
		d.c = c
	}
}

func (d *nodeDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m nodeDataModel
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("node"), &m.Node)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("blueprint"), &m.Blueprint)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("variables"), &m.Variables)...)
	if resp.Diagnostics.HasError() {
		return
	}
	vars := map[string]string{}
	if !m.Variables.IsNull() {
		resp.Diagnostics.Append(m.Variables.ElementsAs(ctx, &vars, false)...)
	}
	if d.c.later != "" {
		resp.Diagnostics.AddError("Provider is not configured yet", "Not known yet: "+d.c.later+" of the provider. Let the data source depend on what makes them.")
		return
	}
	v, n, diags := d.c.nodeView(source{m.Blueprint.ValueString(), vars}, m.Node.ValueString())
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	_, o, err := v.look(ctx)
	if err != nil {
		resp.Diagnostics.AddError("Interrupted", sentence(err.Error()))
		return
	}
	dev, ok := o.Device(n.Name)
	h, host := dev.Host()
	for _, g := range o.GapsOf(string(n.Address)) {
		m.Gaps = append(m.Gaps, v.w.Redact(g.Path+": "+g.Reason))
	}
	if !ok || !host {
		detail := fmt.Sprintf("%s: its BMC did not answer with a host system.", n.Name)
		for _, g := range m.Gaps {
			detail += "\n" + g
		}
		resp.Diagnostics.AddError("Node could not be read", detail)
		return
	}
	m.fill(n, dev, h)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *nodeDataModel) fill(n rack.Node, dev rack.Device, h rack.System) {
	m.Address, m.Rack, m.PositionU = string(n.Address), string(n.Rack), int64(n.PositionU)
	m.Manufacturer, m.Model, m.Serial = h.Manufacturer, h.Model, h.SerialNumber
	m.BMCVersion, m.BIOSVersion, m.PowerState = dev.BMC.FirmwareVersion, h.BIOSVersion, h.PowerState
	m.GPUs, m.MACs, m.Firmware = []string{}, []string{}, map[string]string{}
	for _, g := range h.GPUs {
		m.GPUs = append(m.GPUs, g.Model)
	}
	for _, nic := range h.NICs {
		m.MACs = append(m.MACs, nic.MAC)
	}
	for _, f := range dev.Firmware {
		m.Firmware[f.ID] = f.Version
	}
	if m.Gaps == nil {
		m.Gaps = []string{}
	}
}
