package provider_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// byHand is a provider block with the inventory of the lab and no blueprint. more is put into the block.
func (l *lab) byHand(more string, change ...func(b *rack.Binding, password *string)) string {
	var nodes, creds strings.Builder
	for _, b := range l.bindings {
		_, pass := l.sim.Credentials(b.Node)
		for _, f := range change {
			f(&b, &pass)
		}
		fmt.Fprintf(&nodes, "    %s = {\n      endpoint   = %q\n      credential = %q\n      tls        = { pin_sha256 = %q }\n    }\n", b.Node, b.URL, b.Node, b.PinSHA256)
		fmt.Fprintf(&creds, "    %s = { username = %q, password = %q }\n", b.Node, b.Username, pass)
	}
	return fmt.Sprintf("provider \"metalwright\" {\n  operator  = \"tester\"\n  state_dir = %q\n  nodes = {\n%s  }\n  credentials = {\n%s  }\n"+
		"  site = { name = \"lab\", jurisdiction = \"AU\", policy = \"au.baseline\", endpoints = { ntp = [\"10.20.0.2\"], artifacts = [\"https://mirror.lab.example\"] } }\n%s}\n",
		l.dir+"/.metalwright", &nodes, &creds, more)
}

// Four staged resources of one node and their commit: one host reset. What nobody declares is left alone.
func TestAccCommit(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "node", speed)
	const address = "metalwright_commit.dell"
	config := func(sriov string) string {
		return l.byHand("") + fmt.Sprintf(`
resource "metalwright_bios" "dell" {
  node       = "dell"
  apply      = "staged"
  attributes = { SriovGlobalEnable = %q, ProcVirtualization = "Enabled" }
}

resource "metalwright_boot_order" "dell" {
  node  = "dell"
  apply = "staged"
  order = ["Pxe", "Hdd"]
}

resource "metalwright_storage_volume" "boot" {
  node   = "dell"
  apply  = "staged"
  name   = "boot"
  raid   = "RAID1"
  drives = { count = 2, controller = "BOSS" }
}

resource "metalwright_bmc_services" "dell" {
  node  = "dell"
  apply = "staged"
  ntp   = ["10.20.0.2"]
}

resource "metalwright_commit" "dell" {
  node = "dell"
  stages = {
    bios   = metalwright_bios.dell.stage
    boot   = metalwright_boot_order.dell.stage
    volume = metalwright_storage_volume.boot.stage
    bmc    = metalwright_bmc_services.dell.stage
  }
}
`, sriov)
	}
	empty := []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	var before int
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config: config("Enabled"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectKnownValue(address, tfjsonpath.New("resets"), knownvalue.MapExact(int64s(map[string]int64{"host_reset": 1}))),
						plancheck.ExpectKnownValue(address, tfjsonpath.New("impact"), listOf(4)),
						plancheck.ExpectKnownValue("metalwright_bios.dell", tfjsonpath.New("plan_digest"), knownvalue.Null()),
						plancheck.ExpectKnownValue("metalwright_bios.dell", tfjsonpath.New("stage").AtMapKey("revision"), knownvalue.StringRegexp(regexp.MustCompile("^[0-9a-f]{16}$"))),
						check(func() { l.unchanged(0) }),
					},
					PostApplyPostRefresh: empty,
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("converged"), knownvalue.Bool(true)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("drift"), knownvalue.ListSizeExact(0)),
				},
			},
			{
				PreConfig: func() {
					if led := l.ledger("dell"); led.Resets["host_reset"] != 1 || led.Resets["bmc_reset"] != 0 {
						t.Errorf("resets %v, want one of the host", led.Resets)
					}
					truth := l.sim.BMC("dell").Truth()
					if truth.BIOS["SriovGlobalEnable"] != "Enabled" {
						t.Errorf("SriovGlobalEnable is %v", truth.BIOS["SriovGlobalEnable"])
					}
					l.closed()
					l.poke("dell", sim.Poke{BIOS: map[string]any{"SriovGlobalEnable": "Disabled"}})
				},
				Config: config("Enabled"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
						plancheck.ExpectResourceAction("metalwright_bios.dell", plancheck.ResourceActionNoop),
						plancheck.ExpectKnownValue(address, tfjsonpath.New("impact"), knownvalue.ListSizeExact(1)),
					},
					PostApplyPostRefresh: empty,
				},
			},
			{
				Config: config("Disabled"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction("metalwright_bios.dell", plancheck.ResourceActionUpdate),
						plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
						plancheck.ExpectKnownValue(address, tfjsonpath.New("resets"), knownvalue.MapExact(int64s(map[string]int64{"host_reset": 1}))),
					},
					PostApplyPostRefresh: empty,
				},
			},
			{
				PreConfig:    func() { before = l.writes() },
				ResourceName: address, ImportState: true, ImportStateId: "dell", ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"stages", "plan_digest", "impact", "resets", "estimated_duration_s", "converged", "drift", "waiting", "gaps"},
			},
		},
	})
	l.unchanged(before) // import and destroy
	l.closed()
}
