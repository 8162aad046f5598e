// Package drivertest is the conformance suite of drivers: what every driver must do on every kind of device, in
// virtual time.
//
// A driver passes when Check never writes, Act twice equals once, the handle is recorded before anything is polled, a
// cut leaves Check truthful and the change made once all the same, a stale Expect is Moved, and every session is
// closed.
package drivertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// Driver is what the suite drives: the seam of the apply loop, and how a process lets go of a device.
type Driver interface {
	Check(ctx context.Context, s step.Step, op *step.Op) (step.State, error)
	Act(ctx context.Context, s step.Step, record func(step.Op) error) error
	Close(ctx context.Context) error
}

// Case is one change that a device can make.
type Case struct {
	Name  string
	Step  step.Step
	Reset step.Activation // what makes it real; step.None when nothing has to
	// Drift makes Step.Expect stale behind the driver's back; nil when the kind has no Expect to speak of.
	Drift func() error
	// Real tells whether the change is real on the device, whatever the device says.
	Real func() bool
}

// Rig is one fresh device. It is made anew for every test, inside a bubble of testing/synctest, and cleaned up by
// t.Cleanup.
type Rig struct {
	Open     func() Driver // a driver as a new process would open it
	Cases    []Case
	ResetOf  func(class step.Activation) step.Step // nil = nothing of it is reset
	AuxCycle bool                                  // it can cut its own standby power
	Writes   func() int                            // requests that may change the device, log-in and log-out not counted
	Effects  func() map[string]int                 // what really happened: resets by class, images taken, volumes made …
	Broken   func() []string                       // what no careful driver does
	Sessions func() int                            // open at this moment
	Faults   func() map[string]int                 // how often each fault of the device has struck; nil = it has none
}

const (
	lookEvery = 10 * time.Second
	lookLimit = 2000 // looks of one test: five and a half hours of virtual time
)

// Run runs the suite.
func Run(t *testing.T, newRig func(t *testing.T) *Rig) {
	names := caseNames(t, newRig)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				name string
				run  func(t *testing.T, r *Rig, c Case)
			}{
				{"check never writes", checkNeverWrites},
				{"recorded before and after", recorded},
				{"a journal that fails stops it", journalFails},
				{"twice equals once", twiceEqualsOnce},
				{"a cut before and within the request", func(t *testing.T, r *Rig, c Case) { cut(t, r, c, false) }},
				{"a cut after the answer was recorded", func(t *testing.T, r *Rig, c Case) { cut(t, r, c, true) }},
				{"a stale expectation is moved", staleIsMoved},
			} {
				t.Run(test.name, func(t *testing.T) {
					bubble(t, newRig, func(t *testing.T, r *Rig) { test.run(t, r, caseOf(t, r, name)) })
				})
			}
		})
	}
	t.Run("all at once", func(t *testing.T) { bubble(t, newRig, allAtOnce) })
	t.Run("and back", func(t *testing.T) { bubble(t, newRig, andBack) })
	t.Run("a reset that was cut is not made twice", func(t *testing.T) { bubble(t, newRig, resetCut) })
}

func caseNames(t *testing.T, newRig func(t *testing.T) *Rig) []string {
	var names []string
	bubble(t, newRig, func(_ *testing.T, r *Rig) {
		for _, c := range r.Cases {
			names = append(names, c.Name)
		}
	})
	return names
}

// bubble runs a test on a fresh rig and sees to it that nothing is left behind.
func bubble(t *testing.T, newRig func(t *testing.T) *Rig, run func(t *testing.T, r *Rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		run(t, r)
		if n := r.Sessions(); n != 0 {
			t.Errorf("%d sessions are left open", n)
		}
		if b := r.Broken(); len(b) > 0 {
			t.Errorf("broken rules: %v", b)
		}
	})
}

func caseOf(t *testing.T, r *Rig, name string) Case {
	for _, c := range r.Cases {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("the rig has no case %q this time", name)
	return Case{}
}

func closing(t *testing.T, d Driver) {
	t.Helper()
	if err := d.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("close: %v", err)
	}
}

func checkNeverWrites(t *testing.T, r *Rig, c Case) {
	d := r.Open()
	defer closing(t, d)
	before := r.Writes()
	for _, op := range []*step.Op{nil, {Step: c.Step.ID}, {Step: c.Step.ID, Sent: true, Handle: "/redfish/v1/TaskService/Tasks/none"}} {
		st, err := d.Check(t.Context(), c.Step, op)
		if err != nil {
			t.Fatalf("check: %v", err)
		}
		if op == nil && st.Standing != step.Ready {
			t.Fatalf("a fresh device is %s (%s), want ready", st.Standing, st.Note)
		}
		if st.Standing == step.Done {
			t.Fatalf("done before anything was done: %s", st.Note)
		}
	}
	if n := r.Writes() - before; n != 0 {
		t.Fatalf("check wrote %d times", n)
	}
}

func recorded(t *testing.T, r *Rig, c Case) {
	d := r.Open()
	defer closing(t, d)
	before := r.Writes()
	var ops []step.Op
	err := d.Act(t.Context(), c.Step, func(op step.Op) error {
		switch {
		case len(ops) == 0 && (op.Sent || op.Handle != "" || r.Writes() != before):
			t.Errorf("the first record comes after the fact: %+v, %d writes", op, r.Writes()-before)
		case len(ops) == 0 && op.Baseline == nil:
			t.Error("the first record has no baseline")
		case op.Step != c.Step.ID:
			t.Errorf("recorded for step %q", op.Step)
		case len(ops) == 1 && !op.Sent:
			t.Errorf("the second record is not of the answer: %+v", op)
		}
		ops = append(ops, op)
		return nil
	})
	if err != nil {
		t.Fatalf("act: %v", err)
	}
	if len(ops) < 2 {
		t.Fatalf("recorded %d times, want before and after", len(ops))
	}
	for _, op := range ops[2:] {
		if op.Handle != ops[1].Handle && ops[1].Handle == "" {
			t.Errorf("the handle came late: %q after %+v", op.Handle, ops[1])
		}
	}
}

var errDisk = errors.New("no space left on device")

func journalFails(t *testing.T, r *Rig, c Case) {
	d := r.Open()
	defer closing(t, d)
	before := r.Writes()
	err := d.Act(t.Context(), c.Step, func(step.Op) error { return errDisk })
	if !errors.Is(err, errDisk) || step.ClassOf(err) != step.Internal {
		t.Fatalf("act: %v (class %s)", err, step.ClassOf(err))
	}
	if n := r.Writes() - before; n != 0 {
		t.Fatalf("%d writes without a record", n)
	}
}

func twiceEqualsOnce(t *testing.T, r *Rig, c Case) {
	d := r.Open()
	defer closing(t, d)
	b := &bringing{t: t, r: r, d: d}
	b.stage(c)
	first := *b.ops[c.Step.ID]
	if err := d.Act(t.Context(), c.Step, b.record(c.Step)); err != nil {
		t.Fatalf("act again: %v", err)
	}
	if b.ops[c.Step.ID].Handle == "" {
		b.ops[c.Step.ID] = &first // a request that changed nothing has no handle of its own
	}
	b.finish(c)
	b.onlyOnce(c)
	before := b.without(r.Effects())
	writes := r.Writes()
	if err := d.Act(t.Context(), c.Step, b.record(c.Step)); err != nil {
		t.Fatalf("act once it is done: %v", err)
	}
	if n := r.Writes() - writes; n != 0 {
		t.Errorf("acting once it is done wrote %d times", n)
	}
	if after := b.without(r.Effects()); !maps.Equal(before, after) {
		t.Errorf("effects %v, after the second act %v", before, after)
	}
}

// cut stops an act as a crash would, and goes on in a new process: first before its request, then between the request
// and its record, or right after the record of the answer.
func cut(t *testing.T, r *Rig, c Case, answerRecorded bool) {
	b := &bringing{t: t, r: r}
	b.d = r.Open()
	err := b.d.Act(t.Context(), c.Step, func(op step.Op) error {
		if err := b.record(c.Step)(op); err != nil {
			return err
		}
		return errDisk
	})
	closing(t, b.d)
	b.d = r.Open()
	if st := b.look(c.Step); err == nil || st.Standing != step.Ready || c.Real() {
		t.Fatalf("cut before the request: %v; check says %s (%s), real is %v", err, st.Standing, st.Note, c.Real())
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = b.d.Act(ctx, c.Step, func(op step.Op) error {
		if op.Sent {
			cancel()
			if !answerRecorded {
				return errDisk
			}
		}
		return b.record(c.Step)(op)
	})
	cancel()
	if err == nil && !answerRecorded {
		t.Error("act went on after its record had failed")
	}
	closing(t, b.d)
	b.d = r.Open()
	defer func() { closing(t, b.d) }()
	if st := b.look(c.Step); c.Real() && st.Standing == step.Moved || !c.Real() && st.Standing == step.Done {
		t.Errorf("real is %v, check says %s (%s)", c.Real(), st.Standing, st.Note)
	}
	b.stage(c)
	b.finish(c)
	b.onlyOnce(c)
}

func staleIsMoved(t *testing.T, r *Rig, c Case) {
	if c.Drift == nil {
		t.Skip("this kind has no expectation that can go stale")
	}
	d := r.Open()
	defer closing(t, d)
	if err := c.Drift(); err != nil {
		t.Fatalf("drift: %v", err)
	}
	st, err := d.Check(t.Context(), c.Step, nil)
	if err != nil || st.Standing != step.Moved || st.Note == "" {
		t.Fatalf("check: %s (%s), %v; want moved with a note", st.Standing, st.Note, err)
	}
	before := r.Writes()
	err = d.Act(t.Context(), c.Step, func(step.Op) error { return nil })
	if step.ClassOf(err) != step.HasMoved || r.Writes() != before {
		t.Fatalf("act: %v (class %s), %d writes; want class moved and none", err, step.ClassOf(err), r.Writes()-before)
	}
}

// allAtOnce makes every change, with one reset per class.
func allAtOnce(t *testing.T, r *Rig) {
	d := r.Open()
	defer closing(t, d)
	b := &bringing{t: t, r: r, d: d}
	b.everything(1)
	for class, n := range b.made {
		if n != 1 {
			t.Errorf("%d resets of class %s", n, class)
		}
	}
}

// Converge makes every change of the rig's cases on a device that misbehaves, and sees to it that all of them become
// real: with as many as three resets per class, since some quirks cost one, and each image taken at most as often as
// told. It gives what struck.
func Converge(t *testing.T, newRig func(t *testing.T) *Rig, mostFlashes int) (struck map[string]int) {
	bubble(t, newRig, func(t *testing.T, r *Rig) {
		d := r.Open()
		b := &bringing{t: t, r: r, d: d}
		b.everything(3)
		b.back()
		closing(t, d)
		for what, n := range b.without(r.Effects()) {
			if n > mostFlashes {
				t.Errorf("%s happened %d times", what, n)
			}
		}
		if r.Faults != nil {
			struck = r.Faults()
		}
	})
	return struck
}

// andBack takes changes back, in the moments that BMCs like least.
func andBack(t *testing.T, r *Rig) {
	d := r.Open()
	defer closing(t, d)
	b := &bringing{t: t, r: r, d: d}
	b.everything(1)
	b.back()
}

// back takes back what everything made and can be taken back: power on right after off, settings while the host
// starts, media out and in again, and standby power where it can be cut.
func (b *bringing) back() {
	b.t.Helper()
	for _, c := range b.r.Cases {
		if c.Step.Kind == step.Power {
			b.until(c.Step, step.Done)
			b.until(reverse(c.Step), step.Done)
		}
	}
	for _, c := range b.r.Cases {
		if c.Step.Kind == step.BIOS { // the host is starting now
			s := reverse(c.Step)
			b.until(s, step.Staged)
			b.reset(c.Reset)
			b.until(s, step.Done)
			if c.Real() {
				b.t.Errorf("%s is back (%s) and still as it was", c, b.last.Note)
			}
		}
	}
	for _, c := range b.r.Cases {
		if c.Step.Kind == step.Media {
			out := c.Step
			out.ID += "-out"
			out.Expect, out.Want = c.Step.Want, step.Facts{"image": "", "inserted": false}
			b.until(out, step.Done)
			delete(b.ops, c.Step.ID)
			b.until(c.Step, step.Done)
			if !c.Real() {
				b.t.Errorf("%s is in again (%s) and not real", c, b.last.Note)
			}
		}
	}
	if b.r.AuxCycle {
		b.reset(step.AuxCycle)
	}
}

// reverse is the step that takes a step back.
func reverse(s step.Step) step.Step {
	s.ID += "-back"
	s.Expect, s.Want = s.Want, s.Expect
	return s
}

// everything makes all changes: class by class, weakest first, and what needs no reset at the end.
func (b *bringing) everything(rounds int) {
	b.t.Helper()
	classes := map[step.Activation][]Case{}
	for _, c := range b.r.Cases {
		classes[c.Reset] = append(classes[c.Reset], c)
	}
	for _, class := range []step.Activation{step.BMCReset, step.HostReset, step.HostPowerCycle, step.AuxCycle} {
		left := classes[class]
		for round := 0; len(left) > 0; round++ {
			if round == rounds {
				b.t.Fatalf("%d resets of class %s and not real: %v (%s: %s)", round, class, left, b.last.Standing, b.last.Note)
			}
			for _, c := range left {
				b.stage(c)
			}
			b.reset(class)
			left = b.settle(left)
		}
	}
	for _, c := range classes[step.None] {
		b.until(c.Step, step.Done)
		if !c.Real() {
			b.t.Errorf("%s is done (%s) and not real", c, b.last.Note)
		}
	}
}

// settle looks at what was activated until nothing moves any more, and gives what is not done.
func (b *bringing) settle(cases []Case) []Case {
	b.t.Helper()
	const quiet = 10 * time.Minute // longer than any inventory lags
	since := time.Now()
	for range lookLimit {
		var left []Case
		for _, c := range cases {
			switch st := b.look(c.Step); st.Standing {
			case step.Done:
				if !c.Real() {
					b.t.Errorf("%s is done (%s) and not real", c, st.Note)
				}
			case step.Working:
				since = time.Now()
				left = append(left, c)
			default:
				left = append(left, c)
			}
		}
		if len(left) == 0 || time.Since(since) > quiet {
			return left
		}
		time.Sleep(lookEvery)
	}
	b.t.Fatal("it never settles")
	return nil
}

// resetCut cuts a reset right after it was sent, and goes on in a new process.
func resetCut(t *testing.T, r *Rig) {
	if r.ResetOf == nil {
		t.Skip("nothing of this device is reset")
	}
	for _, class := range []step.Activation{step.BMCReset, step.HostReset} {
		s := r.ResetOf(class)
		d := r.Open()
		b := &bringing{t: t, r: r, d: d}
		ctx, cancel := context.WithCancel(t.Context())
		keep := b.record(s)
		err := d.Act(ctx, s, func(op step.Op) error {
			err := keep(op)
			if op.Sent {
				cancel()
			}
			return err
		})
		cancel()
		closing(t, d)
		b.d = r.Open()
		b.activate(s)
		closing(t, b.d)
		if n := b.acts; n > 2 {
			t.Errorf("%s: acted %d times after %v", class, n, err)
		}
	}
}

// bringing is a small apply loop with a journal in memory.
type bringing struct {
	t    *testing.T
	r    *Rig
	d    Driver
	ops  map[step.ID]*step.Op
	last step.State
	acts int
	made map[step.Activation]int
}

func (b *bringing) record(s step.Step) func(step.Op) error {
	return func(op step.Op) error {
		if b.ops == nil {
			b.ops = map[step.ID]*step.Op{}
		}
		b.ops[s.ID] = &op
		return nil
	}
}

// look checks once; a BMC that does not answer is looked at again.
func (b *bringing) look(s step.Step) step.State {
	b.t.Helper()
	for range lookLimit {
		st, err := b.d.Check(b.t.Context(), s, b.ops[s.ID])
		switch c := step.ClassOf(err); {
		case err == nil:
			b.last = st
			return st
		case c != step.Transient && c != step.Unreachable:
			b.t.Fatalf("check %s: %v", s.ID, err)
		}
		time.Sleep(lookEvery)
	}
	b.t.Fatalf("check %s never answers", s.ID)
	return step.State{}
}

// stage acts until a case is accepted for its reset, or done.
func (b *bringing) stage(c Case) {
	b.t.Helper()
	b.until(c.Step, step.Staged)
}

// until goes on with a step until it stands as wanted, or is done.
func (b *bringing) until(s step.Step, want step.Standing) {
	b.t.Helper()
	acts := 0
	for range lookLimit {
		switch st := b.look(s); st.Standing {
		case want, step.Done:
			return
		case step.Ready:
			if acts++; acts > 3 {
				b.t.Fatalf("%s: acted %d times and is still ready: %s", s.ID, acts-1, st.Note)
			}
			if err := b.d.Act(b.t.Context(), s, b.record(s)); err != nil {
				if c := step.ClassOf(err); c != step.Transient && c != step.Unreachable {
					b.t.Fatalf("act %s: %v", s.ID, err)
				}
				b.t.Logf("act %s: %v", s.ID, err)
			}
		case step.Moved:
			b.t.Fatalf("%s moved: %s", s.ID, st.Note)
		}
		if s.Kind == step.Power {
			time.Sleep(lookEvery / 5) // on right after off (R7, R14)
			continue
		}
		time.Sleep(lookEvery)
	}
	b.t.Fatalf("%s never becomes %s: it is %s (%s)", s.ID, want, b.last.Standing, b.last.Note)
}

// finish resets when that is needed and waits until a case is real.
func (b *bringing) finish(c Case) {
	b.t.Helper()
	if b.look(c.Step).Standing != step.Done && c.Reset > step.None {
		b.reset(c.Reset)
	}
	b.until(c.Step, step.Done)
	if !c.Real() {
		b.t.Fatalf("%s is done (%s) and not real", c.Step.ID, b.last.Note)
	}
}

func (b *bringing) reset(class step.Activation) {
	b.t.Helper()
	s := b.r.ResetOf(class)
	delete(b.ops, s.ID) // each reset is a new one
	b.acts = 0
	b.activate(s)
	if b.made == nil {
		b.made = map[step.Activation]int{}
	}
	b.made[class]++
}

// activate goes on with a reset until it is behind.
func (b *bringing) activate(s step.Step) {
	b.t.Helper()
	for range lookLimit {
		st := b.look(s)
		switch {
		case st.Standing == step.Done:
			return
		case st.Standing == step.Ready:
			if b.acts++; b.acts > 8 {
				b.t.Fatalf("%s: acted %d times: %s", s.ID, b.acts-1, st.Note)
			}
			if err := b.d.Act(b.t.Context(), s, b.record(s)); err != nil {
				if c := step.ClassOf(err); c != step.Transient && c != step.Unreachable {
					b.t.Fatalf("act %s: %v", s.ID, err)
				}
				b.t.Logf("act %s: %v", s.ID, err)
			}
		}
		time.Sleep(lookEvery)
	}
	b.t.Fatalf("%s never ends: %s (%s)", s.ID, b.last.Standing, b.last.Note)
}

// onlyOnce sees to it that an interrupted change was made once.
func (b *bringing) onlyOnce(c Case) {
	for what, n := range b.without(b.r.Effects()) {
		if n > 1 {
			b.t.Errorf("%s: %s happened %d times", c.Step.ID, what, n)
		}
	}
}

// without leaves out resets, which are counted by who issues them.
func (b *bringing) without(effects map[string]int) map[string]int {
	out := map[string]int{}
	for k, v := range effects {
		if class, err := step.ParseActivation(k); err != nil || class == step.NoClass {
			out[k] = v
		}
	}
	return out
}

// String names a case in a failure.
func (c Case) String() string { return fmt.Sprintf("%s (%s)", c.Name, c.Step.Kind) }
