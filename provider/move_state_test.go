package provider_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// A resource of another provider becomes ours: without its password, of the node whose BMC it named, and of no other.
func TestMoveState(t *testing.T) {
	t.Parallel()
	l := newLab(t, "hands", speed)
	url := map[string]string{}
	for _, b := range l.bindings {
		url[b.Node] = b.URL
	}
	const canary = "canary-password-7"
	for _, c := range []struct {
		from, to, state, node string
		given                 map[string]tftypes.Value
		want                  string // what the plan says; empty = nothing is wrong
	}{
		{"redfish_bios", "metalwright_bios", `{"id":"/x","attributes":{"SriovGlobalEnable":"Enabled"},"redfish_server":[{"endpoint":%q,"user":"root","password":%q}]}`,
			"dell", map[string]tftypes.Value{"attributes": strs("SriovGlobalEnable", "Enabled")}, ""},
		{"redfish_bios", "metalwright_bios", `{"redfish_server":[{"endpoint":%q,"password":%q}]}`,
			"hpe", map[string]tftypes.Value{"attributes": strs("SriovGlobalEnable", "Enabled")}, "With that endpoint the inventory has: dell."},
		{"irmc-redfish_boot_order", "metalwright_boot_order", `{"server":[{"endpoint":%q,"password":%q}],"boot_order":["a"]}`,
			"dell", map[string]tftypes.Value{"order": strList("Hdd", "Pxe")}, ""},
		{"redfish_storage_volume", "metalwright_storage_volume", `{"volume_name":"boot","redfish_server":[{"endpoint":%q,"password":%q}]}`,
			"dell", map[string]tftypes.Value{"name": str("boot"), "raid": str("RAID1")}, ""},
	} {
		s := byHand(t, l, nil)
		raw := fmt.Sprintf(c.state, url["dell"], canary)
		moved, err := s.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{SourceTypeName: c.from, TargetTypeName: c.to,
			SourceProviderAddress: "registry.terraform.io/dell/redfish", SourceState: &tfprotov6.RawState{JSON: []byte(raw)}})
		if err != nil {
			t.Fatal(err)
		}
		s.fine(moved.Diagnostics)
		text, err := json.Marshal(moved)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text)+string(moved.TargetState.MsgPack)+string(moved.TargetPrivate), canary) {
			t.Errorf("%s: the password came along", c.from)
		}
		schema := s.schemas.ResourceSchemas[c.to]
		given := map[string]tftypes.Value{"node": str(c.node)}
		for k, v := range c.given {
			given[k] = v
		}
		if c.to == "metalwright_storage_volume" {
			given["drives"] = s.nested(c.to, "drives", map[string]tftypes.Value{"count": tftypes.NewValue(tftypes.Number, 2), "controller": str("BOSS")})
		}
		p, err := s.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{TypeName: c.to, PriorState: moved.TargetState,
			ProposedNewState: s.object(schema, given, true), Config: s.object(schema, given, false), PriorPrivate: moved.TargetPrivate})
		if err != nil {
			t.Fatal(err)
		}
		said := all(p.Diagnostics)
		if strings.Contains(said, "ERROR") != (c.want != "") || !strings.Contains(said, c.want) {
			t.Errorf("%s of %s: said %s, want %q", c.to, c.node, said, c.want)
		}
		if len(p.RequiresReplace) > 0 {
			t.Errorf("%s: is replaced because of %v", c.to, p.RequiresReplace)
		}
	}
	s := byHand(t, l, nil)
	moved, err := s.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{SourceTypeName: "redfish_bios", TargetTypeName: "metalwright_power",
		SourceState: &tfprotov6.RawState{JSON: []byte(`{}`)}})
	if err != nil || !strings.Contains(all(moved.Diagnostics), "ERROR") {
		t.Errorf("a move between different things: %v, %v", moved, err)
	}
	l.unchanged(0)
}
