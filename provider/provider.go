// Package provider is the Terraform provider: it decodes configuration, calls the engine and renders what comes back. No rule of
// the domain lives here: what changes on hardware is decided by the planner.
package provider

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/diag"
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
					"hardware": schema.StringAttribute{Optional: true,
						MarkdownDescription: "What it is, by its key in the catalog: `dell_r750`. Turns on the checks of height, power and weight, and the profiles of that hardware. Only without `blueprint`."},
					"rack":       schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the rack it stands in. Only without `blueprint`."},
					"position_u": schema.Int64Attribute{Optional: true, MarkdownDescription: "Lowest rack unit, counted from 1 at the bottom. Only without `blueprint`."},
					"system_id":  schema.StringAttribute{Optional: true, MarkdownDescription: "Id of the host system where a BMC has several."},
					"tls": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "How the BMC's certificate is trusted. There is no way to trust all.",
						Attributes: map[string]schema.Attribute{
							"pin_sha256": schema.StringAttribute{Optional: true, MarkdownDescription: "SHA-256 of the certificate's public key, as `metalwright bind` shows it."},
							"ca_file":    schema.StringAttribute{Optional: true, MarkdownDescription: "File with the certificate authority in PEM form."},
						}},
				}}},
			"credentials": schema.MapNestedAttribute{Optional: true,
				MarkdownDescription: "Named credentials. They are never stored in state or plan; give ephemeral values, or references.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"username": schema.StringAttribute{Required: true, MarkdownDescription: "Account of the BMC."},
					"password": schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: "Its password; may be ephemeral."},
					"secret":   schema.StringAttribute{Optional: true, MarkdownDescription: "Reference instead of a password: `env:NAME`, `file:PATH` or `age:PATH`; a path starts at the blueprint's folder."},
				}}},
			"site": schema.SingleNestedAttribute{Optional: true,
				MarkdownDescription: "The building, where no blueprint says it. What is declared of a node is held against the policy of its jurisdiction; there is no way around one.",
				Attributes: map[string]schema.Attribute{
					"name":         schema.StringAttribute{Required: true, MarkdownDescription: "Name of the building."},
					"region":       schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the region; default: that of the site."},
					"jurisdiction": schema.StringAttribute{Required: true, MarkdownDescription: "ISO 3166-1 alpha-2 code, or `EU`: whose law binds what the nodes hold."},
					"country":      schema.StringAttribute{Optional: true, MarkdownDescription: "Country of the building; default: the jurisdiction."},
					"policy":       schema.StringAttribute{Required: true, MarkdownDescription: "Policy profile of the catalog: `au.strategic`."},
					"endpoints": schema.MapAttribute{Optional: true, ElementType: types.ListType{ElemType: types.StringType},
						MarkdownDescription: "The closed list of what may be dialled, by role: `artifacts`, `ntp`, `dns`, `syslog` …"},
				}},
			"plan_probe": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(probeRequired, probeBestEffort, probeNever)},
				MarkdownDescription: "Whether a plan reads BMCs: `required` (default), `best_effort` (one that cannot be read makes the impact unknown, with a warning) or `never`."},
			"safety": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "A veto over what resources ask for.",
				Attributes: map[string]schema.Attribute{
					"power":           schema.BoolAttribute{Optional: true, MarkdownDescription: "`false`: nothing that takes a host down. Default: `true`."},
					"data_loss":       schema.BoolAttribute{Optional: true, MarkdownDescription: "`true`: what deletes or erases data may run where the resource consents too. Default: `false`."},
					"max_reset_class": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(classWords()...)}, MarkdownDescription: "The strongest reset that may be made: `none`, `bmc_reset`, `host_reset`, `host_power_cycle`, `aux_cycle`, `ac_cycle` (default)."},
					"freeze":          schema.BoolAttribute{Optional: true, MarkdownDescription: "`true`: plans work, applies are refused."},
				}},
			"state_dir": schema.StringAttribute{Optional: true,
				MarkdownDescription: "Folder of journal, leases and keys; the command line reads and writes the same one. Default: `.metalwright` in the blueprint's folder."},
			"operator": schema.StringAttribute{Optional: true, MarkdownDescription: "Who acts, for leases and the journal. Default: the user of the process."},
			"mirror": schema.StringAttribute{Optional: true,
				MarkdownDescription: "URL that BMCs fetch firmware files from, where they take no push. Default: this process serves them while an apply lasts."},
		},
	}
}

type providerModel struct {
	Blueprint   types.String `tfsdk:"blueprint"`
	Variables   types.Map    `tfsdk:"variables"`
	Nodes       types.Map    `tfsdk:"nodes"`
	Credentials types.Map    `tfsdk:"credentials"`
	StateDir    types.String `tfsdk:"state_dir"`
	Operator    types.String `tfsdk:"operator"`
	Mirror      types.String `tfsdk:"mirror"`
	Site        types.Object `tfsdk:"site"`
	PlanProbe   types.String `tfsdk:"plan_probe"`
	Safety      types.Object `tfsdk:"safety"`
}

type nodeModel struct {
	Endpoint   types.String `tfsdk:"endpoint"`
	Credential types.String `tfsdk:"credential"`
	SystemID   types.String `tfsdk:"system_id"`
	Hardware   types.String `tfsdk:"hardware"`
	Rack       types.String `tfsdk:"rack"`
	PositionU  types.Int64  `tfsdk:"position_u"`
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

// Configure makes the coordinator. Nothing is loaded and no connection is opened: that waits for the first resource.
func (p *metalwright) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var m providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	c := newCoordinator()
	c.blueprint, c.stateDir, c.operator, c.mirror = m.Blueprint.ValueString(), m.StateDir.ValueString(), m.Operator.ValueString(), m.Mirror.ValueString()
	c.later = unknown(ctx, map[string]attr.Value{"blueprint": m.Blueprint, "variables": m.Variables, "nodes": m.Nodes, "credentials": m.Credentials,
		"state_dir": m.StateDir, "operator": m.Operator, "mirror": m.Mirror, "site": m.Site, "plan_probe": m.PlanProbe, "safety": m.Safety})
	if c.later == "" {
		resp.Diagnostics.Append(c.configure(ctx, m)...)
	}
	resp.ResourceData, resp.DataSourceData, resp.ActionData, resp.EphemeralResourceData = c, c, c, c
}

// unknown names the attributes whose values are not known yet: they come from what another resource will make.
func unknown(ctx context.Context, attrs map[string]attr.Value) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		v, err := attrs[name].ToTerraformValue(ctx)
		if err != nil || !v.IsFullyKnown() {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

func (c *coordinator) configure(ctx context.Context, m providerModel) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	nodes, creds := map[string]nodeModel{}, map[string]credentialModel{}
	if !m.Variables.IsNull() {
		diags.Append(m.Variables.ElementsAs(ctx, &c.variables, false)...)
	}
	if !m.Nodes.IsNull() {
		diags.Append(m.Nodes.ElementsAs(ctx, &nodes, false)...)
		c.bindings = []rack.Binding{}
	}
	if !m.Credentials.IsNull() {
		diags.Append(m.Credentials.ElementsAs(ctx, &creds, false)...)
	}
	if diags.HasError() {
		return diags
	}
	refs := map[string]rack.SecretRef{}
	for _, key := range slices.Sorted(maps.Keys(creds)) {
		cred, at := creds[key], path.Root("credentials").AtMapKey(key)
		password, secret := cred.Password.ValueString(), cred.Secret.ValueString()
		switch {
		case password != "" && secret != "":
			diags.AddAttributeError(at, "Two secrets for one credential", "Give password or secret, not both.")
		case password == "" && secret == "":
			diags.AddAttributeError(at, "Credential without a secret", "Give password, best as an ephemeral value, or secret, a reference.")
		case secret != "":
			refs[key] = rack.SecretRef(secret)
		default:
			refs[key] = c.keep(key, password)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		b, problem := binding(name, nodes[name], creds, refs)
		if problem != "" {
			diags.AddAttributeError(path.Root("nodes").AtMapKey(name), "Node cannot be reached as configured", problem)
			continue
		}
		c.bindings = append(c.bindings, b)
		diags.Append(c.stands(name, nodes[name])...)
	}
	return append(diags, c.configureSite(ctx, m)...)
}

// binding turns one inventory entry into a binding. problem says what is wrong with it.
func binding(name string, n nodeModel, creds map[string]credentialModel, refs map[string]rack.SecretRef) (b rack.Binding, problem string) {
	b = rack.Binding{Node: name, URL: n.Endpoint.ValueString(), System: n.SystemID.ValueString()}
	if u, err := url.Parse(b.URL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return b, "Its endpoint is not https://HOST[:PORT]. Credentials never stand in an address."
	}
	if n.TLS != nil {
		b.PinSHA256, b.CAFile = n.TLS.PinSHA256.ValueString(), n.TLS.CAFile.ValueString()
	}
	key := n.Credential.ValueString()
	if key == "" {
		return b, "" // that of the blueprint
	}
	cred, ok := creds[key]
	if !ok {
		return b, fmt.Sprintf("Credential %q is not in credentials.%s", key, diag.DidYouMean(key, slices.Sorted(maps.Keys(creds))))
	}
	b.Username, b.Credential = cred.Username.ValueString(), refs[key]
	return b, ""
}

func (p *metalwright) Resources(context.Context) []func() resource.Resource {
	out := []func() resource.Resource{func() resource.Resource { return &rackResource{} }, func() resource.Resource { return &resetResource{} }}
	for _, k := range kinds() {
		out = append(out, func() resource.Resource { return &declaredResource{kind: k} })
	}
	return out
}

func (p *metalwright) DataSources(context.Context) []func() datasource.DataSource {
	out := []func() datasource.DataSource{func() datasource.DataSource { return &nodeDataSource{} }}
	for _, f := range factList() {
		out = append(out, func() datasource.DataSource { return &factSource{facts: f} })
	}
	return out
}
