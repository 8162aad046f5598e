package apply

import (
	"fmt"

	"github.com/metalwright/metalwright/internal/step"
)

// secondWay is a driver that may reach a BMC which does not answer Redfish (ADR 0018).
type secondWay interface {
	// SecondWay tells whether it may.
	SecondWay() bool
}

// revive takes the one rung of the ladder that a silent BMC can be asked for, by its second way: its reset. As any rung it is taken
// once a node and run, and not while an image of this run is sent and not known to be real. True: the BMC came back.
func (n *node) revive(s step.Step, cause error) (bool, error) {
	d, ok := n.drv.(secondWay)
	if !ok || !d.SecondWay() {
		return false, nil
	}
	for _, r := range n.rungs {
		if r.Kind != step.Reset || r.Activation != step.BMCReset || n.used[r.ID] || r.ID == s.ID || !n.mayTake(r) {
			continue
		}
		n.used[r.ID] = true
		return n.rung(r, fmt.Sprintf("step %s: no answer: %s", s.ID, cause))
	}
	return false, nil
}
