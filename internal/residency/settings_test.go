package residency

import (
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// TestServersOfABMCAreOnTheClosedList: a time or log server elsewhere is an export of data.
func TestServersOfABMCAreOnTheClosedList(t *testing.T) {
	s := rack.Site{Address: "site.a", Name: "a", Endpoints: map[string][]string{"ntp": {"10.0.0.2"}},
		Networks: []rack.Network{{Name: "m", CIDR: "10.1.0.0/16"}}}
	n := rack.Node{Address: "node.n", BMC: rack.BMCSpec{Manager: &rack.ManagerSpec{Settings: map[string]rack.SettingValue{
		"ntp": {Value: []any{"10.0.0.2", "time.example.com"}}, "syslog": {Value: []any{"10.1.2.3"}}, "ssh": {Value: false}}},
		Events: &rack.EventSpec{Destinations: []string{"https://10.1.2.4:8443/x", "https://collector.example.com/x"}}}}
	c := &checker{}
	c.settings(n, s, Profile{})
	got := map[string]Status{}
	for _, f := range c.found {
		got[f.Observed] = f.Status
	}
	for to, want := range map[string]Status{"10.0.0.2": Met, "10.1.2.3": Met, "time.example.com": NotMet,
		"https://10.1.2.4:8443/x": Met, "https://collector.example.com/x": NotMet} {
		if got[to] != want {
			t.Errorf("%s: %v, want %v", to, got[to], want)
		}
	}
}
