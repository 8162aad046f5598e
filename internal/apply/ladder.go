package apply

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

// systemOf is the host system that the node's steps name.
func systemOf(np plan.NodePlan) string {
	for _, s := range np.Steps {
		if s.Args.System != "" {
			return s.Args.System
		}
	}
	return ""
}

// isSwitch tells whether a plan is that of a switch: it has no management controller that could be reset.
func isSwitch(np plan.NodePlan) bool {
	return slices.ContainsFunc(np.Steps, func(s step.Step) bool { return s.Kind == step.Switch })
}

// climb takes the next rung of the node's recovery ladder for a step whose attempts are spent. True: the device came back
// from it, and the action may be tried once more. Each rung is taken at most once per node and run, whichever step asks.
func (n *node) climb(s step.Step, cause error) (bool, error) {
	if c := step.ClassOf(cause); c != step.Transient && c != step.Unreachable {
		return false, nil
	}
	for _, r := range n.rungs {
		if n.used[r.ID] || !n.mayTake(r) {
			continue
		}
		n.used[r.ID] = true
		helped, err := n.rung(r, fmt.Sprintf("step %s, tried %d times: %s", s.ID, n.steps[s.ID].attempts, cause))
		if err != nil {
			return false, err
		}
		if helped {
			n.steps[s.ID].attempts = maxAttempts - 1
			n.steps[s.ID].lastErr = nil
			return true, nil
		}
	}
	return false, nil
}

// mayTake tells whether a rung is allowed now. None is once the write of a flash has begun that is not known to be real. One
// that takes the host down is only where the plan, as it was accepted, still resets this host.
func (n *node) mayTake(r step.Step) bool {
	if n.r.req.hooks.rung != nil {
		return n.r.req.hooks.rung(r)
	}
	ahead := false
	for _, s := range n.np.Steps {
		p := n.steps[s.ID]
		if p.result != "" {
			continue
		}
		if s.Kind == step.Firmware && (p.op != nil || p.sent > 0) {
			return false
		}
		ahead = ahead || s.Kind == step.Reset && s.Activation.Host()
	}
	return ahead || !r.Activation.Host()
}

// rung takes one rung and waits until the device is ready again. False: it was not to be had, or came to nothing.
func (n *node) rung(r step.Step, why string) (bool, error) {
	if r.Kind == step.ClearJobs {
		r = n.withJobs(r)
		if some, err := n.jobs(r); err != nil || !some {
			return false, err
		}
	}
	return n.take(r, why)
}

// jobs tells whether there is anything in the queue that may be cleared. No queue, or one that cannot be read, holds nothing.
func (n *node) jobs(r step.Step) (bool, error) {
	for try := 1; ; try++ {
		st, err := n.drv.Check(n.r.hard, r, nil)
		switch {
		case n.r.hard.Err() != nil:
			return false, errLeft
		case step.ClassOf(err) == step.Safety:
			return false, n.fail(r, err)
		case err == nil || !n.again(step.ClassOf(err)) || try == maxAttempts:
			return err == nil && st.Standing == step.Ready, nil
		}
		if err := sleep(n.r.soft, n.backoff(try)); err != nil {
			return false, err
		}
	}
}

// take takes a rung, with three tries as for any action, and waits for what came of it.
func (n *node) take(r step.Step, why string) (bool, error) {
	for try := 1; ; try++ {
		err := n.begin(r, why)
		if err == nil {
			return n.settle(r, why)
		}
		if try == maxAttempts || n.steps[r.ID].op != nil || !n.again(step.ClassOf(err)) || errors.Is(err, errLeft) || n.r.broken() != nil {
			return false, n.notTaken(r, err)
		}
		if err := sleep(n.r.soft, n.backoff(try)); err != nil {
			return false, err
		}
	}
}

// withJobs names this run's own jobs, so that they are told from those of others.
func (n *node) withJobs(r step.Step) step.Step {
	r.Args.Targets = nil
	for _, s := range n.np.Steps {
		if p := n.steps[s.ID]; p.op != nil && p.op.Handle != "" && p.result == "" && s.Kind != step.Firmware {
			r.Args.Targets = append(r.Args.Targets, p.op.Handle)
		}
	}
	return r
}

// begin journals a rung and takes it.
func (n *node) begin(r step.Step, why string) error {
	if r.Kind == step.Reset {
		if err := n.turn(); err != nil {
			return err
		}
	}
	if err := n.mayAct(); err != nil {
		return err
	}
	p := n.steps[r.ID]
	if err := n.r.record(journal.Record{Kind: journal.Intent, Node: n.np.Name, Step: r.ID, Attempt: p.attempts + 1, Text: why}); err != nil {
		return err
	}
	p.open, p.op, p.old = true, nil, false
	n.emit("recover", r, -1, r.RungText()+": "+why)
	err := n.drv.Act(n.r.hard, r, func(op step.Op) error { return n.dispatched(r, op) })
	n.giveTurn()
	if jerr := n.r.broken(); jerr != nil {
		return jerr
	}
	if err != nil && (n.r.hard.Err() != nil || errors.Is(err, errLeft)) {
		return errLeft
	}
	if p.op != nil && n.again(step.ClassOf(err)) {
		return nil // it may have been taken: look
	}
	return err
}

// notTaken decides about a rung that was refused: the next one is tried, unless the node must be left alone.
func (n *node) notTaken(r step.Step, err error) error {
	if errors.Is(err, errLeft) || n.r.broken() != nil || n.r.hard.Err() != nil {
		return err
	}
	switch step.ClassOf(err) {
	case step.Transient, step.Unreachable, step.Rejected, step.Unsupported:
		return n.rungOver(r, Failed, err.Error())
	default:
		return n.fail(r, err)
	}
}

// settle looks at a rung that was taken until the device has been seen ready three times in a row.
func (n *node) settle(r step.Step, why string) (bool, error) {
	p := n.steps[r.ID]
	w := n.watch(r)
	for {
		st, err := n.look(r, w)
		if err != nil {
			return false, err
		}
		switch {
		case w.missedLast != nil:
		case st.Standing == step.Unknown && w.reads >= n.confirm() && w.since() >= scaled(quietTime, n.r.req.Pace),
			// it answers and does not say when it was reset: the action itself will tell
			st.Standing == step.Done && w.reads >= n.confirm():
			n.recovered = append(n.recovered, r.RungText())
			return true, n.rungOver(r, Done, "")
		case st.Standing == step.Ready && w.still(step.Ready):
			if p.attempts >= maxAttempts {
				return false, n.rungOver(r, Failed, "it did not happen: "+orNothing(st.Note))
			}
			if err := n.begin(r, why); err != nil {
				if p.attempts++; !n.again(step.ClassOf(err)) || errors.Is(err, errLeft) || n.r.broken() != nil {
					return false, n.notTaken(r, err)
				}
			} else if p.op == nil {
				return true, n.rungOver(r, Done, "")
			}
			w.restart(n.patience(r))
		}
		if err := sleep(n.r.soft, scaled(max(w.interval(), time.Second), n.r.req.Pace)); err != nil {
			return false, err
		}
	}
}

// rungOver records how a rung ended.
func (n *node) rungOver(r step.Step, word Word, text string) error {
	n.steps[r.ID].open = false
	n.emit("recover", r, 100, r.RungText()+": "+string(word))
	return n.r.record(journal.Record{Kind: journal.Outcome, Node: n.np.Name, Step: r.ID, Result: string(word), Text: text})
}

// goOn takes up what an earlier process did on the ladder: rungs that were taken are not taken again, and one that is open is
// looked at before anything else is done.
func (n *node) goOn() error {
	if n.r.req.hooks.forgetful {
		return nil
	}
	for _, r := range n.rungs {
		old := n.r.replay.Steps[r.ID]
		if old.Attempts == 0 && old.Result == "" {
			continue
		}
		n.used[r.ID] = true
		if !old.Open {
			continue
		}
		if r.Kind == step.ClearJobs {
			r = n.withJobs(r)
		}
		const why = "a rung that another process began"
		if old.Op == nil { // nothing was sent: the queue, and whether it is still allowed, are read anew
			n.steps[r.ID].open = true
			if !n.mayTake(r) {
				if err := n.rungOver(r, Failed, "cut off before it was begun"); err != nil {
					return err
				}
				continue
			}
			if _, err := n.take(r, why); err != nil {
				return err
			}
			continue
		}
		if _, err := n.settle(r, why); err != nil {
			return err
		}
	}
	return nil
}
