package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/metalwright/metalwright/internal/rack"
)

const rackAddress = "metalwright_rack.lab"

func int64s(pairs map[string]int64) map[string]knownvalue.Check {
	out := map[string]knownvalue.Check{}
	for k, v := range pairs {
		out[k] = knownvalue.Int64Exact(v)
	}
	return out
}

// planned checks a planned value of the rack.
func planned(name string, want knownvalue.Check) plancheck.PlanCheck {
	return plancheck.ExpectKnownValue(rackAddress, tfjsonpath.New(name), want)
}

// kept checks a value of the rack in the state.
func kept(name string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(rackAddress, tfjsonpath.New(name), want)
}

// The life of a rack: made, left alone, repaired, changed, imported, forgotten.
func TestAccRack(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "rack", speed)
	config := l.provider() + rackBlock + `
data "metalwright_node" "dell" {
  node       = "dell"
  depends_on = [metalwright_rack.lab]
}
`
	empty := []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	var before int
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(rackAddress, plancheck.ResourceActionCreate),
						planned("resets", knownvalue.MapExact(int64s(map[string]int64{"bmc_reset": 2, "host_reset": 2}))),
						planned("estimated_duration_s", atLeast(600)),
						planned("impact", listOf(10)),
						planned("plan_digest", knownvalue.StringRegexp(regexp.MustCompile("^sha256:"))),
						planned("converged", knownvalue.Bool(true)),
						plancheck.ExpectUnknownValue(rackAddress, tfjsonpath.New("nodes")),
						check(func() { l.unchanged(0) }),
					},
					PostApplyPostRefresh: empty,
				},
				ConfigStateChecks: []statecheck.StateCheck{
					kept("id", knownvalue.StringExact("rack.lab")),
					kept("converged", knownvalue.Bool(true)),
					kept("drift", knownvalue.ListSizeExact(0)),
					kept("gaps", knownvalue.ListSizeExact(0)),
					kept("nodes", knownvalue.MapPartial(map[string]knownvalue.Check{"dell": knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"model": knownvalue.StringExact("PowerEdge R750"), "bmc_version": knownvalue.StringExact("6.10.80.00"),
						"bios_version": knownvalue.StringExact("1.13.2"), "power_state": knownvalue.StringExact("On")})})),
					statecheck.ExpectKnownValue("data.metalwright_node.dell", tfjsonpath.New("bios_version"), knownvalue.StringExact("1.13.2")),
					statecheck.ExpectKnownValue("data.metalwright_node.dell", tfjsonpath.New("address"), knownvalue.StringExact("node.dell")),
					statecheck.ExpectKnownValue("data.metalwright_node.dell", tfjsonpath.New("rack"), knownvalue.StringExact("rack.lab")),
					statecheck.ExpectKnownValue("data.metalwright_node.dell", tfjsonpath.New("position_u"), knownvalue.Int64Exact(1)),
					statecheck.ExpectKnownValue("data.metalwright_node.dell", tfjsonpath.New("serial"), knownvalue.StringExact(serial(l, "dell"))),
					statecheck.ExpectKnownValue("data.metalwright_node.dell", tfjsonpath.New("gaps"), knownvalue.ListSizeExact(0)),
				},
			},
			{ // somebody changes a setting behind its back
				PreConfig: func() {
					l.once("dell")
					l.once("smc")
					l.closed()
					l.drift()
				},
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(rackAddress, plancheck.ResourceActionUpdate),
						planned("impact", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{
							"address": knownvalue.StringExact("node.dell"), "name": knownvalue.StringExact("SriovGlobalEnable"),
							"from": knownvalue.StringExact("Disabled"), "to": knownvalue.StringExact("Enabled"),
							"activation": knownvalue.StringExact("host_reset")})})),
						planned("resets", knownvalue.MapExact(int64s(map[string]int64{"host_reset": 1}))),
						drifted("SriovGlobalEnable: Disabled -> Enabled"),
					},
					PostApplyPostRefresh: empty,
				},
			},
			{ // the blueprint changes
				PreConfig: func() {
					if led := l.ledger("dell"); led.Resets["host_reset"] != 2 {
						t.Errorf("after the repair: resets %v, want one host reset more", led.Resets)
					}
					if v := l.sim.BMC("dell").Truth().BIOS["SriovGlobalEnable"]; v != "Enabled" {
						t.Errorf("SriovGlobalEnable is %v after the repair", v)
					}
					l.once("smc") // was left alone
					l.edit("site.mw.hcl", "default     = 240", "default     = 120")
				},
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(rackAddress, plancheck.ResourceActionUpdate),
						planned("impact", knownvalue.ListSizeExact(1)),
					},
					PostApplyPostRefresh: empty,
				},
			},
			{ // a change of the configuration alone is an update that sends nothing
				PreConfig: func() { before = l.writes() },
				Config:    l.provider() + "\nresource \"metalwright_rack\" \"lab\" {\n  rack = \"lab\"\n}\n",
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(rackAddress, plancheck.ResourceActionUpdate),
						planned("impact", knownvalue.ListSizeExact(0)),
					},
					PostApplyPostRefresh: empty,
				},
			},
			{
				PreConfig:    func() { l.unchanged(before) },
				ResourceName: rackAddress, ImportState: true, ImportStateId: "lab", ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"rack", "design", "plan_digest", "impact", "resets", "estimated_duration_s"},
			},
		},
	})
	l.unchanged(before) // import and destroy
	l.closed()
}

// Without a rack in the state Terraform creates; the hardware is done already, so nothing is sent.
func TestAccAdopt(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "node", speed)
	config := l.provider() + rackBlock
	for _, want := range []int{1, 0} {
		before := l.writes()
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: factories(),
			Steps: []resource.TestStep{{Config: config, ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{planned("resets", knownvalue.MapSizeExact(want))},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			}}},
		})
		if want == 0 {
			l.unchanged(before)
		}
	}
	l.closed()
}

// What cannot be read or trusted stops the plan, and names the node, the reason and what to do.
func TestAccUnreadable(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "node", speed)
	for name, c := range map[string]struct {
		spoil func(*rack.Binding, *string)
		want  string
	}{
		"unreachable":           {func(b *rack.Binding, _ *string) { b.URL = "https://127.0.0.1:1" }, `(?s)Nodes cannot be planned.*dell:.*unreachable`},
		"untrusted certificate": {func(b *rack.Binding, _ *string) { b.PinSHA256 = flipped(b.PinSHA256) }, `(?s)Nodes cannot be planned.*dell:.*trust`},
		"wrong password":        {func(_ *rack.Binding, p *string) { *p = "not-the-password" }, `(?s)Nodes cannot be planned.*dell:.*auth`},
		"plain http":            {func(b *rack.Binding, _ *string) { b.URL = "http://127.0.0.1:1" }, `(?s)Node cannot be reached as configured`},
	} {
		t.Run(name, func(t *testing.T) {
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: factories(),
				Steps:                    []resource.TestStep{{Config: l.provider(c.spoil) + rackBlock, ExpectError: regexp.MustCompile(c.want)}},
			})
		})
	}
	led := l.ledger("dell")
	if led.Writes != 0 || led.SessionsOpen != 0 || led.FailedLogins > 2 { // two tries, and no account is locked
		t.Errorf("%d writes, %d sessions open, %d log-ins failed", led.Writes, led.SessionsOpen, led.FailedLogins)
	}
}

// A BMC goes away in the middle of Create. Nothing is stored, and the next apply finds what was done.
func TestAccRecovery(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "rack", speed)
	var smc *cable
	config := l.provider(func(b *rack.Binding, _ *string) {
		if b.Node == "smc" {
			smc = newCable(t, b.URL)
			b.URL = smc.url
		}
	}) + rackBlock
	smc.pullWhen(func() bool { return l.ledger("smc").Flashes["bios"] == 1 })
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: regexp.MustCompile(`(?s)Node failed.*smc at step`)},
			{PreConfig: smc.plug, Config: config, ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(rackAddress, plancheck.ResourceActionCreate)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			}},
		},
	})
	l.once("dell")
	l.once("smc")
}

// An inventory that another resource makes: the rack is planned during apply.
func TestAccUnknownInventory(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "node", speed)
	url := l.bindings[0].URL
	config := fmt.Sprintf("resource \"terraform_data\" \"bmc\" {\n  input = %q\n}\n", url) +
		regexp.MustCompile(`endpoint +=.*`).ReplaceAllString(l.provider(), "endpoint = terraform_data.bmc.output") + rackBlock
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{{Config: config, ConfigPlanChecks: resource.ConfigPlanChecks{
			PreApply:             []plancheck.PlanCheck{plancheck.ExpectUnknownValue(rackAddress, tfjsonpath.New("plan_digest"))},
			PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		}}},
	})
	l.closed()
}

// Two racks of one blueprint are two resources that share its BMCs' sessions. A rack that is taken out of the blueprint can still
// be destroyed.
func TestAccTwoRacks(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "racks", speed)
	a := "\nresource \"metalwright_rack\" \"lab\" { rack = \"a\" }\n"
	b := "\nresource \"metalwright_rack\" \"b\" { rack = \"rack.b\" }\n"
	empty := []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	before := 0
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{Config: l.provider() + rackBlock, ExpectError: regexp.MustCompile(`(?s)Unknown rack.*has 2\s+racks, name one`)},
			{Config: l.provider() + a + b, ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{planned("resets", knownvalue.MapExact(int64s(map[string]int64{"host_reset": 1})))},
				PostApplyPostRefresh: empty,
			}, ConfigStateChecks: []statecheck.StateCheck{kept("id", knownvalue.StringExact("rack.a")), kept("nodes", knownvalue.MapSizeExact(1))}},
			{PreConfig: func() {
				before = l.writes()
				for _, node := range []string{"a1", "b1"} {
					if led := l.ledger(node); led.Resets["host_reset"] != 1 {
						t.Errorf("%s: resets %v, want one of the host", node, led.Resets)
					}
				}
				if err := os.Remove(filepath.Join(l.dir, "b.mw.hcl")); err != nil {
					t.Fatal(err)
				}
			}, Config: l.provider() + a, ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("metalwright_rack.b", plancheck.ResourceActionDestroy),
					planned("impact", knownvalue.ListSizeExact(0)),
				},
				PostApplyPostRefresh: empty,
			}},
		},
	})
	l.unchanged(before)
	l.closed()
}

// A node that may be left behind is left behind, and caught up with when it is back.
func TestAccDegraded(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "racks", speed)
	l.edit("b.mw.hcl", "rack = rack.b", "rack = rack.a") // both nodes in one rack
	var b1 *cable
	config := l.provider(func(b *rack.Binding, _ *string) {
		if b.Node == "b1" {
			b1 = newCable(t, b.URL)
			b.URL = b1.url
		}
	}) + "\nresource \"metalwright_rack\" \"lab\" {\n  rack                   = \"a\"\n  degraded_nodes_allowed = 1\n}\n"
	b1.pull()
	empty := []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{Config: config, ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: empty}, ConfigStateChecks: []statecheck.StateCheck{
				kept("converged", knownvalue.Bool(false)), kept("gaps", knownvalue.ListSizeExact(1)), kept("nodes", knownvalue.MapSizeExact(1))}},
			{PreConfig: b1.plug, Config: config, ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{planned("resets", knownvalue.MapExact(int64s(map[string]int64{"host_reset": 1})))},
				PostApplyPostRefresh: empty,
			}, ConfigStateChecks: []statecheck.StateCheck{
				kept("converged", knownvalue.Bool(true)), kept("gaps", knownvalue.ListSizeExact(0)), kept("nodes", knownvalue.MapSizeExact(2))}},
		},
	})
	l.closed()
}

// Leases are those of the command line: who is second is told who holds the node, and nothing is changed.
func TestAccLocked(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "node", speed)
	release := l.lease("dell")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{Config: l.provider() + rackBlock, ExpectError: regexp.MustCompile(`(?s)Apply cannot run.*node/dell is\s+held\s+by\s+somebody-else`)},
			{PreConfig: func() {
				l.unchanged(0)
				release()
			}, Config: l.provider() + rackBlock},
		},
	})
	l.closed()
}

func serial(l *lab, node string) string {
	for _, b := range l.bindings {
		if b.Node == node {
			return b.Serial
		}
	}
	return ""
}

func flipped(pin string) string {
	if pin[0] == 'a' {
		return "b" + pin[1:]
	}
	return "a" + pin[1:]
}

// atLeast and listOf are known values that are not small.
func atLeast(n int64) knownvalue.Check {
	return knownvalue.Int64Func(func(v int64) error {
		if v < n {
			return fmt.Errorf("%d, want %d or more", v, n)
		}
		return nil
	})
}

type listOf int

func (n listOf) CheckValue(v any) error {
	if l, ok := v.([]any); !ok || len(l) < int(n) {
		return fmt.Errorf("%v, want a list of %d or more", v, int(n))
	}
	return nil
}

func (n listOf) String() string { return fmt.Sprintf("a list of %d or more", int(n)) }

// check is a plan check that looks at something else than the plan.
type check func()

func (c check) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	c()
}

// drifted checks that the refreshed rack tells a difference.
type drifted string

func (d drifted) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, c := range append(req.Plan.ResourceDrift, req.Plan.ResourceChanges...) {
		for _, side := range []any{c.Change.Before, c.Change.After} {
			m, _ := side.(map[string]any)
			lines, _ := m["drift"].([]any)
			for _, l := range lines {
				if line, _ := l.(string); c.Address == rackAddress && strings.Contains(line, string(d)) {
					return
				}
			}
		}
	}
	resp.Error = fmt.Errorf("the plan does not tell of the drift %q", string(d))
}
