package bmc

import (
	"context"
	"fmt"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// vitals is what a transition shows itself by.
type vitals struct {
	path      string
	system    redfish.Object
	power     string // PowerState
	lastReset string // ComputerSystem.LastResetTime
	progress  string // BootProgress.LastState, else HPE's PostState or Lenovo's SystemStatus
	progressT string // BootProgress.LastStateTime
	bmcReset  string // Manager.LastResetTime
	bmc       *redfish.Resource
}

// vitals reads the host of a step; with bmc, the manager too.
func (d *Driver) vitals(ctx context.Context, s step.Step, bmc bool) (vitals, error) {
	path, err := d.host(ctx, s)
	if err != nil {
		return vitals{}, err
	}
	r, err := d.c.rf.Get(ctx, path)
	if err != nil {
		return vitals{}, fmt.Errorf("read the system: %w", err)
	}
	v := vitals{path: path, system: r.Obj, power: r.Obj.Str("PowerState"), lastReset: r.Obj.Str("LastResetTime"),
		progress: r.Obj.Str("BootProgress", "LastState"), progressT: r.Obj.Str("BootProgress", "LastStateTime")}
	if post := r.Obj.Str("Oem", "Hpe", "PostState"); post != "" && (v.progress == "" || post == "InPost") {
		v.progress = post
	}
	if v.progress == "" {
		v.progress = v.system.Str("Oem", "Lenovo", "SystemStatus")
	}
	if v.posting() {
		d.c.sawPost(path)
	}
	if !bmc {
		return v, nil
	}
	l, err := d.layout(ctx)
	if err != nil {
		return v, err
	}
	m, err := l.manager()
	if err != nil {
		return v, err
	}
	if v.bmc, err = d.c.rf.Get(ctx, m.URI); err != nil {
		return v, fmt.Errorf("read the manager: %w", err)
	}
	v.bmcReset = v.bmc.Obj.Str("LastResetTime")
	return v, nil
}

// facts are the vitals as a baseline: what is absent on the device is absent here.
func (v vitals) facts() step.Facts {
	f := step.Facts{}
	for k, s := range map[string]string{"power_state": v.power, "last_reset_time": v.lastReset, "boot_progress": v.progress,
		"boot_progress_time": v.progressT, "bmc_last_reset_time": v.bmcReset} {
		if s != "" {
			f[k] = s
		}
	}
	return f
}

// on tells whether the host has power and is not on its way down.
func (v vitals) on() bool { return v.power == "On" || v.power == "Paused" }

// posting tells whether the host's firmware has not handed over yet. Names are those of BootProgress (DSP0268) and of
// the vendors' own words. A BMC that shows no progress is never posting.
func (v vitals) posting() bool {
	switch v.progress {
	case "PrimaryProcessorInitializationStarted", "BusInitializationStarted", "MemoryInitializationStarted",
		"SecondaryProcessorInitializationStarted", "PCIResourceConfigStarted", "InPost", "InPostDiscoveryComplete", "Reset",
		"SystemOn/StartingUEFI", "SystemOnStartingUEFI", "SystemStartingUEFI":
		return true
	}
	return v.power == "PoweringOn"
}

// handingOver tells whether the host's firmware has done its hardware and not yet started an OS. On some that is the
// last thing ever shown, so it counts only for a while after POST was seen.
func (v vitals) handingOver() bool { return v.progress == "SystemHardwareInitializationComplete" }

// telling tells whether this BMC shows a restart by anything but PowerState.
func (v vitals) telling() bool { return v.lastReset != "" || v.progress != "" }

// hostMoved tells whether the host was reset or changed its power since the baseline was taken.
func (v vitals) hostMoved(base step.Facts) bool {
	if seen, _ := base["transition"].(bool); seen {
		return true
	}
	for k, now := range map[string]string{"power_state": v.power, "last_reset_time": v.lastReset, "boot_progress": v.progress,
		"boot_progress_time": v.progressT} {
		if was := textOf(base[k]); was != "" && now != "" && was != now {
			return true
		}
	}
	return false
}

// restarted tells whether the host began another boot since the baseline was taken: by its reset time where it has
// one, else by what POST shows.
func (v vitals) restarted(base step.Facts) bool {
	if was := textOf(base["last_reset_time"]); was != "" && v.lastReset != "" {
		return was != v.lastReset
	}
	return v.posting() || !v.on() && textOf(base["power_state"]) == "On"
}

// bmcMoved tells whether the BMC was reset since the baseline was taken.
func (v vitals) bmcMoved(base step.Facts) bool {
	if seen, _ := base["transition"].(bool); seen {
		return true
	}
	was := textOf(base["bmc_last_reset_time"])
	return was != "" && v.bmcReset != "" && was != v.bmcReset
}
