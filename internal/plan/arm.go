package plan

import (
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/step"
)

// fullPowerCycle is the value of Dell's BIOS attribute PowerCycleRequest that makes the next loss of the host's power one of standby power.
const fullPowerCycle = "FullPowerCycle"

// armWithSettings puts the attribute that asks for an aux cycle among the settings that are made real by that very cycle, where that is how
// this BMC cuts standby power: it takes one job of settings at a time (R56), so the attribute cannot follow in a job of its own.
func (n *nodeBuild) armWithSettings(together []*change) {
	attribute, ok := strings.CutPrefix(n.dev.Capabilities.AuxCycle, "bios:")
	if !ok || !slices.ContainsFunc(together, func(c *change) bool { return c.step.Activation == step.AuxCycle }) {
		return
	}
	i := slices.IndexFunc(together, func(c *change) bool { return c.step.Kind == step.BIOS })
	if i < 0 {
		return
	}
	s := &together[i].step
	if _, written := s.Want[attribute]; !written {
		s.Want[attribute] = fullPowerCycle
		s.Args.Once = append(s.Args.Once, attribute)
		s.Why += "; " + attribute + " asks for the aux cycle"
	}
}
