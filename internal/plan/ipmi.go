package plan

import (
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// byIPMI is steps for a node whose BMC answers IPMI alone. What needs more than power and BMC reset is said, and so is what
// IPMI cannot do gently.
func (v Verb) byIPMI(dev rack.Device, sys rack.System) ([]step.Step, string) {
	if !slices.Contains([]Do{DoOn, DoOff, DoCycle, DoReset, DoBMC}, v.Do) || v.Aux {
		return nil, fmt.Sprintf("Its BMC does not answer Redfish, and by IPMI only the power is switched and the BMC restarted. Try %s first.",
			"metalwright bmc reset")
	}
	if v.Manner == step.Graceful {
		return nil, "Its BMC does not answer Redfish, and IPMI cuts the power without asking the OS. Say it without --graceful."
	}
	if v.Do == DoBMC {
		return []step.Step{{Kind: step.Reset, Activation: step.BMCReset, EstimatedS: bmcResetS}}, ""
	}
	if v.Do == DoOn || v.Do == DoOff {
		return v.power(dev, sys)
	}
	return v.reset(dev, sys)
}

// planIPMI says at plan time what keeps IPMI from being spoken to a node that has it on: a program that is missing. That the rest
// of the node needs no IPMI is no reason to plan it: what was asked for is not there.
func (n *nodeBuild) planIPMI() {
	spec := n.node.BMC.IPMI
	if spec == nil {
		return
	}
	if why := n.opt.NoIPMI[n.node.Name]; why != "" {
		n.block("ipmi.tool", "IPMI cannot be spoken", why+" Install ipmitool, name its path in ipmi { path = … }, or leave IPMI off.", spec.Origin)
	}
}

// warnRestart says what a restart of this host does to a DPU in it, where IPMI would spare it and is off (R66).
func (n *nodeBuild) warnRestart() {
	restarts := slices.ContainsFunc(n.steps, func(s step.Step) bool { return s.Kind == step.Reset && s.Activation == step.HostReset })
	if !n.dev.Capabilities.RestartCutsDPU || n.node.BMC.IPMI != nil || !restarts {
		return
	}
	n.warn("ipmi.dpu", "A restart cuts the power of a DPU", "On this model a restart by Redfish takes the power of a DPU away, and of what runs "+
		"on it (quirk R66). Where it holds one, let the restart go by IPMI: bmc { ipmi { enabled = true } }.", n.node.Origin)
}
