package inventory

import (
	"context"
	hexdigits "encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// octets is how DSP0268 writes a port id: hexadecimal octets with colons. A text such as "swp1" is 73:77:70:31 then; some BMCs give it
// as it is.
var octets = regexp.MustCompile(`^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){0,63}$`)

// neighbourOf reads what a Port received by LLDP (Ethernet.LLDPReceive); nil when it tells none.
func neighbourOf(o redfish.Object) *rack.Neighbour {
	at := func(name string) string { return strings.TrimSpace(o.Str("Ethernet", "LLDPReceive", name)) }
	n := rack.Neighbour{System: at("SystemName"), Chassis: strings.ToLower(at("ChassisId")), Port: at("PortId")}
	if sub := at("PortIdSubtype"); octets.MatchString(n.Port) && !strings.EqualFold(sub, "MacAddr") {
		n.Port = readable(n.Port)
	}
	if n.Chassis != "" && octets.MatchString(n.Chassis) && !strings.EqualFold(at("ChassisIdSubtype"), "MacAddr") && len(n.Chassis) != 17 {
		n.Chassis = readable(n.Chassis)
	}
	if n.System == "" && n.Chassis == "" || n.Port == "" {
		return nil
	}
	return &n
}

// readable is the text that octets spell; octets that spell none stay as they are.
func readable(s string) string {
	b, err := hexdigits.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || slices.ContainsFunc(b, func(c byte) bool { return c < ' ' || c > '~' }) {
		return s
	}
	return string(b)
}

// withNeighbour adds to ports read from one Port what it tells of its neighbour.
func (r *reader) withNeighbour(p *redfish.Resource, nics []rack.NIC) []rack.NIC {
	if !r.wants(rack.FacetNeighbours) {
		return nics
	}
	n := neighbourOf(p.Obj)
	for i := range nics {
		nics[i].Path, nics[i].Neighbour = p.URI, n
	}
	return nics
}

// readSwitchConnections reads Dell's own view: one row a port, with the chassis id and the port of the switch. The row of the iDRAC
// itself tells where its management cable ends.
func (r *reader) readSwitchConnections(ctx context.Context, manager *redfish.Resource) {
	if !r.wants(rack.FacetNeighbours) {
		return
	}
	for _, c := range r.take(ctx, manager.Obj.Link("Links", "Oem", "Dell", "DellSwitchConnectionCollection")) {
		n := rack.Neighbour{Chassis: strings.ToLower(c.Obj.Str("SwitchConnectionID")), Port: c.Obj.Str("SwitchPortConnectionID")}
		id := first(c.Obj.Str("FQDD"), idOf(c))
		switch {
		case !strings.Contains(n.Chassis, ":"): // "No Link", "Not Available" …
			r.switchSeen = append(r.switchSeen, rack.NIC{ID: id, Link: "Unknown", Path: c.URI})
		case strings.HasPrefix(id, "iDRAC"):
			r.dev.BMC.Neighbour = &n
		default:
			r.switchSeen = append(r.switchSeen, rack.NIC{ID: id, Link: "Unknown", Path: c.URI, Neighbour: &n})
		}
	}
}

// placeNeighbours gives the host what Dell tells of its ports: to the port whose id begins the same, else as a port of its own.
func (r *reader) placeNeighbours() {
	if r.host == nil {
		return
	}
	for _, seen := range r.switchSeen {
		i := slices.IndexFunc(r.host.nics, func(n rack.NIC) bool { return samePort(n.ID, seen.ID) })
		if i < 0 {
			if seen.Neighbour != nil {
				r.host.nics = append(r.host.nics, seen)
			}
			continue
		}
		r.host.nics[i].Path, r.host.nics[i].Neighbour = seen.Path, seen.Neighbour
	}
}

// samePort compares Dell's ids of one port: NIC.Slot.3-1 of the adapter's port and NIC.Slot.3-1-1 of its first partition.
func samePort(a, b string) bool {
	return a == b || strings.HasPrefix(b, a+"-") || strings.HasPrefix(a, b+"-")
}
