package provider_test

import (
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/metalwright/metalwright/internal/rack"
)

var rolloutNodes = flag.Int("rollout.nodes", 18, "how many nodes the rollout is tried with")

// A rollout takes a canary first and then waves; it stops at the quota, names the node that failed, and the next apply goes on with
// the rest: what is done is not done again.
func TestAccRollout(t *testing.T) {
	needEngine(t)
	t.Parallel()
	n := *rolloutNodes
	l := newLab(t, "fleet", speed, fmt.Sprintf("default = 18 => default = %d", n))
	const address = "metalwright_rollout.fleet"
	broken := fmt.Sprintf("n%02d", n/2)
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%q", fmt.Sprintf("n%02d", i+1)))
	}
	var wire *cable
	config := l.byHand("", func(b *rack.Binding, _ *string) {
		if b.Node == broken {
			wire = newCable(t, b.URL)
			b.URL = wire.url
		}
	}) + fmt.Sprintf(`
locals {
  nodes = [%s]
}

resource "metalwright_bios" "fleet" {
  count      = length(local.nodes)
  node       = local.nodes[count.index]
  apply      = "staged"
  attributes = { SriovGlobalEnable = "Enabled" }
}

resource "metalwright_rollout" "fleet" {
  name  = "sriov"
  nodes = { for i, n in local.nodes : n => { bios = metalwright_bios.fleet[i].stage } }
  strategy = {
    canary       = 1
    max_parallel = 8
    allow_failed = 0
  }
}
`, strings.Join(names, ", "))
	wire.pullWhen(func() bool { return hostResets(l.ledger(broken)) == 1 }) // its host is reset, and nobody can see it
	resets := func() (sum, most int) {
		for _, led := range l.sim.Ledger() {
			sum, most = sum+hostResets(led), max(most, hostResets(led))
		}
		return sum, most
	}
	first := 1 + 8*((n/2-2)/8+1) // nodes of the canary and of the waves up to that of the broken one
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: regexp.MustCompile(`(?s)Node failed.*` + broken + ` at step`)},
			{
				PreConfig: func() {
					if sum, most := resets(); sum != first || most > 1 {
						t.Errorf("%d host resets when it stopped, at most %d of one host; want one each of %d nodes", sum, most, first)
					}
					wire.plug()
				},
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectKnownValue(address, tfjsonpath.New("plan_digest"), knownvalue.StringRegexp(regexp.MustCompile("^sha256:")))},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
		},
	})
	for name, led := range l.sim.Ledger() {
		if hostResets(led) != 1 {
			t.Errorf("%s: %d host resets, want 1", name, hostResets(led))
		}
	}
	l.closed()
}
