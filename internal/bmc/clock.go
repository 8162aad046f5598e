package bmc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// clockRight sets the BMC's clock before an image is pushed, when it is wrong by more than rack.ClockTolerance (R47): with
// a clock of years ago, signatures and certificates are not valid yet, and task times mean nothing. It is the journal's
// to know first, so it follows intend. A BMC that does not tell its time is left alone.
func (d *Driver) clockRight(ctx context.Context, a *act) error {
	l, err := d.layout(ctx)
	if err != nil {
		return err
	}
	known, err := l.manager()
	if err != nil {
		return nil // nothing that could tell a time
	}
	m, err := d.c.rf.Get(ctx, known.URI)
	if err != nil {
		return fmt.Errorf("read the BMC's clock: %w", err)
	}
	if inTime(m.Obj) {
		return nil
	}
	if err := a.note("clock_was", m.Obj.Str("DateTime")); err != nil {
		return err
	}
	body := map[string]any{"DateTime": time.Now().UTC().Format(time.RFC3339)}
	opt := redfish.PatchOptions{Reached: func(ctx context.Context) (bool, error) {
		r, err := d.c.rf.Get(ctx, m.URI)
		return err == nil && inTime(r.Obj), err
	}}
	if _, err := d.c.rf.Patch(ctx, m.URI, body, opt); err != nil {
		var e *redfish.Error
		if errors.As(err, &e) && e.Kind == redfish.Answered {
			return step.Fail(step.Rejected, fmt.Errorf("the BMC's clock says %s and cannot be set: %w", m.Obj.Str("DateTime"), err), clockAdvice)
		}
		return fmt.Errorf("set the BMC's clock: %w", err)
	}
	again, err := d.c.rf.Get(ctx, m.URI)
	if err != nil {
		return fmt.Errorf("read the BMC's clock again: %w", err)
	}
	if !inTime(again.Obj) {
		return step.Fail(step.Rejected, fmt.Errorf("the BMC's clock was set and still says %s", again.Obj.Str("DateTime")), clockAdvice)
	}
	return nil
}

const clockAdvice = "Give the BMC a time server, or set its clock by hand; then run the same command again."

// inTime tells whether a manager's clock is right, as far as it tells.
func inTime(manager redfish.Object) bool {
	off, told := rack.BMC{DateTime: manager.Str("DateTime")}.ClockOff(time.Now())
	return !told || off.Abs() <= rack.ClockTolerance
}
