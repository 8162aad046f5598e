package plan

import "github.com/metalwright/metalwright/internal/rack"

// trusted tells whether the order that is shown may be planned from. Under lock-down a Supermicro shows the order of the day it was
// locked, and takes none (R58): unlock, restart, read.
func (b *bootBuild) trusted(spec *rack.BootSpec) bool {
	if len(spec.Order) == 0 || b.dev.BMC.LockedDown == nil || !*b.dev.BMC.LockedDown {
		return true
	}
	if m := b.node.BMC.Manager; m != nil {
		if v, wanted := m.Settings[lockdown]; wanted && v.Value == false {
			b.later("boot.locked", "Boot order not known under lock-down", "This BMC is locked down, and shows the order of the day it was "+
				"locked (R58). This run unlocks it; the host must restart before the order can be read. Restart it, then plan again.", b.origin)
			return false
		}
	}
	b.block("boot.locked", "Boot order not known under lock-down", "This BMC is locked down: it refuses every change, and shows the order of the "+
		"day it was locked (R58). Set lockdown = false in bmc { }, apply, restart the host, then plan again.", b.origin)
	return false
}
