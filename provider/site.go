package provider

import (
	"context"
	"fmt"
	"strings"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

// The words of plan_probe.
const (
	probeRequired   = "required"
	probeBestEffort = "best_effort"
	probeNever      = "never"
)

// safety is the provider's veto.
type safety struct {
	power, dataLoss, freeze bool
	max                     step.Activation // zero = any
}

type siteModel struct {
	Name         types.String `tfsdk:"name"`
	Region       types.String `tfsdk:"region"`
	Jurisdiction types.String `tfsdk:"jurisdiction"`
	Country      types.String `tfsdk:"country"`
	Policy       types.String `tfsdk:"policy"`
	Endpoints    types.Map    `tfsdk:"endpoints"`
}

type safetyModel struct {
	Power    types.Bool   `tfsdk:"power"`
	DataLoss types.Bool   `tfsdk:"data_loss"`
	MaxReset types.String `tfsdk:"max_reset_class"`
	Freeze   types.Bool   `tfsdk:"freeze"`
}

// classWords are the reset classes, weakest first.
func classWords() []string {
	var out []string
	for a := step.None; a <= step.ACCycle; a++ {
		out = append(out, a.String())
	}
	return out
}

// configureSite reads what the provider says beside its inventory.
func (c *coordinator) configureSite(ctx context.Context, m providerModel) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	if p := m.PlanProbe.ValueString(); p != "" {
		c.probe = p
	}
	if !m.Safety.IsNull() {
		var s safetyModel
		diags.Append(m.Safety.As(ctx, &s, basetypes.ObjectAsOptions{})...)
		c.safety = safety{power: s.Power.IsNull() || s.Power.ValueBool(), dataLoss: s.DataLoss.ValueBool(), freeze: s.Freeze.ValueBool()}
		if w := s.MaxReset.ValueString(); w != "" {
			class, err := step.ParseActivation(w)
			if err != nil {
				diags.AddAttributeError(path.Root("safety").AtName("max_reset_class"), "Unknown reset class", sentence(err.Error()))
			}
			c.safety.max = class
		}
	}
	if m.Site.IsNull() {
		return diags
	}
	if !m.Blueprint.IsNull() {
		diags.AddAttributeError(path.Root("site"), "Two sites", "A blueprint has its own site: give blueprint or site, not both.")
		return diags
	}
	var s siteModel
	diags.Append(m.Site.As(ctx, &s, basetypes.ObjectAsOptions{})...)
	site := blueprint.DeclaredSite{Name: s.Name.ValueString(), Region: s.Region.ValueString(), Jurisdiction: s.Jurisdiction.ValueString(),
		Country: s.Country.ValueString(), Policy: s.Policy.ValueString(), Endpoints: map[string][]string{}}
	if site.Region == "" {
		site.Region = site.Name
	}
	if site.Country == "" {
		site.Country = site.Jurisdiction
	}
	if !s.Endpoints.IsNull() {
		diags.Append(s.Endpoints.ElementsAs(ctx, &site.Endpoints, false)...)
	}
	c.site = &site
	return diags
}

// stands takes what the inventory says of a node where no blueprint says it.
func (c *coordinator) stands(name string, n nodeModel) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	if c.blueprint != "" {
		if !n.Hardware.IsNull() || !n.Rack.IsNull() || !n.PositionU.IsNull() {
			diags.AddAttributeError(path.Root("nodes").AtMapKey(name), "Said by the blueprint", "Hardware and place of a node are said by the blueprint: leave hardware, rack and position_u out.")
		}
		return diags
	}
	d := blueprint.DeclaredNode{Name: name, Rack: n.Rack.ValueString(), PositionU: int(n.PositionU.ValueInt64())}
	if key := n.Hardware.ValueString(); key != "" {
		d.Hardware = "server." + key
	}
	if (d.Rack == "") != n.PositionU.IsNull() {
		diags.AddAttributeError(path.Root("nodes").AtMapKey(name), "Half a place", "A place has rack and position_u: give both or neither.")
	}
	c.declared[name] = d
	return diags
}

// refuses says why a plan is not done, at the moment when it would be.
func (s safety) refuses(p plan.Plan) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	if p.Empty() {
		return diags
	}
	if s.freeze {
		diags.AddError("Frozen", "safety.freeze of the provider is true: nothing was changed.")
	}
	if veto := s.vetoed(p); len(veto) > 0 {
		diags.AddError("Not allowed by the provider", strings.Join(veto, "\n")+"\nNothing was changed.")
	}
	return diags
}

// vetoed says which steps of a plan the provider does not let be made.
func (s safety) vetoed(p plan.Plan) []string {
	var out []string
	for _, n := range p.Nodes {
		for _, x := range n.Steps {
			why := ""
			switch {
			case s.max != step.NoClass && x.Activation > s.max:
				why = fmt.Sprintf("needs %s, and safety.max_reset_class is %s", x.Activation, s.max)
			case !s.power && (x.Activation.Host() || x.Kind == step.Power || x.Kind == step.ShelfPower):
				why = "takes the host down or switches it, and safety.power is false"
			case !s.dataLoss && x.LosesData():
				why = "loses data, and safety.data_loss is not true"
			}
			if why != "" {
				out = append(out, fmt.Sprintf("%s: %s %s", n.Name, x.Kind, why))
			}
		}
	}
	return out
}
