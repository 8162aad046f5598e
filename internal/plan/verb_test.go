package plan_test

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// glanced is a device as a glance shows it.
func glanced(change func(d *rack.Device, s *rack.System)) rack.Observation {
	d := rack.Device{Address: `node.x["n1"]`, Node: "n1", Systems: []rack.System{{ID: "1", Path: "/s/1", Host: true, PowerState: "On",
		Boot:  &rack.Boot{OverrideEnabled: "Disabled", OverrideTarget: "None", Targets: []string{"None", "Pxe", "UsbCd"}},
		Media: []rack.MediaSlot{{ID: "1", Path: "/m/1", Types: []string{"CD"}, CanPost: true}}}},
		Locator: &rack.Locator{State: "Off", Can: []string{"Lit", "Off"}}}
	d.Capabilities.ResetTypes = []string{"On", "ForceOff", "ForceRestart"}
	if change != nil {
		change(&d, &d.Systems[0])
	}
	return rack.Observation{Devices: []rack.Device{d}}
}

var oneNode = rack.Design{Nodes: []rack.Node{{Address: `node.x["n1"]`, Name: "n1"}}}

// TestSay: what a verb plans for a node, by what was seen of it.
func TestSay(t *testing.T) {
	off := func(_ *rack.Device, s *rack.System) { s.PowerState = "Off" }
	for _, c := range []struct {
		name   string
		verb   plan.Verb
		change func(d *rack.Device, s *rack.System)
		want   string // "KIND CLASS to" of the steps, "" = nothing to do, "! …" = part of why it is refused
	}{
		{"off", plan.Verb{Do: plan.DoOff}, nil, "power none power_state=Off"},
		{"off already", plan.Verb{Do: plan.DoOff}, off, ""},
		{"on", plan.Verb{Do: plan.DoOn}, off, "power none power_state=On"},
		{"power unknown", plan.Verb{Do: plan.DoOn}, func(_ *rack.Device, s *rack.System) { s.PowerState = "" }, "! does not say whether the host has power"},
		{"graceful, not offered", plan.Verb{Do: plan.DoOff, Manner: step.Graceful}, nil, "! no graceful shutdown; it lists On, ForceOff"},
		{"cycle", plan.Verb{Do: plan.DoCycle}, nil, "reset host_power_cycle "},
		{"cycle of a host that is off", plan.Verb{Do: plan.DoCycle}, off, "! there is nothing to cycle"},
		{"aux, no verb", plan.Verb{Do: plan.DoCycle, Aux: true}, nil, "! Pull the power feed by hand"},
		{"aux", plan.Verb{Do: plan.DoCycle, Aux: true}, func(d *rack.Device, _ *rack.System) { d.Capabilities.AuxCycle = "oem:/a" }, "reset aux_cycle "},
		{"ac, no verb", plan.Verb{Do: plan.DoCycle, AC: true}, nil, "! No verb of this BMC takes all power of the machine (On, ForceOff, ForceRestart). Needs hands"},
		{"ac", plan.Verb{Do: plan.DoCycle, AC: true}, func(d *rack.Device, _ *rack.System) {
			d.Capabilities.ResetTypes = append(d.Capabilities.ResetTypes, "FullPowerCycle")
		}, "reset ac_cycle "},
		{"reset", plan.Verb{Do: plan.DoReset}, nil, "reset host_reset "},
		{"bmc", plan.Verb{Do: plan.DoBMC}, nil, "reset bmc_reset "},
		{"bmc, not offered", plan.Verb{Do: plan.DoBMC}, func(d *rack.Device, _ *rack.System) { d.Capabilities.ManagerResetTypes = []string{"Shutdown"} }, "! it lists Shutdown"},
		{"boot, by its common name", plan.Verb{Do: plan.DoBoot, Value: "network"}, nil, "boot_once none target=Pxe"},
		{"boot, UsbCd stands for Cd", plan.Verb{Do: plan.DoBoot, Value: "cd"}, nil, "boot_once none target=Cd"},
		{"boot, not offered", plan.Verb{Do: plan.DoBoot, Value: "pxee"}, nil, `! Did you mean "Pxe"?`},
		{"boot none", plan.Verb{Do: plan.DoBoot, Value: "none"}, nil, "! boots once from"},
		{"boot, armed", plan.Verb{Do: plan.DoBoot, Value: "pxe"}, func(_ *rack.Device, s *rack.System) {
			s.Boot.OverrideEnabled, s.Boot.OverrideTarget = "Once", "Pxe"
		}, ""},
		{"insert", plan.Verb{Do: plan.DoInsert, Value: "https://a/b.iso"}, nil, "media none image=https://a/b.iso inserted=true"},
		{"insert, no slot", plan.Verb{Do: plan.DoInsert, Value: "https://a/b.iso"}, func(_ *rack.Device, s *rack.System) { s.Media = nil }, "! no virtual media slot"},
		{"insert, slot full", plan.Verb{Do: plan.DoInsert, Value: "https://a/b.iso"}, func(_ *rack.Device, s *rack.System) {
			s.Media[0].Inserted, s.Media[0].Image = true, "https://a/other.iso"
		}, "! Slot 1 holds https://a/other.iso"},
		{"eject", plan.Verb{Do: plan.DoEject}, func(_ *rack.Device, s *rack.System) {
			s.Media[0].Inserted, s.Media[0].Image = true, "https://a/other.iso"
		}, "media none image= inserted=false"},
		{"eject, empty", plan.Verb{Do: plan.DoEject}, nil, ""},
		{"light", plan.Verb{Do: plan.DoLED, Value: "Lit"}, nil, "led none led=Lit"},
		{"light, cannot blink", plan.Verb{Do: plan.DoLED, Value: "Blinking"}, nil, "! can be Lit or Off, not Blinking"},
		{"light, none", plan.Verb{Do: plan.DoLED, Value: "Lit"}, func(d *rack.Device, _ *rack.System) { d.Locator = nil }, "! no locator light"},
		{"dump, none", plan.Verb{Do: plan.DoDump}, nil, "! offers no diagnostic data that this version can collect"},
		{"dump", plan.Verb{Do: plan.DoDump}, func(d *rack.Device, _ *rack.System) {
			d.Dumps = []rack.Dump{{Path: "/l/1", Target: "/l/1/collect", Type: "OEM", OEM: "Debug"}}
		}, "dump none "},
		{"dump, there already", plan.Verb{Do: plan.DoDump}, func(d *rack.Device, _ *rack.System) { d.Dumps = []rack.Dump{{Path: "/ahs"}} }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := plan.Say(oneNode, glanced(c.change), c.verb, []string{"n1"})
			if again := plan.Say(oneNode, glanced(c.change), c.verb, []string{"n1"}); again.Digest != p.Digest || p.Digest != p.ComputeDigest() {
				t.Errorf("digest %s, then %s", p.Digest, again.Digest)
			}
			if why, refused := strings.CutPrefix(c.want, "! "); refused {
				if len(p.Report.Blocked) != 1 || !strings.Contains(p.Report.Blocked[0].Detail, why) || !p.Empty() {
					t.Fatalf("blocked %+v, %d nodes; want %q and none", p.Report.Blocked, len(p.Nodes), why)
				}
				return
			}
			var got []string
			for _, n := range p.Nodes {
				for _, s := range n.Steps {
					var to []string
					for _, k := range []string{"power_state", "target", "image", "inserted", "led"} {
						if v, ok := s.Want[k]; ok {
							to = append(to, k+"="+text(v))
						}
					}
					got = append(got, string(s.Kind)+" "+s.Activation.String()+" "+strings.Join(to, " "))
				}
			}
			if g := strings.Join(got, "; "); g != c.want || len(p.Report.Blocked) > 0 {
				t.Errorf("planned %q, want %q; blocked %+v", g, c.want, p.Report.Blocked)
			}
		})
	}
}

func text(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case bool:
		return map[bool]string{true: "true", false: "false"}[x]
	}
	return "?"
}

// TestSayUnread: a node that was not read is told, and does not hold the verb's plan for others empty by itself.
func TestSayUnread(t *testing.T) {
	o := rack.Observation{Gaps: []rack.Gap{{Address: `node.x["n1"]`, Path: "/", Reason: "no answer"}}}
	p := plan.Say(oneNode, o, plan.Verb{Do: plan.DoOn}, []string{"n1"})
	if len(p.Report.Unreadable) != 1 || !strings.Contains(p.Report.Unreadable[0].Detail, "no answer") || !p.Empty() {
		t.Errorf("%+v", p.Report)
	}
	if a, b := plan.Say(oneNode, glanced(nil), plan.Verb{Do: plan.DoReset}, []string{"n1"}),
		plan.Say(oneNode, glanced(nil), plan.Verb{Do: plan.DoReset, Manner: step.Force}, []string{"n1"}); a.Digest == b.Digest {
		t.Error("two verbs have one digest")
	}
}
