package sim

import (
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/metalwright/metalwright/internal/step"
)

// ErrIPMISilent is when the BMC does not answer IPMI: it is off there, or the BMC restarts.
var ErrIPMISilent = errors.New("no answer to IPMI")

// ErrIPMIRefused is when a user or password is not taken.
//
//lint:ignore ST1005 these are ipmitool's own words
var ErrIPMIRefused = errors.New("Error: Unable to establish IPMI v2 / RMCP+ session")

// IPMI answers a command as ipmitool writes it, and prints what ipmitool prints: "chassis power status", on, off, cycle, reset, and
// "mc reset cold". It has nothing to do with Redfish, which may be dead meanwhile.
func (b *BMC) IPMI(user, pass, command string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	ipmi, _ := b.set[b.dia.manager()+"/NetworkProtocol"]["IPMI"].(obj)
	dell := b.set[b.dia.manager()+"/Oem/Dell/DellAttributes/iDRAC.Embedded.1"]
	attributes, _ := dell["Attributes"].(obj)
	if b.down() || b.faults.gone() || ipmi["ProtocolEnabled"] == false || attributes["IPMILan.1.Enable"] == "Disabled" {
		return "", ErrIPMISilent
	}
	if !slices.ContainsFunc(b.accounts, func(a *account) bool { return a.enabled && a.user == user && a.pass == pass }) {
		b.led.FailedLogins++
		return "", ErrIPMIRefused
	}
	b.led.IPMI++
	switch command {
	case "chassis power status":
		if b.host.power == powerOff {
			return "Chassis Power is off", nil
		}
		return "Chassis Power is on", nil
	case "chassis power on":
		b.resetHost("On")
		return "Chassis Power Control: Up/On", nil
	case "chassis power off":
		b.resetHost("ForceOff")
		return "Chassis Power Control: Down/Off", nil
	case "chassis power cycle", "chassis power reset":
		if b.host.power == powerOff {
			return "", errors.New("Set Chassis Power Control to Cycle failed: Command not supported in present state")
		}
		if command == "chassis power cycle" {
			b.guard("a power cycle", hostBreaks)
			b.led.Resets[step.HostPowerCycle.String()]++
			b.stopHost()
			b.after(cycleDelay, "host", func() { b.startHost(step.HostPowerCycle) })
			return "Chassis Power Control: Cycle", nil
		}
		b.guard("a host reset", hostBreaks)
		b.led.Resets[step.HostReset.String()]++
		b.post(step.HostReset)
		return "Chassis Power Control: Reset", nil
	case "mc reset cold":
		b.resetBMC()
		return "Sent cold reset command to MC", nil
	}
	return "", errors.New("Invalid command: " + command)
}

// dies lets Redfish die at a write of settings.
func (s *faultState) dies(c *call) bool {
	if c.method != http.MethodPatch || s.live["redfish-dead"] == nil || s.deadSince != nil || !s.fire("redfish-dead", c) {
		return false
	}
	s.deadSince = maps.Clone(s.b.led.Resets)
	return true
}

// deaf tells whether Redfish has died and was not brought back by a restart of the BMC. Forever means: from the start.
func (s *faultState) deaf() bool {
	f := s.live["redfish-dead"]
	if f == nil {
		return false
	}
	if f.forever && s.deadSince == nil {
		s.deadSince = maps.Clone(s.b.led.Resets)
	}
	for _, class := range []step.Activation{step.BMCReset, step.AuxCycle} {
		if s.deadSince != nil && s.b.led.Resets[class.String()] > s.deadSince[class.String()] {
			s.deadSince, f.forever, f.over = nil, false, true
		}
	}
	return s.deadSince != nil
}
