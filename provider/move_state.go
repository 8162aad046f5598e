package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// movedFrom are the types of other providers whose resources become one of a kind: Dell's redfish (1.x) and Fujitsu's irmc-redfish. Their
// states name a BMC by its endpoint, and hold its password, which is dropped.
var movedFrom = map[string][]string{
	"bios":            {"redfish_bios", "irmc-redfish_bios"},
	"boot_order":      {"redfish_boot_order", "irmc-redfish_boot_order"},
	"power":           {"redfish_power", "irmc-redfish_power"},
	"storage_volume":  {"redfish_storage_volume", "irmc-redfish_storage_volume"},
	"bmc_attributes":  {"redfish_dell_idrac_attributes", "irmc-redfish_irmc_attributes"},
	"network_adapter": {"redfish_network_adapter"},
}

// movedKey is where the endpoint that a state was moved from waits in private state for the first plan.
const movedKey = "moved_from"

var _ resource.ResourceWithMoveState = (*declaredResource)(nil)

// MoveState takes over what another provider managed. It cannot ask the inventory, since it runs unconfigured: the node stays open until
// the first plan, which holds the old endpoint against that of the node.
func (r *declaredResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: r.moveState}}
}

func (r *declaredResource) moveState(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	if !slices.Contains(movedFrom[r.name], req.SourceTypeName) || req.SourceRawState == nil {
		return
	}
	var old struct {
		Dell []struct {
			Endpoint string `json:"endpoint"`
		} `json:"redfish_server"`
		Fujitsu []struct {
			Endpoint string `json:"endpoint"`
		} `json:"server"`
		VolumeName string `json:"volume_name"`
		Name       string `json:"name"`
		AdapterID  string `json:"network_adapter_id"`
	}
	if err := json.Unmarshal(req.SourceRawState.JSON, &old); err != nil {
		resp.Diagnostics.AddError("State cannot be moved", "The state of "+req.SourceTypeName+" is not as expected.") // the cause could quote a secret
		return
	}
	endpoint := ""
	for _, s := range append(old.Dell, old.Fujitsu...) {
		endpoint = s.Endpoint
	}
	if hostOf(endpoint) == "" {
		resp.Diagnostics.AddError("State cannot be moved", "The state of "+req.SourceTypeName+" names no endpoint: import the resource by its node instead.")
		return
	}
	if r.leaf != nil {
		name := firstOf(old.VolumeName, old.Name, old.AdapterID)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), types.StringValue(name))...)
	}
	resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("node"), types.StringNull())...)
	text, err := json.Marshal(hostOf(endpoint))
	if err != nil {
		resp.Diagnostics.AddError("State cannot be moved", sentence(err.Error()))
		return
	}
	resp.Diagnostics.Append(resp.TargetPrivate.SetKey(ctx, movedKey, text)...)
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// hostOf is what tells one BMC from another in an endpoint: its host, and its port unless that is the usual one. What stands before an
// @ never comes with it.
func hostOf(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	if u.Port() == "" || u.Port() == "443" {
		return strings.ToLower(u.Hostname())
	}
	return strings.ToLower(u.Host)
}

// arrived holds the endpoint that a state was moved from against that of the node that the configuration names.
func (r *declaredResource) arrived(ctx context.Context, o opened, req resource.ModifyPlanRequest) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	if req.State.Raw.IsNull() || r.several != nil {
		return diags
	}
	var node types.String
	diags.Append(req.State.GetAttribute(ctx, path.Root("node"), &node)...)
	private, more := req.Private.GetKey(ctx, movedKey)
	diags.Append(more...)
	if !node.IsNull() || len(private) == 0 || len(o.nodes) != 1 {
		return diags // it has arrived before, or was never moved
	}
	var was string
	if err := json.Unmarshal(private, &was); err != nil || was == "" {
		return diags
	}
	v := o.nodes[0]
	is := hostOf(v.base.Bindings[v.node.Name].URL)
	if is == was {
		return diags
	}
	var same []string
	for name, b := range v.base.Bindings {
		if hostOf(b.URL) == was {
			same = append(same, name)
		}
	}
	slices.Sort(same)
	hint := "No node of the inventory has that endpoint."
	if len(same) > 0 {
		hint = "With that endpoint the inventory has: " + strings.Join(same, ", ") + "."
	}
	diags.AddAttributeError(path.Root("node"), "Another node", fmt.Sprintf("The resource was moved from one whose BMC is %s; %s has %s. %s", was, v.node.Name, is, hint))
	return diags
}
