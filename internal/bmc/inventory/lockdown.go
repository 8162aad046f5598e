package inventory

import (
	"context"

	"github.com/metalwright/metalwright/internal/rack"
)

// readLockdown tells whether the controller refuses every change (facet lockdown): Supermicro's SysLockdown, as
// recorded. On the others a lock-down does not touch what is shown.
func (r *reader) readLockdown(ctx context.Context) {
	if !r.wants(rack.FacetLockdown) || r.serving == nil {
		return
	}
	if res := r.get(ctx, r.serving.Obj.Link("Oem", "Supermicro", "SysLockdown")); res != nil {
		if on, ok := res.Obj.Bool("SysLockdownEnabled"); ok {
			r.dev.BMC.LockedDown = &on
		}
	}
}
