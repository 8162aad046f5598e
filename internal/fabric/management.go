package fabric

import (
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/rack"
)

// management gives every endpoint of the fabric a port of its management switches: one in its own frame before one elsewhere.
func (b *builder) management() {
	if len(b.f.Management) == 0 {
		if b.hw.Fabric.Shape == "management" {
			b.problem("fabric.design", "management", "No management switches", fmt.Sprintf(
				"hw.%s is a management network: name its switches with management = switch.NAME.", b.f.Design))
		}
		return
	}
	switches := b.switches(b.f.Management)
	free := make([]int, len(switches))
	for i := range switches {
		switches[i].Role = "management"
		n, ok := b.d.Hardware[switches[i].Hardware].Facts["ports.management"]
		if !ok {
			b.warn("fabric.management_ports", "management", "Not checked", fmt.Sprintf(
				"How many ports hw.%s has is unknown, so no management cable is planned.", switches[i].Hardware))
			return
		}
		free[i] = int(n.Value)
	}
	all := b.endpoints()
	total := 0
	for _, n := range free {
		total += n
	}
	if len(all) > total {
		b.problem("fabric.management_ports", "management", "Too few management ports", fmt.Sprintf(
			"%d endpoints need a management port; %d switches have %d.", len(all), len(switches), total))
		return
	}
	used := make([]int, len(switches))
	for i, e := range all {
		at := pick(switches, free, used, e.Rack)
		used[at]++
		b.add(rack.Link{Label: fmt.Sprintf("%sM%04d", b.prefix, i+1), Network: "management", Colour: managementColour, Speed: "1G", Media: "cat6",
			A: e, B: rack.End{Device: switches[at].Name, Kind: "switch", Rack: switches[at].Rack, PositionU: switches[at].PositionU,
				Port: fmt.Sprintf("swp%d", used[at]), Number: used[at]}})
	}
	b.f.Switches = append(b.f.Switches, switches...)
}

// pick chooses the switch with the most free ports, of the same frame when one has any.
func pick(switches []rack.FabricSwitch, free, used []int, at rack.Address) int {
	best, near := -1, false
	for i, s := range switches {
		if used[i] >= free[i] {
			continue
		}
		here := at != "" && s.Rack == at
		if best < 0 || here && !near || here == near && free[i]-used[i] > free[best]-used[best] {
			best, near = i, here
		}
	}
	return best
}

// endpoints lists what needs a management port: BMCs and DPUs of the attached nodes, the fabric's own switches, and what a frame
// of racks as a product holds besides.
func (b *builder) endpoints() []rack.End {
	var out []rack.End
	nodes := b.attached()
	for _, n := range nodes {
		out = append(out, rack.End{Device: n.Name, Kind: "bmc", Rack: n.Rack, PositionU: n.PositionU, Port: "bmc"})
	}
	for _, n := range nodes {
		for _, nic := range b.d.Hardware[n.Hardware].NICs {
			for i := range nic.Count {
				if nic.Name == "dpu" {
					out = append(out, rack.End{Device: n.Name, Kind: "dpu", Rack: n.Rack, PositionU: n.PositionU, Port: fmt.Sprintf("dpu%d", i+1)})
				}
			}
		}
	}
	for _, s := range b.f.Switches {
		out = append(out, rack.End{Device: s.Name, Kind: "switch", Rack: s.Rack, PositionU: s.PositionU, Port: "eth0"})
	}
	return append(out, b.parts(nodes)...)
}

func (b *builder) attached() []rack.Node {
	var out []rack.Node
	for _, a := range b.f.Attach {
		if n, ok := b.d.Node(string(a)); ok {
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(x, y rack.Node) int { return natural(x.Name, y.Name) })
	return out
}

// parts are the power shelves and NVLink switch trays that the frames of the nodes come with.
func (b *builder) parts(nodes []rack.Node) []rack.End {
	var frames []rack.Address
	for _, n := range nodes {
		if !slices.Contains(frames, n.Rack) {
			frames = append(frames, n.Rack)
		}
	}
	slices.SortFunc(frames, func(x, y rack.Address) int { return natural(string(x), string(y)) })
	var out []rack.End
	for _, a := range frames {
		r, _, ok := b.frame(a)
		if !ok {
			continue
		}
		for _, part := range []struct{ fact, kind, port string }{
			{"holds.nvlink_switch_tray.count", "nvswitch", "bmc"}, {"holds.power_shelf.count", "shelf", "bmc"},
		} {
			for i := range int(b.d.Hardware[r.Model].Facts[part.fact].Value) {
				out = append(out, rack.End{Device: fmt.Sprintf("%s-%s%d", r.Name, part.kind, i+1), Kind: part.kind, Rack: a, Port: part.port})
			}
		}
	}
	return out
}
