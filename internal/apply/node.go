package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

// node is one node under way. It belongs to one goroutine.
type node struct {
	r       *run
	np      plan.NodePlan
	wave    plan.Wave
	drv     Driver
	started time.Time
	index   int // of the step under way

	steps     map[step.ID]*progress
	activator map[step.ID]step.ID // which step makes a staged one real
	resets    map[string]int

	rungs     []step.Step      // of the recovery ladder, mildest first
	used      map[step.ID]bool // rungs that were taken, by this process or an earlier one
	recovered []string         // what helped, for people

	give func() // gives the power domain's turn back; nil = it is not held
}

// progress is what this process knows about one step.
type progress struct {
	op       *step.Op      // of the last attempt
	old      bool          // op was recorded by an earlier process
	attempts int           // by this process, and the one that it took over
	sent     int           // of these, answered by the device
	open     bool          // has an intent and no outcome
	result   Word          // Done or Skipped once it needs nothing more
	presumed bool          // accepted, cannot be seen, and taken as staged (R18)
	missed   bool          // of a reset: it ended without its target once
	lastErr  error         // of the last attempt
	seen     step.Standing // at the last look that succeeded
}

func newNode(r *run, np plan.NodePlan, w plan.Wave, _ int) *node {
	n := &node{r: r, np: np, wave: w, started: time.Now(), steps: map[step.ID]*progress{},
		activator: map[step.ID]step.ID{}, resets: map[string]int{}, used: map[step.ID]bool{}}
	if r.plan.Verb == "" && !isSwitch(np) { // a technician who says one thing has said yes to that alone
		n.rungs = step.Ladder(np.Name, np.Address, systemOf(np))
	}
	for _, s := range slices.Concat(np.Steps, n.rungs) {
		old := r.replay.Steps[s.ID]
		p := &progress{open: old.Open}
		switch {
		case old.Result == string(Done) || old.Result == string(Skipped):
			p.result = Word(old.Result)
		case old.Open:
			p.op, p.old, p.sent = old.Op, old.Op != nil, old.Sent
			p.missed = old.Standing == standingMissed
			if old.Op != nil && old.Op.Sent {
				p.attempts = 1 // what a cut ended is no failed attempt: only what was answered may still come to nothing
			}
			if old.Current && (p.missed || old.Standing == standingUnstaged) { // it came to nothing, and the second activation has not begun
				p.op, p.old, p.attempts = nil, false, 0
			}
		}
		n.steps[s.ID] = p
		for _, id := range s.Activates {
			n.activator[id] = s.ID
		}
	}
	return n
}

// What is journalled of a reset that ended without its target.
const (
	standingMissed   = "not activated" // the device still holds what it was to activate
	standingUnstaged = "not staged"    // what it was to activate had come to nothing before
)

// run brings the node through its steps.
func (n *node) run() NodeResult {
	closeDriver, err := n.connect()
	if err == nil {
		defer closeDriver()
	}
	if err == nil {
		err = n.goOn()
	}
	for i := 0; i < len(n.np.Steps) && err == nil; i++ {
		n.index = i
		err = n.step(n.np.Steps[i])
	}
	return n.end(n.safe(n.endangered(err)))
}

// connect opens the driver. A login that failed is not tried again: the driver had its two tries.
func (n *node) connect() (func(), error) {
	for try := 1; ; try++ {
		n.emit("connect", step.Step{}, -1, "")
		if n.r.soft.Err() != nil {
			return nil, errLeft
		}
		drv, closeDriver, err := n.r.req.Drivers(n.r.hard, n.np.Name)
		if err == nil {
			n.drv = drv
			return closeDriver, nil
		}
		if n.r.hard.Err() != nil {
			return nil, errLeft
		}
		if try == maxAttempts || !n.again(step.ClassOf(err)) {
			return nil, fmt.Errorf("connect to %s: %w", n.np.Name, err)
		}
		if err := sleep(n.r.soft, n.backoff(try)); err != nil {
			return nil, err
		}
	}
}

// again tells whether a failure of this class may be tried again.
func (n *node) again(c step.Class) bool {
	if n.r.req.hooks.retry != nil && n.r.req.hooks.retry(c) {
		return true
	}
	return c == step.Transient || c == step.Unreachable
}

// backoff is 5, 15, 45 s, spread.
func (n *node) backoff(try int) time.Duration {
	d := 5 * time.Second
	for range try - 1 {
		d *= 3
	}
	return scaled(n.r.limits.jitter(d), n.r.req.Pace)
}

// step does one step, unless it is known to need nothing more.
func (n *node) step(s step.Step) error {
	p := n.steps[s.ID]
	if p.result != "" {
		return nil
	}
	if n.r.soft.Err() != nil {
		return errLeft
	}
	if len(s.Activates) > 0 || s.Kind == step.Reset {
		return n.activate(s)
	}
	return n.change(s)
}

// change brings one step to Done, or to Staged when a later step activates it.
func (n *node) change(s step.Step) error {
	w := n.watch(s)
	flash := func() {}
	defer func() { flash() }()
	for {
		st, err := n.look(s, w)
		if err != nil {
			return err
		}
		over, act, err := n.decide(s, w, st)
		if over || err != nil {
			return err
		}
		if act {
			if s.Kind == step.Firmware { // held from the push until it is staged or done
				flash()
				if flash, err = take(n.r.soft, n.r.limits.flashes); err != nil {
					flash = func() {}
					return err
				}
			}
			if err := n.act(s); err != nil {
				return err
			}
			w.restart(n.patience(s))
		}
		if err := n.pause(s, w); err != nil {
			return err
		}
	}
}

// decide says what one look means: whether the step is over, or is to be acted on (again).
func (n *node) decide(s step.Step, w *watch, st step.State) (over, act bool, err error) {
	p := n.steps[s.ID]
	still := w.still(st.Standing)
	switch st.Standing {
	case step.Done:
		if s.Kind == step.Firmware && w.reads < n.confirm() {
			return false, false, nil
		}
		if s.Kind == step.Erase && st.Note != "" { // the BMC's own words, for the certificate
			if err := n.observed(s, st); err != nil {
				return true, false, err
			}
		}
		return true, false, n.done(s)
	case step.Staged:
		if n.activator[s.ID] != "" {
			return true, false, n.observed(s, st)
		}
	case step.Moved:
		if p.op == nil || still { // in mid-change a value may be neither for a while
			return true, false, n.fail(s, moved(st))
		}
	case step.Unknown:
		// Accepted, its task gone, and the device cannot say (R18): reset all the same, then verify.
		if p.op != nil && p.op.Sent && n.activator[s.ID] != "" && w.missedLast == nil && w.since() > w.p.dead*3/4 {
			p.presumed = true
			return true, false, n.observed(s, st)
		}
	case step.Ready:
		if p.op == nil {
			return false, true, nil
		}
		if still {
			return n.retry(s, st)
		}
	}
	return false, false, nil
}

// retry decides about a step that was begun and has ended without effect.
func (n *node) retry(s step.Step, st step.State) (over, act bool, err error) {
	p := n.steps[s.ID]
	cause := p.lastErr
	if cause == nil {
		cause = fmt.Errorf("it was accepted and did not take effect: %s", orNothing(st.Note))
	}
	class := step.ClassOf(cause)
	switch {
	case s.Kind == step.Firmware && p.sent >= maxPushes:
		return true, false, n.fail(s, step.Fail(step.HardwareBad, cause, "The image was pushed twice and the version did not change. "+
			"Look at the BMC's own log before it is pushed again."))
	case p.attempts >= maxAttempts:
		if helped, err := n.climb(s, cause); helped || err != nil {
			return false, helped, err
		}
		if class == step.Transient && p.lastErr == nil {
			class = step.Rejected
		}
		return true, false, n.fail(s, step.Fail(class, fmt.Errorf("tried %d times: %w", p.attempts, cause), step.AdviceOf(cause)))
	}
	return false, true, nil
}

// act journals the intent and makes the change once. Nil means: look again, whatever came of it.
func (n *node) act(s step.Step) error {
	p := n.steps[s.ID]
	if s.Kind == step.Firmware {
		asked := time.Now()
		give, err := take(n.r.soft, n.r.limits.uploads)
		if err != nil {
			return err
		}
		defer give()
		if time.Since(asked) > 0 { // others pushed first: the last look is old
			if st, err := n.look(s, n.watch(s)); err != nil || st.Standing != step.Ready {
				return err
			}
		}
	}
	if s.Kind == step.Reset || s.Kind == step.Power {
		if err := n.turn(); err != nil {
			return err
		}
	}
	if err := n.mayAct(); err != nil {
		return err
	}
	if err := n.r.record(journal.Record{Kind: journal.Intent, Node: n.np.Name, Step: s.ID, Attempt: p.attempts + 1}); err != nil {
		return err
	}
	p.open, p.op, p.old, p.lastErr = true, nil, false, nil
	n.emit("act", s, -1, s.Why)
	err := n.drv.Act(n.r.hard, s, func(op step.Op) error { return n.dispatched(s, op) })
	n.giveTurn()
	if err == nil && n.r.req.hooks.afterAct != nil {
		err = n.r.req.hooks.afterAct(n.r.hard, n.drv, s)
	}
	if jerr := n.r.broken(); jerr != nil {
		return jerr
	}
	switch {
	case err == nil:
		return nil
	case n.r.hard.Err() != nil || errors.Is(err, errLeft):
		return errLeft
	case n.again(step.ClassOf(err)):
		p.lastErr = err
		if p.op == nil { // nothing was sent: this attempt counts all the same
			p.attempts++
			if p.attempts >= maxAttempts {
				if helped, lerr := n.climb(s, err); helped || lerr != nil {
					return lerr
				}
				return n.fail(s, fmt.Errorf("tried %d times: %w", p.attempts, err))
			}
		}
		return sleep(n.patient(s), n.backoff(p.attempts))
	default:
		return n.fail(s, err)
	}
}

// dispatched journals what Act is about to do, and then what the device answered.
func (n *node) dispatched(s step.Step, op step.Op) error {
	p := n.steps[s.ID]
	op.Step = s.ID
	if err := n.stagger(s, op); err != nil {
		return err
	}
	if !op.Sent { // Act may have waited for minutes until the device was ready for it
		if err := n.mayAct(); err != nil {
			return err
		}
	}
	if err := n.r.record(journal.Record{Kind: journal.Dispatched, Node: n.np.Name, Step: s.ID, Op: &op}); err != nil {
		return err
	}
	if p.op == nil {
		p.attempts++
	}
	if op.Sent && (p.op == nil || !p.op.Sent) {
		p.sent++
		if s.Kind == step.Reset && !n.used[s.ID] { // a rung is told apart
			n.resets[s.Activation.String()]++
		}
	}
	p.op = &op
	return nil
}

// mayAct is asked right before every side effect: nothing has stopped the run, its journal can be written, its leases hold.
func (n *node) mayAct() error {
	if n.r.soft.Err() != nil {
		return errLeft
	}
	return n.held()
}

// held tells whether the journal can be written and the leases are ours.
func (n *node) held() error {
	if err := n.r.broken(); err != nil {
		return err
	}
	if n.r.held == nil || n.r.req.hooks.noLeaseAct {
		return nil
	}
	if err := n.r.held.Check(); err != nil {
		n.r.fatal(err)
		return err
	}
	return nil
}

// look asks the device how a step stands. A look that failed is waited out until the watch has seen no progress for too long.
func (n *node) look(s step.Step, w *watch) (step.State, error) {
	p := n.steps[s.ID]
	if struck := n.r.watched.peril(n.np.Name); struck != nil && struck.cuts() { // water does not wait for the end of a step
		return step.State{}, n.fail(s, struck.err())
	}
	ctx, cancel := context.WithTimeout(n.r.hard, lookTimeout)
	st, err := n.drv.Check(ctx, s, p.op)
	cancel()
	if n.r.hard.Err() != nil {
		return st, errLeft
	}
	if err == nil && n.r.req.hooks.state != nil {
		st = n.r.req.hooks.state(s, p.op, st, p.old)
	}
	class := step.ClassOf(err)
	switch {
	case err == nil:
		w.saw(st)
		p.seen = st.Standing
	case n.again(class):
		st = step.State{Standing: step.Unknown, Percent: -1, Note: err.Error()}
		w.missed(err)
	default:
		return st, n.fail(s, err)
	}
	phase := "look"
	if p.op != nil {
		phase = "wait"
	}
	n.emit(phase, s, st.Percent, st.Note)
	if w.stuck() && st.Standing != step.Done {
		if err != nil {
			if back, rerr := n.revive(s, err); back || rerr != nil {
				w.restart(n.patience(s))
				return st, rerr
			}
		}
		return st, n.fail(s, n.noProgress(w, st, err))
	}
	return st, nil
}

// noProgress is the failure of a step that stood still for too long.
func (n *node) noProgress(w *watch, st step.State, err error) error {
	if err != nil && w.seen.IsZero() || err != nil && time.Since(w.seen) > w.p.dead/2 {
		return step.Fail(step.ClassOf(err), fmt.Errorf("no answer for %s: %w", w.p.dead, err),
			"See that the BMC can be reached and is not restarting by itself; then run metalwright apply again.")
	}
	if err != nil {
		st = step.State{Standing: w.last.standing, Note: w.last.note}
	}
	class := step.Rejected
	if st.Standing == step.Unknown {
		class = step.Unreachable
	}
	return step.Fail(class, fmt.Errorf("no progress for %s: it is %s: %s", w.p.dead, st.Standing, orNothing(st.Note)),
		"Look at the BMC's own log; then run metalwright apply again.")
}

// pause waits until the next look.
func (n *node) pause(s step.Step, w *watch) error {
	return sleep(n.patient(s), scaled(w.interval(), n.r.req.Pace))
}

// patient is the context of a wait. A step that the device carries on with by itself is left when the run is stopped; a flash,
// the creation of a volume, an erase and what else a storage controller may have begun are waited for, but for an initialisation,
// which takes hours.
func (n *node) patient(s step.Step) context.Context {
	if (s.Kind == step.Firmware || step.OfStorage(s.Kind) && s.Kind != step.VolumeInit) && n.steps[s.ID].op != nil {
		return n.r.hard
	}
	return n.r.soft
}

func (n *node) confirm() int {
	if n.r.req.hooks.confirm > 0 {
		return n.r.req.hooks.confirm
	}
	return confirmReads
}

// done records that a step needs nothing more: done when this run changed it, else skipped.
func (n *node) done(s step.Step) error {
	p := n.steps[s.ID]
	word := Skipped
	if p.open {
		word = Done
	}
	if err := n.r.record(journal.Record{Kind: journal.Outcome, Node: n.np.Name, Step: s.ID, Result: string(word)}); err != nil {
		return err
	}
	p.result, p.open = word, false
	n.emit(string(word), s, 100, "")
	return nil
}

// observed records a standing that decides something and is not the end.
func (n *node) observed(s step.Step, st step.State) error {
	text := st.Note
	if n.steps[s.ID].presumed {
		text = "the device cannot say; taken as staged, to be verified after the reset. " + text
	}
	return n.r.record(journal.Record{Kind: journal.Observed, Node: n.np.Name, Step: s.ID, Standing: st.Standing.String(), Text: text})
}

// failure is what ended a node, and at which step.
type failure struct {
	step step.Step
	err  error
}

func (f *failure) Error() string { return fmt.Sprintf("step %s: %s", f.step.ID, f.err) }
func (f *failure) Unwrap() error { return f.err }

// fail records that a step failed. What is unsafe stops the whole run before the journal's disk is waited for.
func (n *node) fail(s step.Step, err error) error {
	if step.ClassOf(err) == step.Safety {
		n.r.halt(safetyStop(n.np.Name, err.Error()))
	}
	p := n.steps[s.ID]
	if p.open {
		rec := journal.Record{Kind: journal.Outcome, Node: n.np.Name, Step: s.ID, Result: string(wordOf(err)),
			Class: step.ClassOf(err), Text: err.Error()}
		if err := n.r.record(rec); err != nil {
			return err
		}
		p.open = false
	}
	return &failure{s, err}
}

func safetyStop(node, text string) error { return fmt.Errorf("safety: %s: %s", node, text) }

func moved(st step.State) error {
	return step.Fail(step.HasMoved, fmt.Errorf("the device is no longer as planned: %s", orNothing(st.Note)), "Plan again.")
}

func orNothing(note string) string {
	if note == "" {
		return "the BMC says nothing about it"
	}
	return note
}

// wordOf is the result word of a failure: blocked is what trying again cannot mend.
func wordOf(err error) Word {
	switch step.ClassOf(err) {
	case step.HasMoved, step.HardwareBad, step.Safety, step.Unsupported:
		return Blocked
	default:
		return Failed
	}
}

// end records how the node ended, and leaves a note for every intent that has no outcome.
func (n *node) end(err error) NodeResult {
	res := NodeResult{Node: n.np.Name, Address: n.np.Address, Of: len(n.np.Steps), Resets: n.resets,
		Elapsed: time.Since(n.started), Word: Skipped, Recovered: n.recovered}
	for _, s := range n.np.Steps {
		switch n.steps[s.ID].result {
		case Done:
			res.Word = Done
			res.Steps++
		case Skipped:
			res.Steps++
		}
	}
	fatal := n.r.hard.Err() != nil
	var f *failure
	switch {
	case err == nil:
	case fatal || errors.Is(err, errLeft):
		res.Word, res.Left, res.Text = Blocked, true, "left part-way"
		if cause := n.r.cause(); cause != nil {
			res.Text += ": " + cause.Error()
		}
		res.Step = n.np.Steps[n.index].ID
	default:
		res.Word, res.Class, res.Text, res.Advice = wordOf(err), step.ClassOf(err), err.Error(), step.AdviceOf(err)
		var sf *step.Failure
		if errors.As(err, &sf) {
			res.Messages = sf.Messages
		}
		res.Step, res.Origin = n.np.Steps[n.index].ID, n.np.Steps[n.index].Origin
		if errors.As(err, &f) {
			res.Step, res.Origin, res.Text = f.step.ID, f.step.Origin, f.err.Error()
		}
	}
	if fatal {
		return res
	}
	if n.recordEnd(res) != nil {
		res.Left = true
	}
	n.emit(string(res.Word), step.Step{}, -1, res.Text)
	return res
}

func (n *node) recordEnd(res NodeResult) error {
	for _, s := range slices.Concat(n.np.Steps, n.rungs) {
		if n.steps[s.ID].open {
			text := "accepted by the device and not made real: " + res.Text
			if err := n.r.record(journal.Record{Kind: journal.Note, Node: n.np.Name, Step: s.ID, Text: text}); err != nil {
				return err
			}
		}
	}
	if res.Left {
		return nil
	}
	return n.r.record(journal.Record{Kind: journal.Outcome, Node: n.np.Name, At: res.Step, Result: string(res.Word),
		Class: res.Class, Text: res.Text, Messages: res.Messages})
}

// emit tells whoever watches what the node is at.
func (n *node) emit(phase string, s step.Step, percent int, note string) {
	if n.r.req.Events == nil {
		return
	}
	left := 0
	for _, s := range n.np.Steps {
		if n.steps[s.ID].result == "" {
			left += s.EstimatedS
		}
	}
	n.r.emit(Event{Wave: n.wave.Name, Node: n.np.Name, Phase: phase, Step: s.ID, Kind: s.Kind, Index: n.index + 1,
		Of: len(n.np.Steps), Percent: percent, Elapsed: time.Since(n.started), Remaining: time.Duration(left) * time.Second, Note: note})
}
