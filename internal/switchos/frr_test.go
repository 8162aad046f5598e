package switchos_test

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/switchos"
)

// TestFRR: what FRR is told follows from the rendered configuration: a neighbour for every cable between switches, an address for every
// rail, and nothing for a management switch.
func TestFRR(t *testing.T) {
	configs, _ := switchos.Render(shipped(t, "fabric-1rack"))
	for _, c := range configs {
		text, err := switchos.FRR(c)
		if err != nil {
			t.Fatalf("%s: %v", c.Switch, err)
		}
		if c.Switch == "oob" {
			if text != "" {
				t.Errorf("a management switch routes:\n%s", text)
			}
			continue
		}
		neighbours, addresses := strings.Count(text, " interface remote-as external\n"), strings.Count(text, " ip address ")
		want := map[string]int{"leaf1": 5, "leaf2": 5, "spine1": 1, "spine2": 1}[c.Switch] // loopback and, of a leaf, its four rails
		if neighbours != 16 || addresses != want {
			t.Errorf("%s has %d neighbours and %d addresses, want 16 and %d:\n%s", c.Switch, neighbours, addresses, want, text)
		}
		for _, line := range []string{" bgp bestpath as-path multipath-relax\n", "  redistribute connected\n", "  maximum-paths 128\n", "hostname " + c.Switch + "\n"} {
			if !strings.Contains(text, line) {
				t.Errorf("%s lacks %q:\n%s", c.Switch, line, text)
			}
		}
	}
	if _, err := switchos.FRR(switchos.Config{OS: "sonic", Body: []byte(`{"BGP_GLOBALS":{"default":{"local_asn":"65000"}}}`)}); err == nil {
		t.Error("BGP without a neighbour is no error")
	}
}
