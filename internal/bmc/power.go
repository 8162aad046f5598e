package bmc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	// looks for a power transition inside one act: 3 min at the default pace (redfish.md §6.5: Off 60 s, AC 90 s)
	lookTries     = 90
	gracefulTries = 45 // looks for an orderly shutdown before the power is cut
	busyTries     = 6  // tries of an action that the BMC is not ready for (R7, R14): 2+4+8+16+32 paces between them
	// looks for the end of POST, evidencePauses apart: 45 min, the longest POST with a BIOS flash in it
	postEndTries   = 135
	evidencePauses = 10
)

func (d *Driver) checkPower(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	v, err := d.vitals(ctx, s, false)
	if d.unheard(err) {
		return d.checkPowerByIPMI(ctx, s, op, err)
	}
	if err != nil {
		return step.State{}, err
	}
	want, seen := textOf(s.Want["power_state"]), step.Facts{"power_state": v.power}
	switch {
	case v.power == "":
		return state(step.Unknown, seen, "the BMC does not say whether the host has power"), nil
	case v.power == want:
		return state(step.Done, seen, ""), nil
	case v.power == "Powering"+want:
		return state(step.Working, seen, "the host is %s", v.power), nil
	case op != nil && op.Sent:
		w := work{}
		if op.Handle != "" {
			w = d.follow(ctx, op.Handle)
		}
		if w.phase == phaseFailed { // R93: the task failed and the state is as it was
			return state(step.Ready, seen, "the host is still %s: %s", v.power, w.said), nil
		}
		return state(step.Working, seen, "the host is still %s", v.power), nil
	}
	if was := textOf(s.Expect["power_state"]); was != "" && was != v.power && !strings.HasPrefix(v.power, "Powering") {
		return state(step.Moved, seen, "the host is %s, planned from %s", v.power, was), nil
	}
	return state(step.Ready, seen, ""), nil
}

func (d *Driver) actPower(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	v, err := d.vitals(ctx, a.s, false)
	if d.unheard(err) {
		return d.powerByIPMI(ctx, a, err)
	}
	if err != nil {
		return err
	}
	want := textOf(a.s.Want["power_state"])
	switch {
	case a.s.Args.Manner == step.Emergency:
		if err := d.notWhileFlashing(ctx, "power off"); err != nil {
			return err
		}
	case want == "Off":
		if err := d.calm(ctx, a.s, "power off"); err != nil {
			return err
		}
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	switch want {
	case "On":
		return d.power(ctx, a, v, want, "On", "ForceOn", "PushPowerButton")
	case "Off":
		if a.s.Args.Manner == step.Graceful {
			return d.shutDown(ctx, a, v)
		}
		osRuns := v.progress == "OSRunning" || v.progress == "FinishedPost"
		if osRuns && a.s.Args.Manner != step.Force && !a.s.OverLeak() { // an OS may run: let it end in order
			err := d.power(ctx, a, v, want, "GracefulShutdown")
			if err == nil {
				if _, err = d.await(ctx, a.s, gracefulTries, func(v vitals) bool { return v.power == want }); err == nil {
					return nil
				}
			}
			if ctx.Err() != nil || step.ClassOf(err) == step.Internal {
				return err
			}
		}
		return d.power(ctx, a, v, want, "ForceOff", "PushPowerButton", "GracefulShutdown")
	default:
		return rejected("power state %q is not On or Off", want)
	}
}

// shutDown asks the OS to end, waits, and never cuts: a host that stays on is left on.
func (d *Driver) shutDown(ctx context.Context, a *act, v vitals) error {
	if err := d.power(ctx, a, v, "Off", "GracefulShutdown"); err != nil {
		return err
	}
	_, err := d.await(ctx, a.s, gracefulTries, func(v vitals) bool { return v.power == "Off" })
	if err == nil || ctx.Err() != nil || step.ClassOf(err) != step.Transient {
		return err
	}
	return step.Fail(step.Rejected, fmt.Errorf("the OS did not shut the host down: %w", err),
		"Shut it down from its own console, or say --force to cut its power.")
}

// power sends the first verb that this host allows and records the answer. It does not wait for the transition. A host
// that was taken off minutes ago is not switched on over a leak.
func (d *Driver) power(ctx context.Context, a *act, v vitals, want string, verbs ...string) error {
	target, verb, err := d.resetVerb(ctx, v.system, "#ComputerSystem.Reset", verbs...)
	if err != nil {
		return err
	}
	if want == "On" {
		if err := d.dryNow(ctx); err != nil {
			return err
		}
	}
	reached := func(ctx context.Context) (bool, error) {
		now, err := d.vitals(ctx, a.s, false)
		return err == nil && (now.power == want || now.power == "Powering"+want), err
	}
	r, err := d.say(ctx, target, map[string]any{"ResetType": verb}, reached)
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return a.sent(r.Handle())
}

// resetVerb picks the first of the verbs that the action lists. An action that lists none takes the first verb as it
// is.
func (d *Driver) resetVerb(ctx context.Context, o redfish.Object, action string, verbs ...string) (target, verb string, err error) {
	act := o.Obj("Actions", action)
	if target = act.Str("target"); target == "" {
		return "", "", unsupported("the action %s", strings.TrimPrefix(action, "#"))
	}
	allowed, err := d.allowable(ctx, act, "ResetType")
	if err != nil {
		return "", "", err
	}
	if len(allowed) == 0 {
		return target, verbs[0], nil
	}
	if verb = firstOf(allowed, verbs...); verb == "" {
		return "", "", unsupported("the reset type %s (it lists %s)", strings.Join(verbs, " or "), strings.Join(allowed, ", "))
	}
	return target, verb, nil
}

// say posts an action. After a refusal or a cut the state is read again: reached is success (R15), and it is sent once
// more only when the state has not changed. When the BMC is not ready the same action is tried again (R7, R8, R14).
func (d *Driver) say(ctx context.Context, target string, body any, reached func(context.Context) (bool, error)) (*redfish.Response, error) {
	for try := 0; ; try++ {
		r, err := d.c.rf.PostUnless(ctx, target, body, reached)
		if err == nil || !notReady(err) || redfish.IsSentUnknown(err) || try+1 >= busyTries {
			return r, err
		}
		if err := d.pause(ctx, 1<<try); err != nil {
			return nil, err
		}
	}
}

// notReady tells whether a refusal is about the moment, not about the request: HPE's 400 soon after another power
// change (R7), iDRAC's 409 (R14), POST under way (R8), busy.
func notReady(err error) bool {
	if redfish.IsTransient(err) {
		return true
	}
	var e *redfish.Error
	if !errors.As(err, &e) {
		return false
	}
	if e.Status == http.StatusConflict {
		return true
	}
	if e.Status != http.StatusBadRequest {
		return false
	}
	for _, id := range e.MessageIDs {
		for _, mark := range []string{"NotReady", "PowerStateTransition", "InvalidOperationForSystemState", "DuringSystemPOST",
			"ActionParameterValueConflict", "ResourceInUse", "Busy", "PSU024", "SYS444"} {
			if strings.Contains(id, mark) {
				return true
			}
		}
	}
	return false
}

// await looks until the vitals are as wanted. It gives the last look; a BMC that does not answer is looked at again.
func (d *Driver) await(ctx context.Context, s step.Step, tries int, ok func(vitals) bool) (vitals, error) {
	var v vitals
	var err error
	for range tries {
		if v, err = d.vitals(ctx, s, false); err == nil && ok(v) {
			return v, nil
		}
		if redfish.IsAuth(err) || redfish.IsUntrusted(err) {
			return v, err
		}
		if perr := d.pause(ctx, 1); perr != nil {
			return v, perr
		}
	}
	if err == nil {
		err = transient("", "the host stays %s", v.power)
	}
	return v, err
}
