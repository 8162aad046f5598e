package drivertest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// settingsOf reads what a controller is set to.
func settingsOf(t *testing.T, r *sim.Rack) *rack.Settings {
	t.Helper()
	d := driver(t, r, nil)
	dev, gaps, err := d.Survey(t.Context(), inventory.Options{Facets: []rack.Facet{rack.FacetSettings}})
	if err != nil || len(gaps) > 0 || dev.BMC.Settings == nil {
		t.Fatalf("survey: %v, gaps %v", err, gaps)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dev.BMC.Settings
}

// managerCase changes every word of the vocabulary that a controller offers, in one step.
func managerCase(t *testing.T, name string, seed uint64, host rack.System, b *sim.BMC) drivertest.Case {
	t.Helper()
	seen := settingsOf(t, newRack(t, name, seed))
	s := step.Step{Kind: step.Manager, Expect: step.Facts{}, Want: step.Facts{},
		Args: step.Args{System: host.Path, Places: map[string]rack.SettingPlace{}}}
	reset := step.None
	for word, is := range seen.Words {
		if word == "lockdown" || word == "locate" || is.Fixed { // a step of its own; a light of its own in the simulator
			continue
		}
		var want any
		switch w, _ := rack.SettingWordOf(word); w.Type {
		case rack.SettingBool:
			want = is.Value != true
		case rack.SettingServers:
			want = []any{"192.0.2.9"}
		case rack.SettingWhole:
			want = int64(1200)
		default:
			want = "A01"
		}
		s.Expect[word], s.Want[word], s.Args.Places[word] = is.Value, want, is.Place
		if is.Place.Reset {
			reset = step.BMCReset
		}
	}
	tag := seen.Words["asset_tag"].Place
	return drivertest.Case{Name: "manager", Reset: reset, Step: s,
		Drift: func() error {
			body := map[string]any{}
			tag.Write(body, "somebody else's")
			return b.Poke(sim.Poke{Settings: map[string]map[string]any{tag.Path: body}})
		},
		Real: func() bool {
			truth := b.Truth().Settings
			for word, p := range s.Args.Places {
				body := map[string]any{}
				p.Write(body, s.Want[word])
				for _, slot := range p.Slots {
					if got := truth[p.Path+"#/"+strings.Join(slot, "/")]; fmt.Sprint(got) != fmt.Sprint(leaf(body, slot)) {
						return false
					}
				}
			}
			return true
		}}
}

func leaf(v any, pointer []string) any {
	for _, k := range pointer {
		switch x := v.(type) {
		case map[string]any:
			v = x[k]
		case []any:
			v = x[0]
		}
	}
	return v
}

// TestSettingsOffered holds how much of the vocabulary each simulated vendor offers, so that a mapping that is lost shows.
func TestSettingsOffered(t *testing.T) {
	for name, want := range map[string][]string{
		"idrac": {"ntp", "dns", "dns_from_dhcp", "syslog", "snmp", "ipmi_over_lan", "ssh", "telnet", "http", "web", "kvm", "vnc", "lockdown",
			"banner", "max_sessions", "web_timeout_s", "location_rack", "location_u", "power_limit_w", "psu_redundancy", "psu_hot_spare", "session_timeout_s"},
		"ilo":        {"ntp", "dns", "syslog", "syslog_enabled", "ipmi_over_lan", "web", "banner", "banner_enabled", "host_interface"},
		"supermicro": {"ntp", "dns", "syslog", "lockdown", "locate", "host_interface", "ipmi_over_lan"},
		"xcc":        {"ntp", "dns", "ipmi_over_lan", "web", "location_rack", "location_u", "power_limit_w", "power_limit_enabled", "psu_redundancy"},
		"ami":        {"ntp", "dns", "ipmi_over_lan", "snmp", "power_limit_w", "asset_tag"},
		"openbmc":    {"ntp", "dns", "syslog", "syslog_enabled", "ipmi_over_lan", "ssh", "locate"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := settingsOf(t, newRack(t, name, 7))
			for _, w := range want {
				if _, ok := seen.Words[w]; !ok {
					t.Errorf("%s is not offered", w)
				}
			}
			for _, w := range map[string][]string{"openbmc": {"snmp", "lockdown", "banner", "psu_redundancy"}, "xcc": {"snmp", "syslog", "lockdown", "psu_hot_spare"}, "ilo": {"psu_redundancy", "psu_hot_spare"},
				"supermicro": {"power_limit_w", "banner", "location_rack"}, "ami": {"lockdown", "syslog"}}[name] {
				if _, ok := seen.Words[w]; ok {
					t.Errorf("%s is offered; no recorded tree of this vendor has a place for it", w)
				}
			}
		})
	}
}
