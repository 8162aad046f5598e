package bmc

import (
	"context"
	"fmt"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// clearable lists what may be taken out of the job queue: jobs that have ended, and this run's own that wait for a reset.
// A live job of somebody else stays, and so does whatever writes firmware and has not ended.
func (d *Driver) clearable(ctx context.Context, s step.Step) ([]work, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return nil, err
	}
	if l.jobs == "" {
		return nil, unsupported("a job queue that can be cleared")
	}
	all, err := d.works(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, h := range s.Args.Targets {
		own[lastPart(h)] = true
	}
	var out []work
	for _, w := range all {
		dead := w.phase == phaseDone || w.phase == phaseFailed
		if dead || w.phase == phaseWaiting && !w.update && own[lastPart(w.uri)] {
			out = append(out, w)
		}
	}
	return out, nil
}

func (d *Driver) checkClearJobs(ctx context.Context, s step.Step) (step.State, error) {
	list, err := d.clearable(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	if len(list) == 0 {
		return state(step.Done, nil, ""), nil
	}
	return state(step.Ready, nil, "%d jobs in the queue are dead or this run's own", len(list)), nil
}

// actClearJobs deletes them one by one, and names each in the journal.
func (d *Driver) actClearJobs(ctx context.Context, a *act) error {
	list, err := d.clearable(ctx, a.s)
	if err != nil || len(list) == 0 {
		return err
	}
	ids := make([]string, 0, len(list))
	for _, w := range list {
		ids = append(ids, lastPart(w.uri))
	}
	if err := a.intend(ctx, step.Facts{"jobs_to_delete": ids}); err != nil {
		return err
	}
	for _, w := range list {
		if _, err := d.c.rf.Delete(ctx, w.uri); err != nil && !redfish.IsNotFound(err) {
			return fmt.Errorf("delete job %s: %w", lastPart(w.uri), err)
		}
	}
	return a.sent("")
}
