package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// invoke plans and invokes an action, and gives what was said of both.
func (s *server) invoke(kind string, given map[string]tftypes.Value) (planned, progress, said string) {
	s.t.Helper()
	schema := s.schemas.ActionSchemas[kind]
	if schema == nil {
		s.t.Fatalf("there is no action %s", kind)
	}
	config := s.object(schema.Schema, given, false)
	server, ok := s.ProviderServer.(tfprotov6.ActionServer)
	if !ok {
		s.t.Fatal("the provider serves no actions")
	}
	p, err := server.PlanAction(s.t.Context(), &tfprotov6.PlanActionRequest{ActionType: kind, Config: config})
	if err != nil {
		s.t.Fatal(err)
	}
	stream, err := server.InvokeAction(s.t.Context(), &tfprotov6.InvokeActionRequest{ActionType: kind, Config: config})
	if err != nil {
		s.t.Fatal(err)
	}
	for e := range stream.Events {
		switch x := e.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			progress += x.Message + "\n"
		case tfprotov6.CompletedInvokeActionEventType:
			said = all(x.Diagnostics)
		}
	}
	return all(p.Diagnostics), progress, said
}

// Actions do what the verbs of the command line do: planned, journalled, with progress; a dry run changes nothing.
func TestActions(t *testing.T) {
	t.Parallel()
	l := newLab(t, "hands", speed)
	s := byHand(t, l, nil)
	yes := tftypes.NewValue(tftypes.Bool, true)
	for _, c := range []struct {
		kind    string
		given   map[string]tftypes.Value
		planned string
		said    string // an error
		after   func() bool
	}{
		{"identify_led", map[string]tftypes.Value{"node": str("smc"), "light": str("on"), "dry_run": yes}, "smc: led Lit", "",
			func() bool { return l.writes() == 0 }},
		{"identify_led", map[string]tftypes.Value{"node": str("smc"), "light": str("on")}, "smc: led Lit", "",
			func() bool { return l.sim.BMC("smc").Truth().Light == "Lit" }},
		{"identify_led", map[string]tftypes.Value{"node": str("smc"), "light": str("on")}, "", "",
			func() bool { return l.sim.BMC("smc").Truth().Light == "Lit" }}, // is so already
		{"reset", map[string]tftypes.Value{"node": str("dell"), "class": str("host_reset")}, "dell: power reset, 1 host_reset", "",
			func() bool { return l.ledger("dell").Resets["host_reset"] == 1 }},
		{"reset", map[string]tftypes.Value{"node": str("hpe"), "class": str("bmc_reset")}, "hpe: bmc reset, 1 bmc_reset", "",
			func() bool { return l.ledger("hpe").Resets["bmc_reset"] == 1 }},
		{"reset", map[string]tftypes.Value{"node": str("smc"), "class": str("aux_cycle")}, "Cannot be done", "Cannot be done",
			func() bool { return hostResets(l.ledger("smc")) == 0 }},
		{"clear_jobs", map[string]tftypes.Value{"node": str("hpe")}, "Cannot be done", "keeps no job queue", func() bool { return true }},
		{"eject_media", map[string]tftypes.Value{"node": str("lenovo")}, "", "", func() bool { return l.ledger("lenovo").Writes == 0 }},
		{"rotate_credentials", map[string]tftypes.Value{"node": str("dell")}, "Cannot be done", "Cannot be done", func() bool { return true }},
		{"reset", map[string]tftypes.Value{"node": str("del"), "class": str("host_reset")}, "Unknown node", "Unknown node", func() bool { return true }},
	} {
		planned, progress, said := s.invoke("metalwright_"+c.kind, c.given)
		if !strings.Contains(planned, c.planned) {
			t.Errorf("%s: planned %q, want %q", c.kind, planned, c.planned)
		}
		if strings.Contains(said, "ERROR") != (c.said != "") || !strings.Contains(said, c.said) {
			t.Errorf("%s: said %q, want %q", c.kind, said, c.said)
		}
		if c.said == "" && progress == "" {
			t.Errorf("%s: no progress was told", c.kind)
		}
		if !c.after() {
			t.Errorf("%s %v: not as it has to be afterwards; progress %s", c.kind, c.given, progress)
		}
	}
	l.closed()
}

// The twin of the action resets when its triggers change, once, and not when it is made or forgotten.
func TestAccReset(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "hands", speed)
	config := func(trigger string) string {
		return l.byHand("") + "\nresource \"metalwright_reset\" \"x\" {\n  node     = \"dell\"\n  class    = \"host_reset\"\n  triggers = { why = \"" + trigger + "\" }\n}\n"
	}
	count := func(want int) func() {
		return func() {
			if got := l.ledger("dell").Resets["host_reset"]; got != want {
				t.Errorf("%d host resets, want %d", got, want)
			}
		}
	}
	empty := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories(), Steps: []resource.TestStep{
		{Config: config("a"), ConfigPlanChecks: empty},
		{PreConfig: count(0), Config: config("b"), ConfigPlanChecks: empty},
		{PreConfig: count(1), Config: config("b"), ConfigPlanChecks: empty},
	}})
	count(1)()
	l.closed()
}
