package plan

import (
	"fmt"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// A run that takes hosts of a rack down has the rack to itself; one that does not shares it; nodes behind one BMC are held
// together.
func TestHolds(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(l *lab, n *rack.Node, dev *rack.Device)
		want string
	}{
		"a host reset":     {func(_ *lab, n *rack.Node, _ *rack.Device) { wantBIOS(n, "Quiet", false) }, "[{rack/a01 false}]"},
		"power":            {func(_ *lab, n *rack.Node, _ *rack.Device) { n.Power = "Off" }, "[{rack/a01 false}]"},
		"a BMC reset only": {func(_ *lab, n *rack.Node, dev *rack.Device) { wantFirmware(n); setVersion(dev, "BMC", "1.0") }, "[{rack/a01 true}]"},
		"two hosts behind one BMC": {func(l *lab, n *rack.Node, dev *rack.Device) {
			n.Power, dev.Endpoint = "Off", "https://10.0.0.1"
			l.o.Devices = append(l.o.Devices, rack.Device{Node: "other", Endpoint: "https://10.0.0.1"})
		}, "[{rack/a01 false} {chassis/https://10.0.0.1 false}]"},
	} {
		l, n, dev := one("r750")
		l.d.Racks = []rack.Rack{{Address: n.Rack, Name: "a01"}}
		if n.Rack == "" {
			n.Rack = "rack.a01"
			l.d.Racks[0].Address = n.Rack
		}
		c.set(l, n, dev)
		p, _ := l.build()
		if len(p.Nodes) != 1 {
			t.Errorf("%s: %d nodes planned", name, len(p.Nodes))
			continue
		}
		if got := fmt.Sprint(p.Nodes[0].Holds); got != c.want {
			t.Errorf("%s: holds %s, want %s", name, got, c.want)
		}
	}
}
