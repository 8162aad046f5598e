package bmc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// shelfSettle is how long a cycle of the rails takes at most before a shelf that shows On and no sign of it counts as cycled: some
// controllers show the rails on all the while.
const shelfSettle = 2 * time.Minute

// shelfNow reads the chassis whose rails a step is about. Lite-On answers PowerState with a word, others may with true (R113).
func (d *Driver) shelfNow(ctx context.Context, s step.Step) (*redfish.Resource, string, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Path)
	if err != nil {
		return nil, "", fmt.Errorf("read the shelf: %w", err)
	}
	power := r.Obj.Str("PowerState")
	if on, plain := r.Obj.Bool("PowerState"); plain && power == "" {
		power = map[bool]string{true: "On", false: "Off"}[on]
	}
	return r, power, nil
}

// checkShelf tells how the rails stand. A cycle has no state of its own: it is over when the rails were seen down and are up, or
// when it has had all the time that it can take.
func (d *Driver) checkShelf(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	_, power, err := d.shelfNow(ctx, s)
	if err != nil {
		if op != nil && op.Sent && silent(err) {
			return state(step.Working, nil, "the shelf does not answer yet"), nil
		}
		return step.State{}, err
	}
	seen := step.Facts{"power_state": power}
	if power == "" {
		return state(step.Unknown, seen, "the shelf does not say whether its rails are on"), nil
	}
	if s.Want["cycled"] == true {
		return d.cycledShelf(power, seen, op), nil
	}
	want, was := textOf(s.Want["power_state"]), textOf(s.Expect["power_state"])
	switch {
	case power == want:
		return state(step.Done, seen, ""), nil
	case power == "Powering"+want, op != nil && op.Sent:
		return state(step.Working, seen, "the rails are still %s", power), nil
	case was != "" && was != power && !strings.HasPrefix(power, "Powering"):
		return state(step.Moved, seen, "the rails are %s, planned from %s", power, was), nil
	}
	return state(step.Ready, seen, ""), nil
}

func (d *Driver) cycledShelf(power string, seen step.Facts, op *step.Op) step.State {
	switch {
	case op == nil || !op.Sent:
		return state(step.Ready, seen, "")
	case power != "On":
		return state(step.Working, seen, "the rails are %s", power)
	case op.Baseline["transition"] == true || time.Since(op.Started) >= d.paced(shelfSettle):
		return state(step.Done, seen, "")
	}
	return state(step.Working, seen, "no sign of the cycle yet")
}

// actShelf says the verb once. After a cut answer nothing is sent again: a second cycle would take the trays down once more.
func (d *Driver) actShelf(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	r, power, err := d.shelfNow(ctx, a.s)
	if err != nil {
		return err
	}
	verbs := map[string][]string{"On": {"On", "ForceOn"}, "Off": {"ForceOff", "GracefulShutdown"}}[textOf(a.s.Want["power_state"])]
	cycle := a.s.Want["cycled"] == true
	if cycle {
		verbs = []string{"PowerCycle", "FullPowerCycle"}
	}
	if len(verbs) == 0 {
		return rejected("power state %v is not On or Off", a.s.Want["power_state"])
	}
	target, verb, err := d.resetVerb(ctx, r.Obj, "#Chassis.Reset", verbs...)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, step.Facts{"power_state": power}); err != nil {
		return err
	}
	reached := func(ctx context.Context) (bool, error) {
		_, now, err := d.shelfNow(ctx, a.s)
		return err == nil && now != power, err
	}
	if cycle {
		reached = nil
	}
	res, err := d.say(ctx, target, map[string]any{"ResetType": verb}, reached)
	if err != nil && !redfish.IsSentUnknown(err) {
		return fmt.Errorf("%s: %w", verb, err)
	}
	if err := a.sent(res.Handle()); err != nil || !cycle {
		return err
	}
	for range changeTries {
		_, now, err := d.shelfNow(ctx, a.s)
		if err == nil && now != "On" || err != nil && ctx.Err() == nil && silent(err) {
			return a.note("transition", true)
		}
		if err := d.pause(ctx, 1); err != nil {
			return err
		}
	}
	return nil // Check goes by the clock
}
