package apply

import (
	"strings"

	"github.com/metalwright/metalwright/internal/step"
)

// fakeRungs are what may free a wedged device of the rack in memory.
var fakeRungs = []string{string(step.ClearJobs), step.BMCReset.String(), step.HostPowerCycle.String(), step.AuxCycle.String()}

// ladder is what the rack in memory knows of the recovery of one node.
type ladder struct {
	cured   bool
	cleared bool
	taken   map[step.ID]int
}

func isRung(s step.Step) bool { return strings.Contains(string(s.ID), "/recover-") }

// wedged refuses a step until the rung was taken that it needs.
func (n *fakeNode) wedged(s step.Step) error {
	if s.Kind == n.fault.wedgeAt && n.fault.wedge != "" && !n.cured {
		return transient("503: the BMC takes no settings")
	}
	return nil
}

// lost tells whether no rung that is allowed helps: images are staged, or the host would have to go down, and the plan never
// resets it.
func (n *fakeNode) lost() bool {
	if n.fault.wedgeAt == step.Volume {
		return true
	}
	return n.fault.asleep && (n.fault.wedge == step.HostPowerCycle.String() || n.fault.wedge == step.AuxCycle.String())
}

func (n *fakeNode) standingJobs() step.State {
	if n.fault.wedge == "" || n.cleared {
		return step.State{Standing: step.Done}
	}
	return step.State{Standing: step.Ready, Note: "dead jobs"}
}

// rung is one rung, taken.
func (n *fakeNode) rung(s step.Step) {
	n.taken[s.ID]++
	name := string(s.Kind)
	if s.Kind == step.Reset {
		name = s.Activation.String()
	} else {
		n.cleared = true
	}
	if len(n.staged) > 0 {
		n.w.violate("%s: %s over a flash that is not real yet: %v", n.name, s.ID, n.staged)
	}
	if n.fault.asleep && s.Activation.Host() {
		n.w.violate("%s: %s, and the plan never resets this host", n.name, s.ID)
	}
	n.cured = n.cured || name == n.fault.wedge || s.Activation == step.AuxCycle && n.fault.wedge == step.HostPowerCycle.String()
}
