// Package provider is the Terraform provider: it decodes configuration, calls the engine and renders what comes back. No rule of
// the domain lives here: what changes on hardware is decided by the planner.
package provider

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/rack"
)

// Address is where registries know the provider.
const Address = "registry.terraform.io/metalwright/metalwright"

// New makes a provider; each instance has its own coordinator.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &metalwright{version: version} }
}

type metalwright struct{ version string }

func (p *metalwright) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "metalwright"
	resp.Version = p.version
}

func (p *metalwright) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Bare-metal GPU racks from blueprints: plan before hardware, fewest resets, evidence.",
		Attributes: map[string]schema.Attribute{
			"blueprint": schema.StringAttribute{Optional: true,
				MarkdownDescription: "Folder of the blueprint (`*.mw.hcl`), unless a resource names its own. Its `site.bind.hcl` is the inventory unless `nodes` is given."},
			"variables": schema.MapAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Input variables of the blueprint, as text."},
			"nodes": schema.MapNestedAttribute{Optional: true,
				MarkdownDescription: "Inventory: which BMC each node of the blueprint is, by node name.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"endpoint":   schema.StringAttribute{Required: true, MarkdownDescription: "`https://` address of the BMC."},
					"credential": schema.StringAttribute{Optional: true, MarkdownDescription: "Key into `credentials`."},
					"system_id":  schema.StringAttribute{Optional: true, MarkdownDescription: "Id of the host system where a BMC has several."},
					"tls": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "How the BMC's certificate is trusted. There is no way to trust all.",
						Attributes: map[string]schema.Attribute{
							"pin_sha256": schema.StringAttribute{Optional: true, MarkdownDescription: "SHA-256 of the certificate's public key."},
							"ca_file":    schema.StringAttribute{Optional: true, MarkdownDescription: "Certificate authority in PEM form."},
						}},
				}}},
			"credentials": schema.MapNestedAttribute{Optional: true,
				MarkdownDescription: "Named credentials. They are never stored in state or plan; give ephemeral values, or references.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"username": schema.StringAttribute{Required: true, MarkdownDescription: "Account of the BMC."},
					"password": schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: "Its password; may be ephemeral."},
					"secret":   schema.StringAttribute{Optional: true, MarkdownDescription: "Reference instead of a password: `env:NAME`, `file:PATH`, `age:PATH`."},
				}}},
			"state_dir": schema.StringAttribute{Optional: true,
				MarkdownDescription: "Folder of journal, leases and keys; the command line reads and writes the same one. Default: `.metalwright` in the blueprint's folder."},
			"operator": schema.StringAttribute{Optional: true, MarkdownDescription: "Who acts, for leases and the journal."},
		},
	}
}

type providerModel struct {
	Blueprint   types.String               `tfsdk:"blueprint"`
	Variables   types.Map                  `tfsdk:"variables"`
	Nodes       map[string]nodeModel       `tfsdk:"nodes"`
	Credentials map[string]credentialModel `tfsdk:"credentials"`
	StateDir    types.String               `tfsdk:"state_dir"`
	Operator    types.String               `tfsdk:"operator"`
}

type nodeModel struct {
	Endpoint   types.String `tfsdk:"endpoint"`
	Credential types.String `tfsdk:"credential"`
	SystemID   types.String `tfsdk:"system_id"`
	TLS        *tlsModel    `tfsdk:"tls"`
}

type tlsModel struct {
	PinSHA256 types.String `tfsdk:"pin_sha256"`
	CAFile    types.String `tfsdk:"ca_file"`
}

type credentialModel struct {
	Username types.String `tfsdk:"username"`
	Password types.String `tfsdk:"password"`
	Secret   types.String `tfsdk:"secret"`
}

func (p *metalwright) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var m providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	c := newCoordinator()
	c.blueprint, c.stateDir, c.operator = m.Blueprint.ValueString(), m.StateDir.ValueString(), m.Operator.ValueString()
	c.variables = map[string]string{}
	if !m.Variables.IsNull() {
		resp.Diagnostics.Append(m.Variables.ElementsAs(ctx, &c.variables, false)...)
	}
	for name, n := range m.Nodes {
		b, err := c.binding(name, n, m.Credentials)
		if err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("nodes").AtMapKey(name), "Node cannot be reached as configured", err.Error())
			continue
		}
		c.bindings = append(c.bindings, b)
	}
	resp.ResourceData, resp.DataSourceData = c, c
}

// binding turns one inventory entry into a binding. Passwords stay in the coordinator's memory behind a reference.
func (c *coordinator) binding(name string, n nodeModel, creds map[string]credentialModel) (rack.Binding, error) {
	b := rack.Binding{Node: name, URL: n.Endpoint.ValueString(), System: n.SystemID.ValueString()}
	if n.TLS != nil {
		b.PinSHA256, b.CAFile = n.TLS.PinSHA256.ValueString(), n.TLS.CAFile.ValueString()
		if b.CAFile != "" {
			abs, err := filepath.Abs(b.CAFile)
			if err != nil {
				return b, err
			}
			b.CAFile = abs
		}
	}
	key := n.Credential.ValueString()
	if key == "" {
		return b, nil
	}
	cred, ok := creds[key]
	if !ok {
		return b, fmt.Errorf("credential %q is not in credentials", key)
	}
	b.Username = cred.Username.ValueString()
	switch {
	case cred.Password.ValueString() != "" && cred.Secret.ValueString() != "":
		return b, fmt.Errorf("credential %q has a password and a secret reference; give one", key)
	case cred.Secret.ValueString() != "":
		b.Credential = rack.SecretRef(cred.Secret.ValueString())
	default:
		b.Credential = c.keep(key, cred.Password.ValueString())
	}
	return b, nil
}

func (p *metalwright) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return &rackResource{} }}
}

func (p *metalwright) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &nodeDataSource{} }}
}
