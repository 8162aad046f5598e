package sim

import (
	"net/http"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// Stages of a boot, as Redfish BootProgress names them.
const (
	stageNone     = "None"
	stageMemory   = "MemoryInitializationStarted"
	stageHardware = "SystemHardwareInitializationComplete"
	stageOSStart  = "OSBootStarted"
	stageOS       = "OSRunning"
)

// Durations of the real world where the catalog gives none (redfish.md §6.5).
const (
	defaultPOST     = 180 * time.Second
	defaultBMCReset = 120 * time.Second
	defaultAuxCycle = 180 * time.Second
	offDelay        = 4 * time.Second  // from ForceOff to Off
	onDelay         = 5 * time.Second  // from On to power good
	gracefulDelay   = 30 * time.Second // an operating system shuts down
	cycleDelay      = 10 * time.Second // off between two power states
	osDelay         = 40 * time.Second // from the boot loader to a running system
	resetLatency    = 2 * time.Second  // from the answer to the BMC going down
)

// host is the machine behind the BMC.
type host struct {
	power       string // On, Off, PoweringOn, PoweringOff
	stage       string
	lastReset   time.Time
	class       step.Activation // of the boot under way
	offByClient bool            // it is off because somebody asked: the next On makes a power cycle of it
	standbyCut  bool            // standby power was away since the last boot: the next one is what follows an aux cycle
	postFrom    time.Time
}

func (h *host) bootStage() string {
	if h.power == powerOff || h.stage == "" {
		return stageNone
	}
	return h.stage
}

// posting tells whether the host is between power good and the boot loader.
func (h *host) posting() bool {
	return h.power != powerOff && (h.stage == stageMemory || h.stage == stageHardware || h.power == "PoweringOn")
}

func seconds(s int, otherwise time.Duration) time.Duration {
	if s > 0 {
		return time.Duration(s) * time.Second
	}
	return otherwise
}

// startHost powers on; what is staged for class or below becomes real in this boot.
func (b *BMC) startHost(class step.Activation) {
	if b.host.standbyCut {
		class = max(class, step.AuxCycle)
	}
	b.host.standbyCut = false
	b.forget("host")
	b.host.power = "PoweringOn"
	b.host.offByClient = false
	b.drawsPower(true)
	b.after(onDelay, "host", func() {
		b.host.power = powerOn
		b.logged("OK", "The host was switched on.")
		b.happened("on")
		b.post(class)
	})
}

// post runs one boot: flashes first, then settings and volume jobs, then the operating system.
func (b *BMC) post(class step.Activation) {
	b.forget("host")
	h := &b.host
	h.stage, h.lastReset, h.postFrom, h.class = stageMemory, b.now, b.now, class
	b.led.Boots++
	b.faults.booted()
	b.changed()
	if c := b.component("bios"); c != nil && c.bricked {
		return // it never comes up
	}
	spent := b.flashAtBoot(class)
	full := seconds(b.hw.Timing.POSTS, defaultPOST)
	if spent > 0 || b.bios.job != nil || b.volumeJobs() {
		spent += full // jobs run in a boot of their own: one reset is issued, the machine POSTs twice (redfish.md §6.3)
	}
	b.after(spent+full*4/10, "host", func() {
		b.faults.derail()
		b.applySetup()
		b.boot.apply(b)
		b.secure.apply()
		b.modeByAttribute()
		b.applyFunctions()
		h.stage = stageHardware
		b.changed()
	})
	b.after(spent+full*7/10, "host", b.runVolumeJobs)
	b.after(spent+full, "host", func() {
		h.stage = stageOSStart
		b.boot.from = b.discBooted()
		b.boot.consume()
		b.boot.decay(b)
		b.changed()
	})
	b.after(spent+full+osDelay, "host", func() { h.stage = stageOS })
}

// stopHost takes the power away.
func (b *BMC) stopHost() {
	b.forget("host")
	b.host.power, b.host.stage = powerOff, stageNone
	b.drawsPower(false)
	b.logged("Warning", "The host lost its power.")
	b.happened("off")
	if b.dia.name == dialectOpenBMC { // there it is the chassis state's LastStateChangeTime (bmcweb)
		b.host.lastReset = b.now
	}
	b.changed()
	const request = "PowerCycleRequest" // redfish.md §2.9 (a): set, then the host off
	asked := b.bios.cur[request] == "FullPowerCycle" || b.bios.job != nil && b.bios.pend[request] == "FullPowerCycle"
	if b.dia.name == dialectIDRAC && asked {
		b.bios.cur[request] = "None"
		delete(b.bios.pend, request)
		b.auxCycle()
		b.after(seconds(b.hw.Timing.AuxCycleS, defaultAuxCycle)+onDelay, "host", func() { b.startHost(step.AuxCycle) })
	}
}

// guard records a reset that hits a flash, and breaks the component that is being written.
func (b *BMC) guard(what string, breaks func(*component) bool) {
	for _, c := range b.comps {
		switch {
		case c.writing:
			b.violate("%s while %s was being flashed", what, c.name)
			if breaks(c) {
				b.brick(c)
			}
		case c.staging:
			b.violate("%s while %s was being staged", what, c.name)
		}
	}
	if b.uploads > 0 {
		b.violate("%s while an image was being received", what)
	}
}

// hostBreaks: a host that loses power or is reset breaks what the host is flashing.
func hostBreaks(c *component) bool { return c.name != "bmc" }

// bmcBreaks: the BMC writes everything.
func bmcBreaks(*component) bool { return true }

// resetHost carries out a ResetType. The answer is nil when it was accepted.
func (b *BMC) resetHost(kind string) *answer {
	h := &b.host
	on := h.power != powerOff
	switch kind {
	case "On", "ForceOn":
		if on {
			return nil
		}
		if b.dpu.absent(b.now) && b.faults.on("R63") {
			b.violate("the host was started before its BlueField was up: it never leaves POST")
			h.power, h.stage = powerOn, stageMemory
			return nil
		}
		if h.offByClient {
			b.led.Resets[step.HostPowerCycle.String()]++
		}
		b.startHost(b.faults.reach(step.HostPowerCycle))
	case "ForceOff", "GracefulShutdown", "PushPowerButton":
		if kind == "PushPowerButton" && !on {
			return b.resetHost("On")
		}
		b.powerDown(kind)
	case "ForceRestart", "GracefulRestart":
		if !on {
			return b.fail(http.StatusConflict, b.msg("ActionParameterValueConflict", "ResetType", kind))
		}
		b.guard("a host reset", hostBreaks)
		b.led.Resets[step.HostReset.String()]++
		if b.faults.hangsInPOST(kind) {
			b.forget("host")
			h.stage = stageMemory
			return nil
		}
		if kind == "GracefulRestart" && h.stage == stageOS {
			b.after(gracefulDelay, "host", func() { b.post(step.HostReset) })
			return nil
		}
		b.post(step.HostReset)
	case "PowerCycle":
		if !on {
			return b.fail(http.StatusConflict, b.msg("ActionParameterValueConflict", "ResetType", kind))
		}
		b.guard("a power cycle", hostBreaks)
		b.led.Resets[step.HostPowerCycle.String()]++
		b.stopHost()
		b.after(cycleDelay, "host", func() { b.startHost(b.faults.reach(step.HostPowerCycle)) })
	case fullCycle:
		b.fullPowerCycle()
	case "Nmi":
		if on {
			h.stage = stageOS
		}
	}
	return nil
}

func (b *BMC) powerDown(kind string) {
	h := &b.host
	if h.power == powerOff || h.power == "PoweringOff" && kind != "ForceOff" {
		return
	}
	b.guard("a power-off", hostBreaks)
	b.forget("host")
	h.power, h.offByClient = "PoweringOff", true
	d := offDelay
	if kind != "ForceOff" && h.stage == stageOS {
		d = gracefulDelay
	}
	b.after(d, "host", b.stopHost)
}

// resetBMC restarts the controller after a moment: sessions, uploads and tasks in memory are gone; the host runs on.
func (b *BMC) resetBMC() {
	b.guard("a BMC reset", bmcBreaks)
	b.led.Resets[step.BMCReset.String()]++
	b.after(resetLatency, "bmc", func() { b.restart(seconds(b.hw.Timing.BMCResetS, defaultBMCReset), step.BMCReset) })
}

// silence keeps the BMC silent for so long at least.
func (b *BMC) silence(d time.Duration) {
	if until := b.now.Add(b.rack.scaled(d)); until.After(b.downUntil) {
		b.downUntil = until
	}
}

// restart takes the BMC down for a while and brings it up with what was staged for it.
func (b *BMC) restart(d time.Duration, class step.Activation) {
	if len(b.sessions) > 0 && !b.faults.on("R67") {
		b.sessions = nil
	}
	b.silence(d)
	b.dropSubscriptions()
	b.signal()
	if b.dia.pendingDies {
		b.bios.pend = map[string]any{}
	}
	b.loseTasks()
	b.after(d, "bmc", func() {
		b.logged("OK", "The BMC has started.")
		b.resetAt = b.now
		b.happened("bmc", b.managerVersion(), "a restart")
		b.settle()
		b.settleCertificate()
		for _, c := range b.comps {
			if c.staged != "" && !c.bricked && (c.activation == step.BMCReset || class >= c.activation && c.activation > step.BMCReset && b.dia.update.stageImmediately) {
				b.run(c)
			}
		}
		b.changed()
	})
}

// auxCycle takes standby power away: the BMC restarts, everything staged becomes real, the host is off.
func (b *BMC) auxCycle() {
	b.guard("an aux cycle", bmcBreaks)
	b.led.Resets[step.AuxCycle.String()]++
	b.forget("host")
	b.host.power, b.host.stage = powerOff, stageNone
	b.host.offByClient, b.host.standbyCut = false, true
	b.drawsPower(false)
	b.applyDPU()
	if b.dpu != nil && b.faults.live["R63"] != nil {
		b.dpu.upAt = b.now.Add(b.rack.scaled(seconds(b.hw.Timing.AuxCycleS, defaultAuxCycle) + dpuBoot))
	}
	b.after(resetLatency, "bmc", func() { b.restart(seconds(b.hw.Timing.AuxCycleS, defaultAuxCycle), step.AuxCycle) })
}

// reset answers ComputerSystem.Reset.
func reset(c *call) *answer {
	b := c.b
	kind, _ := c.body["ResetType"].(string)
	switch {
	case kind == "":
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", "ComputerSystem.Reset", "ResetType"))
	case !slices.Contains(b.hostResets(), kind):
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", "ResetType", "ComputerSystem.Reset"))
	}
	if kind != "On" && kind != "ForceOn" && b.host.power != powerOff && b.faults.on("R66") {
		b.violate("a restart by Redfish cut the power of the BlueField")
	}
	if a := b.faults.refusePower(c, kind); a != nil {
		return a
	}
	if b.faults.swallowReset(kind) {
		return b.resetTaskAnswer(kind, false)
	}
	if a := b.resetHost(kind); a != nil {
		return a
	}
	b.faults.powered()
	if b.faults.fire("R15", c) {
		return b.fail(http.StatusConflict, b.msg("ActionParameterValueConflict", "ResetType", kind))
	}
	if b.dia.resetTask {
		return b.resetTaskAnswer(kind, true)
	}
	return b.done()
}

// resetTaskAnswer is AMI's: a task "Computer Reset" that ends in some seconds (R93 when it ends badly).
func (b *BMC) resetTaskAnswer(kind string, good bool) *answer {
	j := b.newJob("Computer Reset", "Running")
	if good {
		b.after(3*time.Second, "task", func() { b.complete(j) })
	} else {
		b.after(23*time.Second, "task", func() {
			j.state, j.end, j.percent = "Failed", b.now, 0
			j.status = "OK" // that is the trap: Exception with TaskStatus OK
			j.msgs = append(j.msgs, b.msg("ActionNotSupported", kind))
		})
	}
	return b.accepted(j)
}

func resetManager(c *call) *answer {
	b := c.b
	kind, _ := c.body["ResetType"].(string)
	if kind == "" && len(c.body) == 0 {
		kind = b.dia.managerResets[0]
	}
	if !slices.Contains(b.dia.managerResets, kind) {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", "ResetType", "Manager.Reset"))
	}
	b.resetBMC()
	return b.done()
}

// auxReset answers the OEM action that takes standby power away.
func auxReset(c *call) *answer {
	b := c.b
	kind, _ := c.body["ResetType"].(string)
	if kind != b.dia.auxAction.value {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", "ResetType", b.dia.auxAction.key[1:]))
	}
	if b.dia.auxAction.needsOff && b.host.power != powerOff {
		return b.fail(http.StatusBadRequest, b.msg("ChassisPowerStateOffRequired", b.dia.chassisID))
	}
	back := b.host.power != powerOff || b.faults.on("R39")
	b.auxCycle()
	if back {
		d := seconds(b.hw.Timing.AuxCycleS, defaultAuxCycle)
		b.after(resetLatency+d+onDelay, "host", func() { b.startHost(step.AuxCycle) })
	}
	return b.done()
}
