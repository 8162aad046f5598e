package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// byHand configures the provider with the nodes of a lab and a site, without a blueprint.
func byHand(t *testing.T, l *lab, more map[string]tftypes.Value) *server {
	t.Helper()
	s := newServer(t)
	var site tftypes.Type
	for _, a := range s.schemas.Provider.Block.Attributes {
		if a.Name == "site" {
			site = a.ValueType()
		}
	}
	endpoints := site.(tftypes.Object).AttributeTypes["endpoints"]
	list := func(v string) tftypes.Value {
		return tftypes.NewValue(endpoints.(tftypes.Map).ElementType, []tftypes.Value{tftypes.NewValue(tftypes.String, v)})
	}
	all := map[string]tftypes.Value{"site": part(site, map[string]tftypes.Value{"name": str("lab"), "jurisdiction": str("AU"), "policy": str("au.baseline"),
		"endpoints": tftypes.NewValue(endpoints, map[string]tftypes.Value{"artifacts": list("https://mirror.lab.example"), "ntp": list("10.20.0.2")})})}
	for k, v := range more {
		all[k] = v
	}
	s.configureWith(l, all)
	return s
}

func str(v string) tftypes.Value { return tftypes.NewValue(tftypes.String, v) }

func strs(pairs ...string) tftypes.Value {
	m := map[string]tftypes.Value{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = str(pairs[i+1])
	}
	return tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, m)
}

func strList(of ...string) tftypes.Value {
	var l []tftypes.Value
	for _, s := range of {
		l = append(l, str(s))
	}
	return tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, l)
}

// creation plans a resource that does not exist.
func (s *server) creation(kind string, given map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	s.t.Helper()
	schema := s.schemas.ResourceSchemas[kind]
	none, err := tfprotov6.NewDynamicValue(schema.ValueType(), tftypes.NewValue(schema.ValueType(), nil))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.PlanResourceChange(s.t.Context(), &tfprotov6.PlanResourceChangeRequest{TypeName: kind, PriorState: &none,
		ProposedNewState: s.object(schema, given, true), Config: s.object(schema, given, false)})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

func all(diags []*tfprotov6.Diagnostic) string {
	var out []string
	for _, d := range diags {
		at := ""
		if d.Attribute != nil {
			at = " at " + d.Attribute.String()
		}
		out = append(out, d.Severity.String()+" "+d.Summary+at+": "+d.Detail)
	}
	return strings.Join(out, "\n")
}

// What is wrong is told when the plan is made, at the attribute that is wrong, and nothing is sent.
func TestDeclaredRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t, "hands", speed)
	no := tftypes.NewValue(tftypes.Bool, false)
	for name, test := range map[string]struct {
		provider map[string]tftypes.Value
		kind     string
		given    map[string]tftypes.Value
		want     []string
	}{
		"unknown node": {kind: "bios", given: map[string]tftypes.Value{"node": str("del"), "attributes": strs("A", "B")},
			want: []string{`ERROR Unknown node`, `"del"`, `Did you mean "dell"?`}},
		"unknown attribute": {kind: "bios", given: map[string]tftypes.Value{"node": str("dell"), "attributes": strs("SriovGlobalEnabled", "Enabled")},
			want: []string{"ERROR Node cannot be planned", "SriovGlobalEnabled", "Did you mean", "SriovGlobalEnable"}},
		"value that is not allowed": {kind: "bios", given: map[string]tftypes.Value{"node": str("dell"), "attributes": strs("SriovGlobalEnable", "On")},
			want: []string{"ERROR", "SriovGlobalEnable", "Enabled", "Disabled"}},
		"unknown profile": {kind: "bios", given: map[string]tftypes.Value{"node": str("dell"), "profile": str("trainning")},
			want: []string{"ERROR Hardware not known", `at AttributeName("profile")`, `Did you mean "training"?`}},
		"nothing declared": {kind: "bios", given: map[string]tftypes.Value{"node": str("dell")}, want: []string{"ERROR Cannot be declared", "nothing is declared"}},
		"outside the site": {kind: "bmc_services", given: map[string]tftypes.Value{"node": str("dell"), "ntp": strList("192.0.2.1")},
			want: []string{"ERROR", `at AttributeName("ntp")`, "192.0.2.1"}},
		"unsupported on this BMC": {kind: "indicator", given: map[string]tftypes.Value{"node": str("hpe"), "locate": no}, want: nil},
		"unsupported vendor name": {kind: "bmc_attributes", given: map[string]tftypes.Value{"node": str("hpe"), "attributes": strs("SSH.1.Timeout", "9")},
			want: []string{"ERROR Node cannot be planned", "This BMC has no attributes of its own"}},
		"unknown RAID type": {kind: "storage_volume", given: map[string]tftypes.Value{"node": str("dell"), "name": str("boot"), "raid": str("RAID7")},
			want: []string{"ERROR", `at AttributeName("raid")`, "RAID7"}},
		"baseline of other hardware": {kind: "node", given: map[string]tftypes.Value{"node": str("dell"), "firmware": str("dell_r751@2026.11")},
			want: []string{"ERROR", `at AttributeName("firmware")`}},
		"vetoed": {provider: map[string]tftypes.Value{"safety": safety(t, map[string]tftypes.Value{"power": no})}, kind: "power",
			given: map[string]tftypes.Value{"node": str("dell"), "state": str("off")}, want: []string{"ERROR Not allowed by the provider", "safety.power is false"}},
		"vetoed class": {provider: map[string]tftypes.Value{"safety": safety(t, map[string]tftypes.Value{"max_reset_class": str("bmc_reset")})}, kind: "bios",
			given: map[string]tftypes.Value{"node": str("dell"), "attributes": strs("SriovGlobalEnable", "Enabled")},
			want:  []string{"ERROR Not allowed by the provider", "safety.max_reset_class is bmc_reset"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := byHand(t, l, test.provider)
			got := all(s.creation("metalwright_"+test.kind, test.given).Diagnostics)
			for _, w := range test.want {
				if !strings.Contains(got, w) {
					t.Errorf("said\n%s\nwant %q", got, w)
				}
			}
			if test.want == nil && strings.Contains(got, "ERROR") {
				t.Errorf("said\n%s", got)
			}
		})
	}
	l.unchanged(0)
	l.closed()
}

func safety(t *testing.T, given map[string]tftypes.Value) tftypes.Value {
	t.Helper()
	for _, a := range newServer(t).schemas.Provider.Block.Attributes {
		if a.Name == "safety" {
			return part(a.ValueType(), given)
		}
	}
	t.Fatal("the provider has no safety")
	return tftypes.Value{}
}

// Two resources that each reset one node are told how many resets a commit would save; one leaf has one owner.
func TestDeclaredBeside(t *testing.T) {
	t.Parallel()
	l := newLab(t, "hands", speed)
	s := byHand(t, l, nil)
	first := s.creation("metalwright_bios", map[string]tftypes.Value{"node": str("dell"), "attributes": strs("SriovGlobalEnable", "Enabled")})
	s.fine(first.Diagnostics)
	if got := all(first.Diagnostics); strings.Contains(got, "commit would save") {
		t.Errorf("one resource alone: %s", got)
	}
	second := s.creation("metalwright_node", map[string]tftypes.Value{"node": str("dell"), "boot": s.nested("metalwright_node", "boot", map[string]tftypes.Value{"order": strList("Hdd", "Pxe")})})
	s.fine(second.Diagnostics)
	t.Log(all(second.Diagnostics))
	if got := all(second.Diagnostics); !strings.Contains(got, "Resets that a commit would save") || !strings.Contains(got, "2 times") {
		t.Errorf("a second one: %s", got)
	}
	twice := s.creation("metalwright_bios", map[string]tftypes.Value{"node": str("dell"), "attributes": strs("SriovGlobalEnable", "Disabled")})
	if got := all(twice.Diagnostics); !strings.Contains(got, "ERROR Declared twice") || !strings.Contains(got, "bios of node dell") {
		t.Errorf("declared twice: %s", got)
	}
	if led := l.ledger("dell"); led.SessionsOpened != 1 {
		t.Errorf("%d sessions were opened for three plans, want 1", led.SessionsOpened)
	}
	l.unchanged(0)
	l.closed()
}

// nested makes the value of a nested attribute.
func (s *server) nested(kind, name string, given map[string]tftypes.Value) tftypes.Value {
	s.t.Helper()
	for _, a := range s.schemas.ResourceSchemas[kind].Block.Attributes {
		if a.Name == name {
			return part(a.ValueType(), given)
		}
	}
	s.t.Fatalf("%s has no %s", kind, name)
	return tftypes.Value{}
}

// The veto holds when nobody saw a plan, too: it is held against what is done, at the moment when it would be.
func TestVetoWithoutAPlan(t *testing.T) {
	t.Parallel()
	l := newLab(t, "hands", speed)
	yes, no := tftypes.NewValue(tftypes.Bool, true), tftypes.NewValue(tftypes.Bool, false)
	for want, veto := range map[string]map[string]tftypes.Value{"Not allowed by the provider": {"power": no}, "Frozen": {"freeze": yes}} {
		s := byHand(t, l, map[string]tftypes.Value{"plan_probe": str("never"), "safety": safety(t, veto)})
		const kind = "metalwright_bios"
		given := map[string]tftypes.Value{"node": str("dell"), "attributes": strs("SriovGlobalEnable", "Enabled")}
		p := s.creation(kind, given)
		s.fine(p.Diagnostics)
		schema := s.schemas.ResourceSchemas[kind]
		none, err := tfprotov6.NewDynamicValue(schema.ValueType(), tftypes.NewValue(schema.ValueType(), nil))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{TypeName: kind, PriorState: &none, PlannedState: p.PlannedState,
			Config: s.object(schema, given, false), PlannedPrivate: p.PlannedPrivate})
		if err != nil {
			t.Fatal(err)
		}
		if said := all(resp.Diagnostics); !strings.Contains(said, "ERROR "+want) {
			t.Errorf("said %q, want %q", said, want)
		}
	}
	l.unchanged(0)
	l.closed()
}

// A node that a rollout names twice, by name and by address, is told: its lock would be taken twice.
func TestRolloutNamesANodeTwice(t *testing.T) {
	t.Parallel()
	l := newLab(t, "hands", speed)
	s := byHand(t, l, nil)
	stage := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"revision": tftypes.String, "design": tftypes.String}}
	one := func(node string) tftypes.Value {
		design := `{"resource":"power","node":"` + node + `","body":{"power":"Off"}}`
		return tftypes.NewValue(tftypes.Map{ElementType: stage}, map[string]tftypes.Value{"power": part(stage, map[string]tftypes.Value{
			"revision": str("r"), "design": str(design)})})
	}
	p := s.creation("metalwright_rollout", map[string]tftypes.Value{"name": str("x"), "nodes": tftypes.NewValue(tftypes.Map{ElementType: tftypes.Map{ElementType: stage}},
		map[string]tftypes.Value{"dell": one("dell"), "node.dell": one("node.dell")})})
	if said := all(p.Diagnostics); !strings.Contains(said, "ERROR Node named twice") {
		t.Errorf("said %q", said)
	}
}
