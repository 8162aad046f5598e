package bmc

import (
	"context"
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// settings is how the entries of a manager step stand.
type settings struct {
	seen    step.Facts
	right   int
	moved   string // what is neither as planned nor as wanted
	pending bool   // something is written and waits for a restart of the controller
	paths   []string
}

// readSettings reads every resource of a step's places once.
func (d *Driver) readSettings(ctx context.Context, s step.Step) (settings, error) {
	x := settings{seen: step.Facts{}}
	at := map[string]redfish.Object{}
	for _, word := range sortedKeys(s.Want) {
		p, ok := s.Args.Places[word]
		if !ok {
			return x, step.Fail(step.Internal, fmt.Errorf("the plan has no place for %s", word), "Plan again.")
		}
		o, read := at[p.Path]
		if !read {
			r, err := d.c.rf.Get(ctx, p.Path)
			if err != nil {
				return x, fmt.Errorf("read %s: %w", word, err)
			}
			o = r.Obj
			at[p.Path] = o
			x.paths = append(x.paths, p.Path)
		}
		v, ok := p.Read(o)
		if !ok {
			return x, unsupported("%s at %s", word, p.Path)
		}
		x.seen[word] = v
		x.pending = x.pending || p.Waits(o)
		switch {
		case sameEntry(s.Want[word], v):
			x.right++
		case x.moved == "" && !sameEntry(s.Expect[word], v):
			x.moved = fmt.Sprintf("%s is %v, planned from %v", word, v, s.Expect[word])
		}
	}
	slices.Sort(x.paths)
	return x, nil
}

func sameEntry(a, b any) bool {
	_, aList := a.([]any)
	_, bList := b.([]any)
	if aList || bList {
		return rack.SameSetting(a, b)
	}
	return equalValue(a, b)
}

func (d *Driver) checkManager(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	x, err := d.readSettings(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	switch {
	case x.right == len(s.Want) && x.pending:
		return state(step.Staged, x.seen, "the settings wait for a restart of the BMC"), nil
	case x.right == len(s.Want):
		return state(step.Done, x.seen, ""), nil
	case x.moved != "":
		return state(step.Moved, x.seen, "%s", x.moved), nil
	}
	if op != nil && op.Sent {
		if op.Handle != "" {
			switch w := d.follow(ctx, op.Handle); w.phase {
			case phaseRunning, phaseWaiting:
				return state(step.Working, x.seen, "%s", w.said), nil
			case phaseFailed:
				return state(step.Ready, x.seen, "the settings were not taken: %s", w.said), nil
			case phaseUnknown, phaseDone:
			}
		}
		return state(step.Ready, x.seen, "%d of %d settings are not as wanted after the write", len(s.Want)-x.right, len(s.Want)), nil
	}
	return state(step.Ready, x.seen, ""), nil
}

// actManager writes what differs, one request for each resource. A lock-down comes off first: until then the rest
// is refused. Setting one is a step of its own.
func (d *Driver) actManager(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	x, err := d.readSettings(ctx, a.s)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, x.seen); err != nil {
		return err
	}
	handle := ""
	for _, unlock := range []bool{true, false} {
		for _, path := range x.paths {
			body := map[string]any{}
			for _, word := range sortedKeys(a.s.Want) {
				p := a.s.Args.Places[word]
				if p.Path == path && (word == lockdownWord) == unlock && !sameEntry(a.s.Want[word], x.seen[word]) {
					p.Write(body, a.s.Want[word])
				}
			}
			if len(body) == 0 {
				continue
			}
			r, err := d.c.rf.Patch(ctx, path, body, redfish.PatchOptions{
				Reached: func(ctx context.Context) (bool, error) { return d.written(ctx, a.s, path, unlock) },
			})
			if err != nil {
				return fmt.Errorf("write the settings at %s: %w", path, err)
			}
			if h := r.Handle(); h != "" {
				handle = h
			}
		}
	}
	return a.sent(handle)
}

const lockdownWord = "lockdown"

// written tells whether what a request wanted of one resource is as wanted.
func (d *Driver) written(ctx context.Context, s step.Step, path string, unlock bool) (bool, error) {
	x, err := d.readSettings(ctx, s)
	if err != nil {
		return false, err
	}
	for word, want := range s.Want {
		if s.Args.Places[word].Path == path && (word == lockdownWord) == unlock && !sameEntry(want, x.seen[word]) {
			return false, nil
		}
	}
	return true, nil
}
