package bmc

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// stuckAfter is how long a job may still say that it waits after the host has booted: Dell's jobs run within POST, and
// tell so within a minute or two. It is less than the apply loop takes to believe that a reset came to nothing.
const stuckAfter = 3 * time.Minute

// giveUpStuck takes a job out of the live ones that is this step's own and has waited through a boot (R57): it blocks
// its target for ever. Only a job that has not begun to run counts, and never one that writes firmware.
func (d *Driver) giveUpStuck(ctx context.Context, s step.Step, op *step.Op, x *setup) {
	// others wait for their window
	if op == nil || !op.Sent || op.Handle == "" || s.Args.ApplyTime != "" && s.Args.ApplyTime != "OnReset" {
		return
	}
	i := slices.IndexFunc(x.jobs, func(w work) bool { return w.phase == phaseWaiting && lastPart(w.uri) == lastPart(op.Handle) })
	if i < 0 {
		return
	}
	v, err := d.vitals(ctx, s, false)
	if err != nil || !v.on() || d.starting(v) || !v.restarted(op.Baseline) {
		return
	}
	if d.c.stillness("wait of "+x.jobs[i].uri, v.lastReset) >= d.paced(stuckAfter) {
		d.c.giveUp(x.jobs[i].uri)
		x.stuck = append(x.stuck, x.jobs[i])
		x.jobs = slices.Delete(x.jobs, i, i+1)
	}
}

// clearStuck deletes the jobs that were given up, and tells the journal. What they held is gone with them.
func (d *Driver) clearStuck(ctx context.Context, a *act, x setup) error {
	for _, w := range x.stuck {
		if _, err := d.c.rf.Delete(ctx, w.uri); err != nil && !redfish.IsNotFound(err) {
			return fmt.Errorf("delete the stuck job %s: %w", lastPart(w.uri), err)
		}
		if err := a.note("stuck_job_deleted", lastPart(w.uri)); err != nil {
			return err
		}
	}
	return nil
}
