package bmc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// setup is the BIOS of one host: what runs, what waits, and what the vendor's job queue says about it.
type setup struct {
	current  redfish.Object
	settings string // path of the settings object
	pending  redfish.Object
	full     bool // the pending view is a copy of all attributes, not a difference
	applies  []string
	said     string // what the last application reported
	jobs     []work // live configuration jobs
	stuck    []work // our own, given up: to be deleted before anything else is staged
	queued   bool   // this BMC keeps a job queue: what waits without a job does not wait
}

// setup reads current, pending and jobs. Current alone is not the truth: some show pending values there (R55).
func (d *Driver) setup(ctx context.Context, s step.Step) (setup, error) {
	host, err := d.host(ctx, s)
	if err != nil {
		return setup{}, err
	}
	sys, err := d.c.rf.Get(ctx, host)
	if err != nil {
		return setup{}, fmt.Errorf("read the system: %w", err)
	}
	path := sys.Obj.Link("Bios")
	if path == "" {
		return setup{}, unsupported("BIOS settings")
	}
	b, err := d.c.rf.Get(ctx, path)
	if err != nil {
		return setup{}, fmt.Errorf("read the BIOS: %w", err)
	}
	x := setup{current: b.Obj.Obj("Attributes"), settings: b.Obj.Link("@Redfish.Settings", "SettingsObject"),
		applies: b.Obj.Strs("@Redfish.Settings", "SupportedApplyTimes")}
	if x.settings == "" {
		x.settings = s.Args.Path
	}
	for _, m := range redfish.Messages(b.Obj.Obj("@Redfish.Settings")) {
		if !m.IsSuccess() && m.Text != "" {
			x.said = m.Text
		}
	}
	if x.settings != "" {
		p, err := d.c.rf.Get(ctx, x.settings)
		if err != nil && !redfish.IsNotFound(err) {
			return x, fmt.Errorf("read the pending settings: %w", err)
		}
		if err == nil {
			x.pending = p.Obj.Obj("Attributes")
		}
	}
	x.full = len(x.current) > 0 && len(x.pending)*10 >= len(x.current)*8
	return x, d.setupJobs(ctx, &x)
}

// setupJobs finds the live BIOS configuration jobs, on BMCs that keep a job queue.
func (d *Driver) setupJobs(ctx context.Context, x *setup) error {
	l, err := d.layout(ctx)
	if err != nil || l.jobs == "" {
		return err
	}
	all, err := d.works(ctx)
	if err != nil {
		return err
	}
	x.queued = true
	for _, w := range all {
		switch {
		case !w.live() || !strings.Contains(strings.ToLower(w.kind), "bios") || w.update:
		case d.c.isGivenUp(w.uri):
			x.stuck = append(x.stuck, w)
		default:
			x.jobs = append(x.jobs, w)
		}
	}
	return nil
}

// stance is how one wanted attribute stands.
type stance uint8

const (
	asWanted  stance = iota // runs
	waiting                 // waits
	asPlanned               // runs as Expect says
	foreign                 // neither
)

// stance judges one attribute. Where there is a job queue, an entry of the settings object waits even when the BIOS
// shows its value already (R55), and what waits without a job never comes by itself.
func (x setup) stance(name string, want, expect any, planned bool) stance {
	cur := x.current[name]
	pend, entered := x.pending[name]
	waits := entered && (!equalValue(cur, pend) || x.queued && !x.full)
	alive := !x.queued || len(x.jobs) > 0
	running := slices.ContainsFunc(x.jobs, func(w work) bool { return w.phase == phaseRunning })
	switch {
	case waits && equalValue(want, pend) && alive:
		return waiting
	case waits && equalValue(want, pend):
		return asPlanned
	case equalValue(want, cur) && running && !entered:
		return waiting // the settings object is emptied before the job has ended
	case equalValue(want, cur) && !waits:
		return asWanted
	case equalValue(want, cur), !planned, equalValue(expect, cur), entered && equalValue(expect, pend):
		return asPlanned
	default:
		return foreign
	}
}

func (d *Driver) checkBIOS(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	x, err := d.setup(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	d.giveUpStuck(ctx, s, op, &x)
	seen := step.Facts{}
	count := map[stance][]string{}
	for _, name := range sortedKeys(s.Want) {
		if _, known := x.current[name]; !known {
			if _, known = x.pending[name]; !known {
				return state(step.Moved, seen, "the BIOS has no attribute %s", name), nil
			}
		}
		seen[name] = x.current[name]
		expect, planned := s.Expect[name]
		st := x.stance(name, s.Want[name], expect, planned)
		if _, entered := x.pending[name]; st == asWanted && s.Args.AfterReset && !entered && !d.activated(ctx, s, op) {
			st = asPlanned // the reset to defaults that waits takes it away
			if op != nil && op.Sent {
				st = waiting // asked for on top of it; a settings object of differences does not show what stays as it is
			}
		}
		if slices.Contains(s.Args.Once, name) {
			st = d.onceStance(ctx, s, op, x, name)
		}
		count[st] = append(count[st], name)
	}
	return d.judgeBIOS(ctx, s, op, x, count, seen)
}

// onceStance judges an attribute that falls back by itself after one start: it is done when the host has started with it.
func (d *Driver) onceStance(ctx context.Context, s step.Step, op *step.Op, x setup, name string) stance {
	pend, entered := x.pending[name]
	waits := entered && equalValue(s.Want[name], pend) && !equalValue(pend, x.current[name]) && (!x.queued || len(x.jobs) > 0)
	switch {
	case waits:
		return waiting
	case op == nil || !op.Sent:
		return asPlanned
	case !d.activated(ctx, s, op):
		return waiting
	default:
		return asWanted
	}
}

func (d *Driver) judgeBIOS(ctx context.Context, s step.Step, op *step.Op, x setup, count map[stance][]string, seen step.Facts) (step.State, error) {
	running := slices.ContainsFunc(x.jobs, func(w work) bool { return w.phase == phaseRunning })
	switch {
	case len(count[foreign]) > 0:
		name := count[foreign][0]
		return state(step.Moved, seen, "%s is %v, planned from %v", name, x.current[name], s.Expect[name]), nil
	case len(count[asPlanned]) > 0:
		if len(x.stuck) > 0 {
			return state(step.Ready, seen, "job %s has waited through a boot and holds the settings", lastPart(x.stuck[0].uri)), nil
		}
		if op != nil && op.Sent {
			if v, err := d.vitals(ctx, s, false); err == nil && d.starting(v) {
				return state(step.Working, seen, "the host is starting (%s)", v.progress), nil
			}
			if op.Handle != "" {
				if w := d.follow(ctx, op.Handle); w.phase == phaseRunning {
					return state(step.Working, seen, "%s", w.said), nil
				} else if w.phase == phaseFailed {
					return state(step.Ready, seen, "the settings were not applied: %s", w.said), nil
				}
			}
			return state(step.Ready, seen, "%s is still %v %s", count[asPlanned][0], x.current[count[asPlanned][0]], x.said), nil
		}
		return state(step.Ready, seen, ""), nil
	case len(count[waiting]) > 0:
		if running {
			return state(step.Working, seen, "the settings are being applied"), nil
		}
		return state(step.Staged, seen, "%d settings wait for a reset", len(count[waiting])), nil
	default:
		return state(step.Done, seen, ""), nil
	}
}

func (d *Driver) actBIOS(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	x, err := d.setup(ctx, a.s)
	if err != nil {
		return err
	}
	path := a.s.Args.Path
	if path == "" {
		path = x.settings
	}
	if path == "" {
		return unsupported("a settings object of its BIOS")
	}
	v, err := d.vitals(ctx, a.s, false)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	if len(x.stuck) > 0 {
		if err := d.clearStuck(ctx, a, x); err != nil {
			return err
		}
		if x, err = d.setup(ctx, a.s); err != nil {
			return err
		}
	}
	r, err := d.patch(ctx, a.s, path, x.request(a.s))
	if jobInTheWay(err) { // one configuration job per target: this one holds other values than ours
		return step.Fail(step.Rejected, fmt.Errorf("stage BIOS settings: %w", err),
			"A configuration job of somebody else waits on this BMC: delete it, or restart the host, then run again.")
	}
	if err != nil {
		return fmt.Errorf("stage BIOS settings: %w", err)
	}
	return a.sent(r.Handle())
}

// request is what stages what is not as wanted yet.
func (x setup) request(s step.Step) map[string]any {
	change := map[string]any{}
	alive := !x.queued || len(x.jobs) > 0
	for name, want := range s.Want {
		have := x.current[name]
		if s.Args.AfterReset {
			have = nil
		}
		if p, ok := x.pending[name]; ok && alive {
			have = p
		}
		if !equalValue(want, have) {
			change[name] = want
		}
	}
	body := map[string]any{"Attributes": change}
	apply := s.Args.ApplyTime
	if apply == "" {
		apply = "OnReset"
	}
	if slices.Contains(x.applies, apply) { // sent only where it is listed (redfish.md §6.1)
		body["@Redfish.SettingsApplyTime"] = map[string]any{"ApplyTime": apply}
	}
	return body
}

// patch writes settings. While the host POSTs some refuse it: then the end of POST is awaited (R8). Whether a write
// that was refused or cut has acted is for Check to say: the settings are the truth.
func (d *Driver) patch(ctx context.Context, s step.Step, path string, body any) (*redfish.Response, error) {
	opt := redfish.PatchOptions{
		Reached: func(ctx context.Context) (bool, error) {
			st, err := d.check(ctx, s, nil)
			return accepted(st.Standing), err
		},
		Moved: func(*redfish.Resource) bool {
			st, err := d.check(ctx, s, nil)
			return err == nil && st.Standing == step.Moved
		},
	}
	for try := 0; ; try++ {
		r, err := d.c.rf.Patch(ctx, path, body, opt)
		if err == nil || !duringPOST(err) || try >= postEndTries {
			return r, err
		}
		if err := d.pause(ctx, evidencePauses); err != nil {
			return nil, err
		}
	}
}

// afterPOST waits until the host has started, or is off.
func (d *Driver) afterPOST(ctx context.Context, s step.Step) error {
	for range postEndTries {
		v, err := d.vitals(ctx, s, false)
		if err != nil || !d.starting(v) {
			return err
		}
		if err := d.pause(ctx, evidencePauses); err != nil {
			return err
		}
	}
	return transient("See why the host does not leave its start-up.", "the host does not leave its start-up")
}

// accepted tells whether the device has taken the change.
func accepted(s step.Standing) bool { return s == step.Done || s == step.Staged || s == step.Working }

// duringPOST tells whether a write was refused because the host is starting.
func duringPOST(err error) bool {
	var e *redfish.Error
	if !errors.As(err, &e) || e.Status < http.StatusBadRequest {
		return false
	}
	return slices.ContainsFunc(e.MessageIDs, func(id string) bool { return strings.Contains(id, "DuringSystemPOST") })
}

func sortedKeys(f step.Facts) []string {
	out := make([]string, 0, len(f))
	for k := range f {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
