package plan

import (
	"slices"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// holds says what a run holds while it changes this node (engine.md, Locks). Hosts of one rack are on one budget of power, so
// one run at a time takes hosts of a rack down or up; runs that take none down share the rack. Nodes behind one BMC have
// one queue of changes, so that one run at a time changes any of them.
func holds(d rack.Design, o rack.Observation, node rack.Node, dev rack.Device, steps []step.Step) []Hold {
	var out []Hold
	for _, r := range d.Racks {
		if r.Address == node.Rack && r.Name != "" {
			out = append(out, Hold{Name: "rack/" + r.Name, Shared: !slices.ContainsFunc(steps, movesPower)})
		}
	}
	for _, s := range d.ShelvesOf(node) { // in another rack: who switches there shares the budget too
		for _, r := range d.Racks {
			if r.Address == s.Rack && r.Address != node.Rack && r.Name != "" &&
				!slices.ContainsFunc(out, func(h Hold) bool { return h.Name == "rack/"+r.Name }) {
				out = append(out, Hold{Name: "rack/" + r.Name, Shared: !slices.ContainsFunc(steps, movesPower)})
			}
		}
	}
	for _, other := range o.Devices {
		if other.Endpoint != "" && other.Endpoint == dev.Endpoint && other.Node != dev.Node {
			return append(out, Hold{Name: "chassis/" + other.Endpoint})
		}
	}
	return out
}

// movesPower tells whether a step turns a host off or on.
func movesPower(s step.Step) bool {
	return s.Kind == step.Power || s.Kind == step.Reset && s.Activation.Host()
}
