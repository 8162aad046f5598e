package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readEthernet reads the host's own view of its ports.
func (r *reader) readEthernet(ctx context.Context, s *system) {
	for _, e := range r.take(ctx, s.res.Obj.Link("EthernetInterfaces")) {
		if e.Obj.Has("VLAN") && e.Obj.Link("Links", "RelatedInterfaces") != "" || absent(e.Obj) {
			continue
		}
		m := mac(first(e.Obj.Str("PermanentMACAddress"), e.Obj.Str("MACAddress")))
		if m == "" {
			continue
		}
		mbps, _ := e.Obj.Float("SpeedMbps")
		s.addNIC(rack.NIC{ID: idOf(e), MAC: m, Link: linkWord(e.Obj.Str("LinkStatus")), SpeedBps: bits(mbps * 1e6)})
	}
}

// addNIC adds a port; one whose MAC is known only completes it.
func (s *system) addNIC(n rack.NIC) {
	i := slices.IndexFunc(s.nics, func(x rack.NIC) bool { return x.MAC == n.MAC })
	if i < 0 {
		s.nics = append(s.nics, n)
		return
	}
	if s.nics[i].Link == "Unknown" {
		s.nics[i].Link = n.Link
	}
	if s.nics[i].SpeedBps == 0 {
		s.nics[i].SpeedBps = n.SpeedBps
	}
	if n.Path != "" {
		s.nics[i].Path, s.nics[i].Neighbour = n.Path, n.Neighbour
		if n.Link != "Unknown" { // the port knows better than the host's interface on it
			s.nics[i].Link = n.Link
		}
	}
}

// bits bounds a speed to what a port can have; what is beyond is not told.
func bits(bps float64) int64 {
	if bps < 0 || bps > 1e14 {
		return 0
	}
	return int64(bps)
}

// linkWord maps the several words for the state of a link.
func linkWord(s string) string {
	switch strings.ToLower(s) {
	case "linkup", "up", "starting", "training":
		return "LinkUp"
	case "linkdown", "down":
		return "LinkDown"
	case "nolink":
		return "NoLink"
	}
	return "Unknown"
}

// adapterPorts reads the ports of the network adapters of one chassis. Ports tell MAC, link and speed; where they tell no
// MAC, the device functions do.
func (r *reader) adapterPorts(ctx context.Context, c *redfish.Resource) []rack.NIC {
	list := c.Obj.Link("NetworkAdapters")
	r.dive(ctx, list, 3)
	adapters := r.members(ctx, list)
	found := make([][]rack.NIC, len(adapters))
	each(adapters, func(i int, a *redfish.Resource) {
		if absent(a.Obj) {
			return
		}
		ports := r.take(ctx, first(a.Obj.Link("Ports"), a.Obj.Link("NetworkPorts")))
		for _, p := range ports {
			found[i] = append(found[i], r.withNeighbour(p, portNICs(p))...)
		}
		if told := addresses(found[i]); told > 0 && told >= portCount(a.Obj) {
			return
		}
		for _, f := range r.take(ctx, a.Obj.Link("NetworkDeviceFunctions")) {
			m := mac(first(f.Obj.Str("Ethernet", "PermanentMACAddress"), f.Obj.Str("Ethernet", "MACAddress")))
			same := func(n rack.NIC) bool { return n.MAC == m }
			if m != "" && !absent(f.Obj) && !slices.ContainsFunc(found[i], same) {
				found[i] = append(found[i], rack.NIC{ID: idOf(f), MAC: m, Link: "Unknown"})
			}
		}
	})
	return slices.Concat(found...)
}

// portCount is how many ports an adapter says it has: more than its collection lists, on an InfiniBand card in a Dell.
func portCount(adapter redfish.Object) int {
	var n int64
	for _, c := range adapter.Objs("Controllers") {
		p, _ := c.Int("ControllerCapabilities", "NetworkPortCount")
		n += max(p, int64(len(c.Links("Links", "NetworkPorts"))), int64(len(c.Links("Links", "Ports"))), functions(c))
	}
	return int(min(n, 64))
}

// functions counts the device functions of a controller; a card split into partitions has more than ports.
func functions(c redfish.Object) int64 { return int64(len(c.Links("Links", "NetworkDeviceFunctions"))) }

func addresses(nics []rack.NIC) int {
	n := 0
	for _, x := range nics {
		if x.MAC != "" {
			n++
		}
	}
	return n
}

// portNICs reads a Port or NetworkPort. One that tells no MAC is given without.
func portNICs(p *redfish.Resource) []rack.NIC {
	gbps, ok := p.Obj.Float("CurrentSpeedGbps")
	if !ok {
		mbps, _ := p.Obj.Float("CurrentLinkSpeedMbps")
		gbps = mbps / 1e3
	}
	macs := p.Obj.Strs("Ethernet", "AssociatedMACAddresses")
	macs = append(macs, p.Obj.Strs("AssociatedNetworkAddresses")...)
	var out []rack.NIC
	for _, s := range macs {
		if m := mac(s); m != "" && !slices.ContainsFunc(out, func(n rack.NIC) bool { return n.MAC == m }) {
			out = append(out, rack.NIC{ID: idOf(p), MAC: m, Link: linkWord(p.Obj.Str("LinkStatus")), SpeedBps: bits(gbps * 1e9)})
		}
	}
	if len(out) == 0 && !absent(p.Obj) {
		out = append(out, rack.NIC{ID: idOf(p), Link: linkWord(p.Obj.Str("LinkStatus")), SpeedBps: bits(gbps * 1e9)})
	}
	return out
}

// placeNICs gives the ports of a chassis's adapters to the system in that chassis.
func (r *reader) placeNICs(c *redfish.Resource, nics []rack.NIC) {
	home := r.host
	for _, l := range c.Obj.Links("Links", "ComputerSystems") {
		for _, s := range r.systems {
			if redfish.Key(l) == redfish.Key(s.res.URI) && (s.out.Host || home == nil) {
				home = s
			}
		}
	}
	if home == nil {
		return
	}
	for _, n := range nics {
		if n.MAC != "" {
			home.addNIC(n)
		} else {
			home.bare = append(home.bare, n)
		}
	}
}
