package bmc

import (
	"context"
	"fmt"

	"github.com/metalwright/metalwright/internal/step"
)

// checkBIOSReset says how a reset to defaults stands. What counts is the attributes that the plan found off their
// default: some BMCs show the defaults in the settings object until the host restarts, some show nothing at all.
func (d *Driver) checkBIOSReset(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	x, err := d.setup(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	seen, left, waiting, foreignTo := step.Facts{}, []string{}, 0, ""
	for _, name := range sortedKeys(s.Want) {
		cur, want := x.current[name], s.Want[name]
		pend, entered := x.pending[name]
		seen[name] = cur
		switch {
		case equalValue(want, cur) && (!entered || equalValue(want, pend)):
		case entered && equalValue(want, pend) && !equalValue(cur, pend):
			waiting++
			left = append(left, name)
		default:
			left = append(left, name)
			if !equalValue(s.Expect[name], cur) {
				foreignTo = name
			}
		}
	}
	sent := op != nil && op.Sent
	switch {
	case len(left) == 0:
		return state(step.Done, seen, ""), nil
	case waiting == len(left):
		return state(step.Staged, seen, "%d defaults wait for a reset", waiting), nil
	case sent && !d.activated(ctx, s, op):
		return state(step.Staged, seen, "the defaults wait for a reset"), nil
	case sent:
		if v, err := d.vitals(ctx, s, false); err == nil && d.starting(v) {
			return state(step.Working, seen, "the host is starting (%s)", v.progress), nil
		}
		return state(step.Ready, seen, "%s is still %v", left[0], x.current[left[0]]), nil
	case foreignTo != "":
		return state(step.Moved, seen, "%s is %v, planned from %v", foreignTo, x.current[foreignTo], s.Expect[foreignTo]), nil
	}
	return state(step.Ready, seen, ""), nil
}

func (d *Driver) actBIOSReset(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	if a.s.Args.Path == "" {
		return unsupported("a reset of its BIOS to defaults")
	}
	if err := d.afterPOST(ctx, a.s); err != nil {
		return err
	}
	v, err := d.vitals(ctx, a.s, false)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	// A second request equals the first, so a lost answer is simply asked for again.
	r, err := d.c.rf.Post(ctx, a.s.Args.Path, map[string]any{}) // R12: never without a body
	if err != nil {
		return fmt.Errorf("reset the BIOS to its defaults: %w", err)
	}
	return a.sent(r.Handle())
}
