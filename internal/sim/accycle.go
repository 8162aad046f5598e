package sim

import (
	"net/http"
	"slices"

	"github.com/metalwright/metalwright/internal/step"
)

// Ways to take all power of a machine that recorded BMCs do not have, and others do.
const (
	faultFullCycle = "full-power-cycle"
	faultExtended  = "dell-extended-reset"
	fullCycle      = "FullPowerCycle"
	extendedURI    = "/Actions/Oem/DellOemChassis.ExtendedReset"
)

// hostResets are what ComputerSystem.Reset takes.
func (b *BMC) hostResets() []string {
	if b.faults.on(faultFullCycle) {
		return append(slices.Clone(b.dia.resets), fullCycle)
	}
	return b.dia.resets
}

// fullPowerCycle takes all power and gives it back: the BMC restarts, and the host comes on.
func (b *BMC) fullPowerCycle() {
	b.auxCycle()
	b.led.Resets[step.AuxCycle.String()]--
	if b.led.Resets[step.AuxCycle.String()] == 0 {
		delete(b.led.Resets, step.AuxCycle.String())
	}
	b.led.Resets[step.ACCycle.String()]++
	d := seconds(b.hw.Timing.AuxCycleS, defaultAuxCycle)
	b.after(resetLatency+d+onDelay, "host", func() { b.startHost(step.ACCycle) })
}

// extendedRoutes is Dell's action of the chassis since 17G.
func extendedRoutes(b *BMC, m map[string]*route) {
	if b.dia.name != dialectIDRAC {
		return
	}
	add(b, m, b.dia.chassis()+extendedURI, &route{post: func(c *call) *answer {
		if !b.faults.on(faultExtended) {
			return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
		}
		switch {
		case c.body["ResetType"] != "PowerCycle":
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", "ResetType", "DellOemChassis.ExtendedReset"))
		case b.host.power != powerOff:
			return b.fail(http.StatusConflict, b.msg("ActionParameterValueConflict", "ResetType", "PowerCycle"))
		}
		b.auxCycle()
		return b.done()
	}})
}

// extendedAction shows it.
func (b *BMC) extendedAction(o obj) {
	if b.dia.name == dialectIDRAC && b.faults.on(faultExtended) {
		o["Actions"] = obj{"Oem": obj{"#DellOemChassis.ExtendedReset": obj{"target": b.dia.chassis() + extendedURI,
			"ResetType@Redfish.AllowableValues": []any{"PowerCycle"}, "FinalPowerState@Redfish.AllowableValues": []any{"On", "Off"}}}}
	}
}
