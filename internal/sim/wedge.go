package sim

import (
	"maps"
	"net/http"

	"github.com/metalwright/metalwright/internal/step"
)

// wedge is a BMC that takes no settings any more until a rung of the recovery ladder frees it.
type wedge struct {
	id     string
	resets map[string]int // when it struck
}

// wedges are the faults that make a rung necessary, and the reset classes that end each.
var wedges = map[string][]step.Activation{
	"job-queue-full": nil, // only an empty queue
	"wedged-bmc":     {step.BMCReset, step.AuxCycle},
	"wedged-host":    {step.HostPowerCycle, step.AuxCycle},
	"wedged-aux":     {step.AuxCycle},
}

// wedged tells whether a PATCH is refused because the BMC needs a rung. Resets and job deletions are always taken.
func (s *faultState) wedged(c *call) bool {
	if c.method != http.MethodPatch {
		return false
	}
	b := s.b
	if s.wedge.id == "" {
		for id := range wedges {
			if s.live[id] == nil || !s.fire(id, c) {
				continue
			}
			s.wedge = wedge{id, maps.Clone(b.led.Resets)}
			if id == "job-queue-full" {
				b.failJob(b.newJob("ConfigBIOS:BIOS.Setup.1-1", "Scheduled"), b.msg("JCP052"))
			}
			break
		}
	}
	if s.wedge.id == "" || s.freed() {
		s.wedge.id = ""
		return false
	}
	return true
}

// freed tells whether what ends the wedge has happened since it struck.
func (s *faultState) freed() bool {
	b := s.b
	if s.wedge.id == "job-queue-full" {
		for _, j := range b.jobs {
			if !j.active() && !j.gone {
				return false
			}
		}
		return true
	}
	for _, class := range wedges[s.wedge.id] {
		if b.led.Resets[class.String()] > s.wedge.resets[class.String()] {
			return true
		}
	}
	return false
}
