package plan

import (
	"slices"

	"github.com/metalwright/metalwright/internal/step"
)

// holds says what a run holds while it changes this node (engine.md, Locks). Hosts of one rack are on one budget of power, so
// one run at a time takes hosts of a rack down or up; runs that take none down share the rack. Nodes behind one BMC have
// one queue of changes, so that one run at a time changes any of them.
func (n *nodeBuild) holds() []Hold {
	var out []Hold
	for _, r := range n.d.Racks {
		if r.Address == n.node.Rack && r.Name != "" {
			out = append(out, Hold{Name: "rack/" + r.Name, Shared: !slices.ContainsFunc(n.steps, movesPower)})
		}
	}
	for _, d := range n.o.Devices {
		if d.Endpoint != "" && d.Endpoint == n.dev.Endpoint && d.Node != n.dev.Node {
			return append(out, Hold{Name: "chassis/" + d.Endpoint})
		}
	}
	return out
}

// movesPower tells whether a step turns a host off or on.
func movesPower(s step.Step) bool {
	return s.Kind == step.Power || s.Kind == step.Reset && s.Activation.Host()
}
