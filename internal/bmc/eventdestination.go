package bmc

import (
	"context"
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// eventView is how the lasting subscriptions of a step stand.
type eventView struct {
	service redfish.Object
	all     []seenSubscription
	ours    []string // destinations that deliver, sorted
	on      bool
	told    bool // whether the service says that it is on
}

func (v eventView) facts(like step.Facts) step.Facts {
	f := step.Facts{"destinations": anyTexts(v.ours)}
	if _, asked := like["enabled"]; asked {
		f["enabled"] = v.on
	}
	return f
}

func anyTexts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func (d *Driver) eventView(ctx context.Context, s step.Step) (eventView, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Resource)
	if err != nil {
		return eventView{}, fmt.Errorf("read the event service: %w", err)
	}
	v := eventView{service: r.Obj}
	v.on, v.told = r.Obj.Bool("ServiceEnabled")
	v.on = v.on || !v.told
	if v.all, err = d.subscriptions(ctx, s.Args.Path); err != nil {
		return v, err
	}
	for _, x := range v.all {
		if x.ours() && x.works() {
			v.ours = append(v.ours, x.to())
		}
	}
	slices.Sort(v.ours)
	v.ours = slices.Compact(v.ours)
	return v, nil
}

// ours tells whether it is a lasting one that Metalwright made.
func (s seenSubscription) ours() bool { return s.context() == rack.EventContext && !s.free() }

func sameFacts(a, b step.Facts) bool {
	return len(a) == len(b) && !slices.ContainsFunc(sortedKeys(a), func(k string) bool { return !sameEntry(a[k], b[k]) })
}

func (d *Driver) checkEventDestination(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	v, err := d.eventView(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	seen := v.facts(s.Want)
	switch {
	case sameFacts(seen, s.Want):
		return state(step.Done, seen, ""), nil
	case op != nil:
		return state(step.Ready, seen, "not every subscription is as wanted"), nil
	case sameFacts(seen, s.Expect):
		return state(step.Ready, seen, ""), nil
	}
	return state(step.Moved, seen, "events are pushed to %v, planned from %v", seen["destinations"], s.Expect["destinations"]), nil
}

// actEventDestination takes away what is not wanted any more, which makes room, and makes what is missing. What was suspended is made
// anew.
func (d *Driver) actEventDestination(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	v, err := d.eventView(ctx, a.s)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts(a.s.Want)); err != nil {
		return err
	}
	if a.s.Want["enabled"] == true && v.told && !v.on {
		if _, err := d.c.rf.Patch(ctx, a.s.Args.Resource, map[string]any{"ServiceEnabled": true}, redfish.PatchOptions{}); err != nil {
			return fmt.Errorf("switch the event service on: %w", err)
		}
	}
	wanted := listOfTexts(a.s.Want["destinations"])
	for _, s := range v.all {
		if s.ours() && (!slices.Contains(wanted, s.to()) || !s.works()) {
			if err := d.endSubscription(ctx, s); err != nil {
				return fmt.Errorf("take the subscription of %s away: %w", s.to(), err)
			}
		}
	}
	for _, to := range wanted {
		if slices.Contains(v.ours, to) {
			continue
		}
		all, err := d.subscriptions(ctx, a.s.Args.Path)
		if err != nil {
			return err
		}
		if err := d.newSubscription(ctx, a.s.Args.Path, v.service, all, destination{to: to, context: rack.EventContext}); err != nil {
			return err
		}
	}
	return a.sent("")
}

func listOfTexts(v any) []string {
	var out []string
	l, _ := v.([]any)
	for _, x := range l {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
