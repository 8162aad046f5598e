package bmc

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	// fullCycle is Redfish's own: as if all power had been removed and given back (DSP0268, Resource.ResetType, since 1.13).
	fullCycle = "FullPowerCycle"
	// extendedReset is Dell's since 17G: it takes standby power too and wants the host off first (dell/iDRAC-Redfish-Scripting,
	// virtual A/C cycle).
	extendedReset = "#DellOemChassis.ExtendedReset"
)

// body is what is posted.
func (x auxVerb) body() map[string]any {
	out := map[string]any{"ResetType": x.verb}
	if x.final != "" {
		out["FinalPowerState"] = x.final
	}
	return out
}

// dellExtended reads Dell's action. The host is left off and switched on by its own verb, so that power-ons stay apart.
func dellExtended(name string, action redfish.Object) (auxVerb, bool) {
	if name != extendedReset || action.Str("target") == "" {
		return auxVerb{}, false
	}
	return auxVerb{target: action.Str("target"), verb: "PowerCycle", final: "Off", off: true}, true
}

// acVerb finds the verb that takes all power of one machine: only where its own reset lists it.
func (d *Driver) acVerb(ctx context.Context, v vitals) (auxVerb, error) {
	action := v.system.Obj("Actions", "#ComputerSystem.Reset")
	allowed, err := d.allowable(ctx, action, "ResetType")
	if err != nil {
		return auxVerb{}, err
	}
	if target := action.Str("target"); target != "" && slices.ContainsFunc(allowed, func(s string) bool { return strings.EqualFold(s, fullCycle) }) {
		return auxVerb{target: target, verb: fullCycle}, nil
	}
	return auxVerb{}, step.Fail(step.Unsupported, errors.New("no verb of this BMC takes all power of the machine"),
		"Pull its power feeds by hand, or cycle what feeds it: metalwright shelf cycle.")
}

// coldVerb finds the verb of a reset of class aux_cycle or ac_cycle.
func (d *Driver) coldVerb(ctx context.Context, a *act, v vitals, t traits) (auxVerb, error) {
	if a.s.Activation == step.ACCycle {
		return d.acVerb(ctx, v)
	}
	return d.auxVerb(ctx, v, t)
}
