package apply

import (
	"errors"
	"fmt"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	// safeTries bound how often the power of an unsafe node is tried to be cut: a flash that is under way is left to finish,
	// for a bricked board leaks no less. 20 minutes is longer than any flash of the catalog.
	safeTries = 120
	safePause = 10 * time.Second
)

// makeSafe takes the power of an unsafe node away (engine.md, safety: force the subtree off) and says in the failure what came
// of it. Nothing switches it on again. It goes on though the run has been stopped; only the journal, the leases and an
// operator who leaves at once can keep it from acting.
func (n *node) makeSafe(cause error) error {
	if n.r.req.KeepOn {
		return n.told(cause, "its power was left on, as asked")
	}
	s := n.safeStep(cause)
	p := &progress{open: n.r.replay.Steps[s.ID].Open}
	n.steps[s.ID] = p
	var last error
	for range safeTries {
		st, err := n.drv.Check(n.r.hard, s, p.op)
		switch {
		case n.r.hard.Err() != nil || n.r.broken() != nil:
			return n.told(cause, "its power could not be cut: the run was left")
		case err != nil:
			last = err
		case st.Standing == step.Done && !p.open:
			return n.told(cause, "its host is off")
		case st.Standing == step.Done:
			if err := n.safeOver(s, Done, ""); err != nil {
				return err
			}
			return n.told(cause, "its power was cut")
		case st.Standing == step.Ready || st.Standing == step.Moved:
			last = n.cut(s)
		}
		if c := step.ClassOf(last); last != nil && c != step.Transient && c != step.Unreachable {
			break
		}
		if sleep(n.r.hard, scaled(safePause, n.r.req.Pace)) != nil {
			return n.told(cause, "its power could not be cut: the run was left")
		}
	}
	if last == nil {
		last = errors.New("it did not go off")
	}
	if err := n.safeOver(s, Failed, last.Error()); err != nil {
		return err
	}
	return n.told(cause, "ITS POWER IS STILL ON and could not be cut: "+last.Error())
}

// safeStep is the power-off that no plan holds. Its ID is the same in every run of a plan.
func (n *node) safeStep(cause error) step.Step {
	s := step.Step{ID: step.ID(n.np.Name + "/safety-off"), Node: n.np.Name, Address: n.np.Address, Kind: step.Power, Activation: step.None,
		Expect: step.Facts{}, Want: step.Facts{"power_state": "Off"}, Args: step.Args{System: systemOf(n.np), Manner: step.Emergency},
		EstimatedS: 60, Why: cause.Error()}
	for _, planned := range n.np.Steps {
		if p := n.steps[planned.ID]; planned.Kind == step.Firmware && p.sent > 0 && p.result == "" {
			s.Args.Manner = step.EmergencyFlash
		}
	}
	return s
}

// cut journals the power-off and does it once.
func (n *node) cut(s step.Step) error {
	p := n.steps[s.ID]
	p.attempts++
	if err := n.r.record(journal.Record{Kind: journal.Intent, Node: n.np.Name, Step: s.ID, Attempt: p.attempts, Text: s.Why}); err != nil {
		return err
	}
	p.open, p.op = true, nil
	n.emit("safety", s, -1, "the power is cut: "+s.Why)
	return n.drv.Act(n.r.hard, s, func(op step.Op) error {
		op.Step = s.ID
		if err := n.held(); err != nil && !op.Sent {
			return err
		}
		if err := n.r.record(journal.Record{Kind: journal.Dispatched, Node: n.np.Name, Step: s.ID, Op: &op}); err != nil {
			return err
		}
		p.op = &op
		return nil
	})
}

// safeOver records how the power-off ended, if it was begun.
func (n *node) safeOver(s step.Step, word Word, text string) error {
	if !n.steps[s.ID].open {
		return nil
	}
	n.steps[s.ID].open = false
	n.emit("safety", s, 100, "power off: "+string(word))
	return n.r.record(journal.Record{Kind: journal.Outcome, Node: n.np.Name, Step: s.ID, Result: string(word), Text: text})
}

// told adds to a failure what was done about it.
func (n *node) told(cause error, what string) error {
	var f *failure
	if errors.As(cause, &f) {
		return &failure{f.step, step.Fail(step.Safety, fmt.Errorf("%w; %s", f.err, what), step.AdviceOf(cause))}
	}
	return step.Fail(step.Safety, fmt.Errorf("%w; %s", cause, what), step.AdviceOf(cause))
}
