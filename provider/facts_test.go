package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Every data source reads every node, or says that its BMC does not offer the thing. What it tells is known and never null, a node is
// read once for all of them, and nothing is changed.
func TestFacts(t *testing.T) {
	t.Parallel()
	l := newLab(t, "hands", speed)
	s := byHand(t, l, nil)
	empty := map[string]bool{"metalwright_storage_volumes.volumes": true} // of every node: nothing was made yet
	for name, schema := range s.schemas.DataSourceSchemas {
		seen := map[string]bool{}
		for _, node := range all4 {
			if name == "metalwright_node" { // of a blueprint
				continue
			}
			resp, err := s.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: name,
				Config: s.object(schema, map[string]tftypes.Value{"node": str(node)}, false)})
			if err != nil {
				t.Fatal(err)
			}
			if said := all(resp.Diagnostics); said != "" {
				if !strings.Contains(said, "Not offered by this BMC") {
					t.Errorf("%s of %s: %s", name, node, said)
				}
				continue
			}
			v, err := resp.State.Unmarshal(schema.ValueType())
			if err != nil {
				t.Fatal(err)
			}
			var attrs map[string]tftypes.Value
			if err := v.As(&attrs); err != nil {
				t.Fatal(err)
			}
			for a, x := range attrs {
				if !x.IsFullyKnown() || x.IsNull() {
					t.Errorf("%s of %s: %s is %s", name, node, a, x)
				}
				var list []tftypes.Value
				if x.Type().Is(tftypes.List{}) && x.As(&list) == nil && len(list) > 0 {
					seen[a] = true
				}
			}
		}
		for _, a := range schema.Block.Attributes {
			if a.Type != nil && a.Type.Is(tftypes.List{}) && a.Name != "gaps" && !seen[a.Name] && !empty[name+"."+a.Name] && name != "metalwright_node" {
				t.Errorf("%s: %s was empty on every node", name, a.Name)
			}
		}
	}
	for _, node := range all4 {
		if led := l.ledger(node); led.SessionsOpened != 1 {
			t.Errorf("%s: %d sessions were opened, want 1", node, led.SessionsOpened)
		}
	}
	l.unchanged(0)
	l.closed()
}
