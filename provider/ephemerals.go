package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
)

// EphemeralResources implements provider.ProviderWithEphemeralResources.
func (p *metalwright) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		func() ephemeral.EphemeralResource { return &secretEphemeral{} },
		func() ephemeral.EphemeralResource { return &passwordEphemeral{} },
	}
}

// secretEphemeral resolves a reference to a secret: what the provider itself does with secret of credentials.
type secretEphemeral struct{ c *coordinator }

var _ ephemeral.EphemeralResourceWithConfigure = (*secretEphemeral)(nil)

func (e *secretEphemeral) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "metalwright_bmc_credential"
}

func (e *secretEphemeral) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{MarkdownDescription: "Resolves a reference to a secret. Its value comes into neither state nor plan.",
		Attributes: map[string]schema.Attribute{
			"secret": schema.StringAttribute{Required: true, MarkdownDescription: "Reference: `env:NAME`, `file:PATH`, `age:PATH` or `vault:MOUNT/PATH#FIELD`; a path starts at the blueprint's folder."},
			"value":  schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The secret."},
		}}
}

func (e *secretEphemeral) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	if c, ok := req.ProviderData.(*coordinator); ok {
		e.c = c
	}
}

func (e *secretEphemeral) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var ref types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("secret"), &ref)...)
	if resp.Diagnostics.HasError() {
		return
	}
	w, diags := e.c.base()
	if resp.Diagnostics.Append(diags...); resp.Diagnostics.HasError() {
		return
	}
	v, err := w.Secret(ctx, rack.SecretRef(ref.ValueString()))
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("secret"), "Secret cannot be resolved", sentence(w.Redact(err.Error())))
		return
	}
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("secret"), ref)...)
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("value"), v.Reveal())...)
}

// passwordEphemeral makes a password that BMCs take.
type passwordEphemeral struct{}

func (e *passwordEphemeral) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "metalwright_generated_password"
}

func (e *passwordEphemeral) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{MarkdownDescription: "Makes a password that every BMC dialect takes, another one each time. Put it into a secret store: nobody else keeps it.",
		Attributes: map[string]schema.Attribute{
			"length": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(8, 64)}, MarkdownDescription: "Characters, 8 to 64; default 20."},
			"value":  schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The password."},
		}}
}

func (e *passwordEphemeral) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var length types.Int64
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("length"), &length)...)
	if resp.Diagnostics.HasError() {
		return
	}
	n := 20
	if !length.IsNull() {
		n = int(length.ValueInt64())
	}
	v, err := secret.Generate(n)
	if err != nil {
		resp.Diagnostics.AddError("No password could be made", sentence(err.Error()))
		return
	}
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("length"), length)...)
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("value"), v.Reveal())...)
}
