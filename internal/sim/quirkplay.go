package sim

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// Durations and bounds of the rows that this file plays.
const (
	hangFor   = 20 * time.Minute  // R74: longer than any client reads
	pushPause = 30 * time.Second  // R49
	sulkFor   = 10 * time.Second  // R71
	lateFor   = 5 * time.Minute   // R85
	dpuBoot   = 240 * time.Second // R63: from standby power to the system of a BlueField
	crowd     = 2                 // R75: requests at once that are taken
)

// bareTag wants If-Match at the settings object, and without its quotes (R6).
func (s *faultState) bareTag(c *call) *answer {
	switch tag := c.header.Get("If-Match"); {
	case tag == "" && s.on("R6"):
		return s.b.fail(http.StatusPreconditionRequired, s.b.msg("PreconditionRequired"))
	case strings.Contains(tag, `"`) && s.on("R6"):
		return s.b.fail(http.StatusPreconditionFailed, s.b.msg("PreconditionFailed"))
	}
	return nil
}

// crowded tells whether too much is asked at once (R75).
func (s *faultState) crowded() bool {
	return s.live["R75"] != nil && atomic.LoadInt32(&s.b.inFlight) > crowd && s.on("R75")
}

// hangs tells whether this read never ends (R74).
func (s *faultState) hangs(path string) bool {
	return s.live["R74"] != nil && strings.EqualFold(path, s.b.dia.chassis()+"/PowerSubsystem/PowerSupplies") && s.on("R74")
}

// flatten writes ExtendedInfo as an object (R44).
func (s *faultState) flatten(a *answer) {
	if s.live["R44"] == nil {
		return
	}
	body, _ := a.body.(obj)
	e, _ := body["error"].(obj)
	if list, isList := e["@Message.ExtendedInfo"].([]any); isList && len(list) > 0 && s.on("R44") {
		e["@Message.ExtendedInfo"] = list[0]
	}
}

// refuseSlot: media works in the first slot only (R24), or not in that one (R38).
func (s *faultState) refuseSlot(x *slot) *answer {
	b := s.b
	first := slices.IndexFunc(b.media, func(m *slot) bool { return slices.Contains(m.spec.types, "CD") })
	isFirst := first >= 0 && b.media[first] == x
	switch {
	case !isFirst && s.on("R24"):
		return b.fail(http.StatusInternalServerError, b.msg("InternalError"))
	case isFirst && s.on("R38"):
		return b.fail(http.StatusMethodNotAllowed, b.msg("OperationNotAllowed"))
	}
	return nil
}

// refuseBoot: an override is taken at the settings object only (R33); there is no order to write (R46).
func (s *faultState) refuseBoot(c *call, boot obj) *answer {
	b := s.b
	switch {
	case boot["BootSourceOverrideTarget"] != nil && strings.EqualFold(c.path, b.dia.sys()) && s.on("R33"):
		return b.fail(http.StatusBadRequest, b.msg("PropertyNotWritable", "BootSourceOverrideTarget"))
	case boot["BootOrder"] != nil && s.on("R46"):
		return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", "BootOrder"))
	}
	return nil
}

// booted: a boot is behind which tasks are forgotten (R53), and a frozen order thaws (R58).
func (s *faultState) booted() {
	b := s.b
	b.bootedAt, b.boot.from = b.now, ""
	if !b.isLocked() {
		b.boot.frozen = nil
	}
	if s.live["R53"] == nil {
		return
	}
	for _, j := range b.jobs {
		if !j.gone && s.on("R53") {
			j.gone = true
		}
	}
}

// reach is what a power cycle activates (R51).
func (s *faultState) reach(class step.Activation) step.Activation {
	if s.on("R51") {
		return step.HostReset
	}
	return class
}

// outOfReach: the card of a BlueField, here the part nic, keeps its power through a cycle of the host (R50).
func (s *faultState) outOfReach(c *component, class step.Activation) bool {
	return s.live["R50"] != nil && c.name == "nic" && class < step.AuxCycle && s.on("R50")
}

// pushes: an image comes too soon behind another (R49).
func (s *faultState) pushes() {
	b := s.b
	if !b.pushedAt.IsZero() && b.now.Sub(b.pushedAt) < b.rack.scaled(pushPause) && s.on("R49") {
		b.violate("two pushes within %s", pushPause)
		b.silence(goneFor)
	}
	b.pushedAt = b.now
}

// derail: jobs of the BIOS and of a controller share a boot (R57).
func (s *faultState) derail() {
	b := s.b
	if b.bios.job == nil || !b.bios.job.active() || !b.volumeJobs() || !s.fire("R57", nil) {
		return
	}
	for _, c := range b.store {
		for _, vj := range slices.Clone(c.jobs) {
			if vj.job.cancel != nil { // what it held is free again
				vj.job.cancel()
			}
			b.failJob(vj.job, b.msg("OperationFailed"))
		}
		c.jobs = nil
	}
}

// settingTrouble is what goes wrong with settings of controllers; over tells that nothing more is to be done with the request.
func (s *faultState) settingTrouble(c *call) (a *answer, over bool) {
	b := s.b
	switch {
	case s.on("setting-refused"):
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueConflict", "the setting", "the policy of this controller")), true
	case s.fire("setting-dropped", c):
		return b.done(), true
	case s.fire("setting-restarts", c):
		b.after(resetLatency, "bmc", func() { b.restart(seconds(b.hw.Timing.BMCResetS, defaultBMCReset), step.BMCReset) })
	}
	return nil, false
}

// sulks: a log-in fails, and the next ones for a while (R71).
func (s *faultState) sulks(c *call) bool {
	if s.live["R71"] == nil {
		return false
	}
	if s.b.now.Before(s.sulkTo) {
		return true
	}
	if s.fire("R71", c) {
		s.sulkTo = s.b.now.Add(s.b.rack.scaled(sulkFor))
		return true
	}
	return false
}

// noteLock keeps the order as it is when a lock-down begins (R58).
func (s *faultState) noteLock() {
	b := s.b
	if s.live["R58"] != nil && b.boot.frozen == nil && b.isLocked() {
		b.boot.frozen = slices.Clone(b.boot.order)
	}
}

// isLocked tells whether the BMC is locked down.
func (b *BMC) isLocked() bool {
	for _, o := range b.set {
		a, _ := o["Attributes"].(obj)
		if o["SysLockdownEnabled"] == true || a["Lockdown.1.SystemLockdown"] == "Enabled" {
			return true
		}
	}
	return false
}

// gpusShown is how many GPUs the BMC lists: one less than there are for some minutes (R85).
func (b *BMC) gpusShown(n int) int {
	if n > 0 && b.now.Sub(b.bootedAt) < b.rack.scaled(lateFor) && b.faults.on("R85") {
		return n - 1
	}
	return n
}

// other is a machine that was not planned here (R86).
func (b *BMC) other(model, serial string) (string, string) {
	if b.faults.on("R86") {
		return "Another model", "X" + serial
	}
	return model, serial
}

// lost is the attribute that this host does not have, whatever its registry says (R87).
func (b *BMC) lost() string {
	if !b.faults.on("R87") {
		return ""
	}
	i := slices.IndexFunc(b.dia.registry.attrs, func(a *attribute) bool { return !a.readOnly })
	return b.dia.registry.attrs[i].name
}

// absent tells whether a BlueField that works as a computer has not started yet.
func (d *dpu) absent(now time.Time) bool {
	return d != nil && d.mode == "DpuMode" && now.Before(d.upAt)
}
