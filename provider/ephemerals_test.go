package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// open opens an ephemeral resource and gives its value, or what was said.
func (s *server) open(kind string, given map[string]tftypes.Value) (value, said string) {
	s.t.Helper()
	schema := s.schemas.EphemeralResourceSchemas[kind]
	resp, err := s.OpenEphemeralResource(s.t.Context(), &tfprotov6.OpenEphemeralResourceRequest{TypeName: kind, Config: s.object(schema, given, false)})
	if err != nil {
		s.t.Fatal(err)
	}
	if said := all(resp.Diagnostics); strings.Contains(said, "ERROR") {
		return "", said
	}
	v, err := resp.Result.Unmarshal(schema.ValueType())
	if err != nil {
		s.t.Fatal(err)
	}
	var attrs map[string]tftypes.Value
	if err := v.As(&attrs); err != nil {
		s.t.Fatal(err)
	}
	if err := attrs["value"].As(&value); err != nil {
		s.t.Fatal(err)
	}
	return value, ""
}

func TestEphemerals(t *testing.T) {
	l := newLab(t, "node", speed)
	s := newServer(t)
	s.configure(l)
	t.Setenv("METALWRIGHT_TEST_SECRET", "canary-7")
	if v, said := s.open("metalwright_bmc_credential", map[string]tftypes.Value{"secret": str("env:METALWRIGHT_TEST_SECRET")}); v != "canary-7" {
		t.Errorf("secret %q, said %s", v, said)
	}
	if v, said := s.open("metalwright_bmc_credential", map[string]tftypes.Value{"secret": str("env:METALWRIGHT_TEST_ABSENT")}); v != "" ||
		!strings.Contains(said, "METALWRIGHT_TEST_ABSENT") {
		t.Errorf("an absent secret: %q, said %s", v, said)
	}
	seen := map[string]bool{}
	for range 5 {
		v, said := s.open("metalwright_generated_password", nil)
		if len(v) != 20 || seen[v] || !strings.ContainsAny(v, "0123456789") {
			t.Errorf("password %q, said %s", v, said)
		}
		seen[v] = true
	}
	if v, said := s.open("metalwright_generated_password", map[string]tftypes.Value{"length": tftypes.NewValue(tftypes.Number, 8)}); len(v) != 8 {
		t.Errorf("password %q, said %s", v, said)
	}
	l.closed()
}
