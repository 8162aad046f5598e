package sim

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/metalwright/metalwright/internal/rack"
)

// The faults of cables. They are not a BMC's: a cable has two nodes' worth of consequences, so the rack keeps them.
const (
	faultSwap = "cable-swap"
	faultPull = "cable-missing"
)

// farEnd is what a port sees: a switch and its port; a zero one is a port without a cable.
type farEnd struct{ name, chassis, port string }

// cabling is what ends where in the simulated room: as the fabrics of the Design say, until somebody moves a cable.
type cabling struct {
	mu      sync.Mutex
	planned map[string][]farEnd // by node, by the place of the rail
	now     map[string][]farEnd
	oob     map[string]farEnd            // where a BMC's own cable ends
	ports   map[string][]string          // what a node calls the ports of its rails, in the order of planned
	trunks  map[string]map[string]farEnd // between switches: what each sees on which port
}

// newCabling lays the Ethernet fabrics of d: there is no LLDP on InfiniBand.
func newCabling(d rack.Design) *cabling {
	c := &cabling{planned: map[string][]farEnd{}, oob: map[string]farEnd{}, ports: map[string][]string{}, trunks: map[string]map[string]farEnd{}}
	for _, f := range d.Fabrics {
		for _, l := range f.Links {
			sw, _ := f.Switch(l.B.Device)
			end := farEnd{name: l.B.Device, chassis: sw.ChassisID, port: l.B.Port}
			if end.chassis == "" {
				end.chassis = chassisMAC(end.name)
			}
			switch {
			case l.A.Kind == "bmc":
				c.oob[l.A.Device] = end
			case l.A.Kind == "node" && f.Protocol == "Ethernet":
				c.planned[l.A.Device] = append(c.planned[l.A.Device], end)
				c.ports[l.A.Device] = append(c.ports[l.A.Device], l.A.Port)
			case l.A.Kind == "switch" && l.B.Kind == "switch" && l.Network != "management":
				c.trunk(f, l.A, l.B)
				c.trunk(f, l.B, l.A)
			}
		}
	}
	c.now = map[string][]farEnd{}
	for n := range c.planned {
		c.now[n] = slices.Clone(c.planned[n])
	}
	return c
}

// trunk notes what a switch sees at the other end of a cable to another one.
func (c *cabling) trunk(f rack.Fabric, here, there rack.End) {
	if c.trunks[here.Device] == nil {
		c.trunks[here.Device] = map[string]farEnd{}
	}
	end := farEnd{name: there.Device, chassis: chassisMAC(there.Device), port: there.Port}
	if sw, ok := f.Switch(there.Device); ok && sw.ChassisID != "" {
		end.chassis = sw.ChassisID
	}
	c.trunks[here.Device][here.Port] = end
}

// at is what a switch sees on each of its ports, cables that somebody moved included.
func (c *cabling) at(name string) map[string]farEnd {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]farEnd{}
	for port, e := range c.trunks[name] {
		out[port] = e
	}
	for node, ends := range c.now {
		for i, e := range ends {
			if e.name == name {
				out[e.port] = farEnd{name: node, chassis: chassisMAC(node), port: c.ports[node][i]}
			}
		}
	}
	return out
}

// chassisMAC is a locally administered address that follows from the switch's name alone.
func chassisMAC(name string) string {
	sum := sha256.Sum256([]byte("chassis/" + name))
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

// seen is what port i of the node's rails sees; ok is false where no fabric has the port.
func (c *cabling) seen(node string, i int) (farEnd, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < 0 || i >= len(c.now[node]) {
		return farEnd{}, false
	}
	return c.now[node][i], true
}

// Cable moves the cable of a node's first rail: "swap" exchanges it with that of the next node on the same switch, "pull" takes it
// out, "fix" brings every cable of the node, and what was exchanged with it, to where the design has it.
func (r *Rack) Cable(node, what string) error {
	c := r.cables
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.planned[node]) == 0 {
		return fmt.Errorf("node %s has no cable of an Ethernet fabric", node)
	}
	switch what {
	case "swap":
		other := c.partner(node)
		if other == "" {
			return fmt.Errorf("no other node is on the switch of node %s", node)
		}
		c.now[node][0], c.now[other][0] = c.now[other][0], c.now[node][0]
	case "pull":
		c.now[node][0] = farEnd{}
	case "fix":
		for other := range c.now {
			if other != node && slices.ContainsFunc(c.now[other], func(e farEnd) bool { return slices.Contains(c.planned[node], e) }) {
				c.now[other] = slices.Clone(c.planned[other])
			}
		}
		c.now[node] = slices.Clone(c.planned[node])
	default:
		return fmt.Errorf("%q is nothing to do with a cable: swap, pull or fix", what)
	}
	return nil
}

// partner is the next node, by name and around, whose first rail is on the same switch.
func (c *cabling) partner(node string) string {
	var names []string
	for n := range c.planned {
		if c.planned[n][0].name == c.planned[node][0].name {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	if len(names) < 2 {
		return ""
	}
	return names[(slices.Index(names, node)+1)%len(names)]
}

// wireFaults plays the faults of cables that were asked for: on the node named, else on the first that has a fabric.
func (r *Rack) wireFaults(picks []faultPick) error {
	for _, p := range picks {
		what := map[string]string{faultSwap: "swap", faultPull: "pull"}[p.id]
		if what == "" {
			continue
		}
		node := p.node
		if node == "" {
			for _, n := range slices.Sorted(mapKeys(r.cables.planned)) {
				node = n
				break
			}
		}
		if node == "" {
			return fmt.Errorf("fault %s: no node has a cable of an Ethernet fabric", p.id)
		}
		if err := r.Cable(node, what); err != nil {
			return fmt.Errorf("fault %s: %w", p.id, err)
		}
	}
	return nil
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// railPort is the place of a port among the ports that rails are on; -1 = none of them. Rails are on the adapters that the catalog
// calls rail, else on the first with two ports or more, else on the first.
func (b *BMC) railPort(adapter, port int) int {
	nics := b.nics()
	pick := func(ok func(rack.PartFacts) bool) string {
		for _, n := range nics {
			if ok(n) {
				return n.Name
			}
		}
		return ""
	}
	name := pick(func(n rack.PartFacts) bool { return n.Name == "rail" })
	if name == "" {
		name = pick(func(n rack.PartFacts) bool { return n.Ports > 1 })
	}
	if name == "" {
		name = nics[0].Name
	}
	at := 0
	for i, n := range nics {
		if n.Name != name {
			continue
		}
		if i == adapter {
			return at + port
		}
		at += max(n.Ports, 1)
	}
	return -1
}

// wired adds to a port what LLDP received on it, as far as the schema version of the dialect can say it: names since Port 1.8.
func (b *BMC) wired(o obj, adapter, port int) {
	end, planned := b.rack.cables.seen(b.name, b.railPort(adapter, port))
	if !planned {
		return
	}
	old := b.dia.has("NetworkPort")
	if end.name == "" {
		o["LinkStatus"] = "LinkDown"
		if old {
			o["LinkStatus"] = "Down"
		}
		return
	}
	if old {
		return // Dell tells neighbours in a collection of its own
	}
	eth, ok := o["Ethernet"].(obj)
	if !ok {
		eth = obj{}
		o["Ethernet"] = eth
	}
	eth["LLDPEnabled"] = true
	eth["LLDPReceive"] = obj{"ChassisId": end.chassis, "ChassisIdSubtype": "MacAddr", "PortId": asOctets(end.port), "PortIdSubtype": "IfName"}
}

// asOctets writes a text as DSP0268 wants a port id: hexadecimal octets with colons.
func asOctets(s string) string {
	var out []string
	for _, c := range []byte(s) {
		out = append(out, fmt.Sprintf("%02X", c))
	}
	return strings.Join(out, ":")
}

// switchConnections is Dell's view of the switches behind its ports, and behind the iDRAC.
func switchConnections(b *BMC, m map[string]*route) {
	if b.dia.name != dialectIDRAC {
		return
	}
	base := b.dia.sys() + "/NetworkPorts/Oem/Dell/DellSwitchConnections"
	row := func(id string, end func() (farEnd, bool)) string {
		uri := base + "/" + id
		add(b, m, uri, &route{get: func(*call) obj {
			e, ok := end()
			chassis, port := e.chassis, e.port
			if !ok || e.name == "" {
				chassis, port = "No Link", "No Link"
			}
			return obj{"@odata.type": "#DellSwitchConnection.v1_1_0.DellSwitchConnection", "Id": id, "Name": "DellSwitchConnection",
				"FQDD": id, "InstanceID": id, "StaleData": "NotStale", "SwitchConnectionID": chassis, "SwitchPortConnectionID": port}
		}})
		return uri
	}
	ids := []string{row("iDRAC.Embedded.1", func() (farEnd, bool) {
		e, ok := b.rack.cables.oob[b.name]
		return e, ok
	})}
	for i, n := range b.nics() {
		for p := range max(n.Ports, 1) {
			ids = append(ids, row(fmt.Sprintf("%s-%d-1", b.adapterID(i), p+1), func() (farEnd, bool) {
				return b.rack.cables.seen(b.name, b.railPort(i, p))
			}))
		}
	}
	add(b, m, base, &route{get: func(*call) obj {
		return collection("DellSwitchConnectionCollection.DellSwitchConnectionCollection", "DellSwitchConnectionCollection", ids)
	}})
}
