package provider_test

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/metalwright/metalwright/internal/sim"
)

// life is what the life of one kind of resource is tried with, on several dialects at once.
type life struct {
	nodes  []string
	body   string // of the resource; a word WORD{dell=…|hpe=…} differs by node
	change string // of the resource, in an update; empty = none
	drift  func(before, after sim.Truth) sim.Poke
	resets int      // of each host, after creation; 0 = not counted
	id     string   // after the node, in an import
	ignore []string // in the comparison after an import
}

var all4 = []string{"dell", "hpe", "lenovo", "smc"}

// hostResets counts how often a host went down.
func hostResets(led sim.Ledger) int {
	return led.Resets["host_reset"] + led.Resets["host_power_cycle"] + led.Resets["aux_cycle"] + led.Resets["ac_cycle"]
}

// lives is the table of kinds: every kind that declares something of a node is in it.
var lives = map[string]life{
	"metalwright_bios": {nodes: all4, body: `profile = "{hpe=training|virtualisation}"`, resets: 1, ignore: []string{"profile"},
		drift: func(before, after sim.Truth) sim.Poke { return sim.Poke{BIOS: changed(before.BIOS, after.BIOS)} }},
	"metalwright_boot_order": {nodes: all4, body: `order = ["Hdd", "Pxe"]`, change: `order = ["Pxe", "Hdd"]`, ignore: []string{"order"},
		drift: func(before, _ sim.Truth) sim.Poke { return sim.Poke{BootOrder: before.BootOrder} }},
	"metalwright_power": {nodes: all4, body: `state = "off"`, change: `state = "on"`, ignore: []string{"state"},
		drift: func(sim.Truth, sim.Truth) sim.Poke { return sim.Poke{Power: "On"} }},
	"metalwright_indicator":    {nodes: []string{"smc"}, body: `locate = true`, change: `locate = false`, ignore: []string{"locate"}},
	"metalwright_bmc_services": {nodes: all4, body: `ntp = ["10.20.0.2"]`, ignore: []string{"ntp"}},
	"metalwright_bmc_attributes": {nodes: []string{"dell"}, body: `attributes = { "SSH.1.Timeout" = "900" }`, change: `attributes = { "SSH.1.Timeout" = "600" }`,
		ignore: []string{"attributes"}},
	"metalwright_storage_volume": {nodes: []string{"dell", "lenovo", "hpe"}, body: `name = "boot"
  raid = "RAID1"
  drives = { count = 2, controller = "{dell=BOSS|lenovo=M.2|hpe=MR416i}" }`,
		id: "/boot", ignore: []string{"raid", "drives"},
		drift: func(sim.Truth, sim.Truth) sim.Poke { return sim.Poke{DropVolume: "boot"} }},
	"metalwright_secure_boot": {nodes: all4, body: "enable = true\n  keys = \"default\"", change: `enable = false`, ignore: []string{"enable", "keys"}},
	"metalwright_node": {nodes: all4, body: `bios = { profile = "{hpe=training|virtualisation}" }
  boot = { order = ["Hdd", "Pxe"] }
  bmc  = { ntp = ["10.20.0.2"] }`, ignore: []string{"bios", "boot", "bmc"},
		resets: 1,
		drift:  func(before, after sim.Truth) sim.Poke { return sim.Poke{BIOS: changed(before.BIOS, after.BIOS)} }},
}

var byNode = regexp.MustCompile(`\{(\w+=[^{}]*)\}`)

// forNode writes {dell=X|Y} as what is said for a node, or for the others.
func forNode(body, node string) string {
	return byNode.ReplaceAllStringFunc(body, func(s string) string {
		for _, part := range strings.Split(s[1:len(s)-1], "|") {
			if who, v, one := strings.Cut(part, "="); !one {
				return part
			} else if who == node {
				return v
			}
		}
		return ""
	})
}

// changed gives the values before, of what differs.
func changed(before, after map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range before {
		if !reflect.DeepEqual(v, after[k]) {
			out[k] = v
		}
	}
	return out
}

func (l *lab) truths(nodes []string) map[string]sim.Truth {
	out := map[string]sim.Truth{}
	for _, n := range nodes {
		out[n] = l.sim.BMC(n).Truth()
	}
	return out
}

// Every kind of resource lives on every dialect that has it: made, left alone, repaired, changed, imported, forgotten.
func TestAccKinds(t *testing.T) {
	needEngine(t)
	for _, name := range slices.Sorted(maps.Keys(lives)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alive(t, name, lives[name])
		})
	}
}

func alive(t *testing.T, name string, k life) {
	l := newLab(t, "hands", speed)
	config := func(body string) string {
		out := l.byHand("")
		for _, n := range k.nodes {
			out += fmt.Sprintf("\nresource %q %q {\n  node = %q\n  %s\n}\n", name, n, n, forNode(body, n))
		}
		return out
	}
	at := func(node string) string { return name + "." + node }
	actions := func(a plancheck.ResourceActionType) []plancheck.PlanCheck {
		var out []plancheck.PlanCheck
		for _, n := range k.nodes {
			out = append(out, plancheck.ExpectResourceAction(at(n), a),
				plancheck.ExpectKnownValue(at(n), tfjsonpath.New("impact"), listOf(1)),
				plancheck.ExpectKnownValue(at(n), tfjsonpath.New("converged"), knownvalue.Bool(true)))
		}
		return out
	}
	empty := []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	before, written := l.truths(k.nodes), 0
	steps := []resource.TestStep{{Config: config(k.body), ConfigPlanChecks: resource.ConfigPlanChecks{
		PreApply:             append(actions(plancheck.ResourceActionCreate), check(func() { l.unchanged(0) })),
		PostApplyPostRefresh: empty}}}
	if k.drift != nil {
		steps = append(steps, resource.TestStep{Config: config(k.body), PreConfig: func() {
			for _, n := range k.nodes {
				if got := hostResets(l.ledger(n)); k.resets > 0 && got != k.resets {
					t.Errorf("%s: %d host resets, want %d", n, got, k.resets)
				}
				l.poke(n, k.drift(before[n], l.sim.BMC(n).Truth()))
			}
		}, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: actions(plancheck.ResourceActionUpdate), PostApplyPostRefresh: empty}})
	}
	last := k.body
	if k.change != "" {
		last = k.change
		steps = append(steps, resource.TestStep{Config: config(k.change),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: actions(plancheck.ResourceActionUpdate), PostApplyPostRefresh: empty}})
	}
	first := k.nodes[0]
	steps = append(steps, resource.TestStep{PreConfig: func() { written = l.writes() }, Config: config(last),
		ResourceName: at(first), ImportState: true, ImportStateId: first + k.id, ImportStateVerify: true,
		ImportStateVerifyIgnore: append(k.ignore, "stage", "plan_digest", "impact", "resets", "estimated_duration_s", "converged", "drift", "waiting", "gaps")})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories(), Steps: steps})
	l.unchanged(written) // import and destroy
	l.closed()
}

// Every kind that the schema has is in the table of lives.
func TestEveryKindLives(t *testing.T) {
	for name := range newServer(t).schemas.ResourceSchemas {
		if _, ok := lives[name]; !ok && !slices.Contains([]string{"metalwright_rack", "metalwright_commit", "metalwright_rollout", "metalwright_reset", "metalwright_network_adapter", "metalwright_dpu"}, name) {
			t.Errorf("%s is not in the table of lives", name)
		}
	}
}
