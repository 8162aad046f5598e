package plan

import (
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Durations for estimates where the catalog has none, in seconds (redfish.md §6.5). The journal learns better ones.
const (
	postS               = 300 // host up after a reset: POST 114 s recorded on a DL380a Gen11, plus power settle
	postManyS           = 900 // 10-20 min is the working figure of an 8-GPU box
	manyGPUs            = 8
	bmcResetS           = 300 // flasher action_handlers.go
	auxCycleS           = 660 // nv-rms: off 1, cycle, wait 3, on 1, OS 6 minutes
	flashS              = 300 // ironic conf/redfish.py, BMC firmware
	shutdownS           = 60  // NICo: drain after Off
	offToOnS            = 30  // NICo: pause of a power cycle
	settingsS           = 30  // a PATCH and its job
	volumeS             = 60
	mediaS              = 20
	eraseS              = 60
	overwriteSSDBytesPS = 1 << 30   // working figures: a fast NVMe drive,
	overwriteHDDBytesPS = 200 << 20 // and a disk
	pushBytesPS         = 8 << 20   // bytes a second into a BMC; a working figure
)

func orDefault(v, fallback int) int {
	if v > 0 {
		return v
	}
	return fallback
}

func (n *nodeBuild) postSeconds() int {
	if n.hw.GPU != nil && n.hw.GPU.Count >= manyGPUs {
		return orDefault(n.hw.Timing.POSTS, postManyS)
	}
	return orDefault(n.hw.Timing.POSTS, postS)
}

func (n *nodeBuild) resetSeconds(class step.Activation) int {
	switch class {
	case step.BMCReset:
		return orDefault(n.hw.Timing.BMCResetS, bmcResetS)
	case step.HostPowerCycle:
		return n.postSeconds() + offToOnS
	case step.AuxCycle, step.ACCycle:
		return orDefault(n.hw.Timing.AuxCycleS, auxCycleS)
	default:
		return n.postSeconds()
	}
}

// flashSeconds is the push and the write of one image.
func (n *nodeBuild) flashSeconds(c rack.BaselineComponent, bytes int64) int {
	s := c.FlashS
	for _, f := range n.hw.Components {
		if s == 0 && f.Name == c.Name {
			s = f.FlashS
		}
	}
	return orDefault(s, flashS) + int(bytes/pushBytesPS)
}
