package apply

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

// verdict is what came of an activation.
type verdict uint8

const (
	noVerdict    verdict = iota
	activated            // everything it activates is real, and the device is back
	notIssued            // it never reached the device
	withoutStage         // the device was reset and something is not real
)

// activate makes staged steps real by one reset, or by the power-on of a host that is off.
func (n *node) activate(s step.Step) error {
	p := n.steps[s.ID]
	parts := n.parts(s)
	for {
		if p.op == nil {
			over, err := n.issue(s, parts)
			if over || err != nil {
				return err
			}
			continue
		}
		v, missing, err := n.await(s, parts)
		if err != nil {
			return err
		}
		if v == activated {
			return n.activated(s, parts)
		}
		if v == withoutStage {
			if err := n.missed(s, parts, missing); err != nil {
				return err
			}
		}
		if p.attempts >= maxAttempts {
			err := fmt.Errorf("asked for %d times and never seen to happen", p.attempts)
			helped, lerr := n.climb(s, err)
			if lerr != nil {
				return lerr
			}
			if helped {
				p.op = nil
				continue
			}
			return n.fail(s, step.Fail(step.Rejected, err, "Look at the BMC's own log; reset it by hand, then plan again."))
		}
		p.op = nil
	}
}

// issue stages what is not staged, and resets the device unless there is nothing left to activate.
func (n *node) issue(s step.Step, parts []step.Step) (over bool, err error) {
	if err := n.stage(parts); err != nil {
		return true, err
	}
	skip, err := n.needless(s, parts)
	if err != nil {
		return true, err
	}
	if skip {
		return true, n.done(s)
	}
	return false, n.act(s)
}

// activated records that the parts are real, and then the reset.
func (n *node) activated(s step.Step, parts []step.Step) error {
	for _, part := range parts {
		if n.steps[part.ID].result == "" {
			if err := n.done(part); err != nil {
				return err
			}
		}
	}
	return n.done(s)
}

// missed decides about an activation that ended without its target. What the device still holds gets one more activation,
// then it is a failure (R18). What came to nothing before it (R20) is staged again, as often as its own tries allow.
func (n *node) missed(s step.Step, parts []step.Step, missing string) error {
	p := n.steps[s.ID]
	held := false
	for _, part := range parts {
		x := n.steps[part.ID]
		if x.result != "" || x.seen == step.Done || x.seen == step.Ready {
			continue
		}
		held = true
		if part.Kind == step.Firmware && x.op != nil && x.op.Sent {
			x.presumed = true // an image that was accepted is not pushed again
		}
	}
	if held && p.missed || s.Kind == step.Power { // a host that is on cannot be switched on once more
		what := "power-on"
		if s.Kind == step.Reset {
			what = strings.ReplaceAll(s.Activation.String(), "_", " ")
		}
		return n.fail(s, step.Fail(step.Rejected, fmt.Errorf("the %s went through and these did not become real: %s",
			what, missing), "Look at the BMC's own log, then plan again."))
	}
	standing := standingUnstaged
	if held {
		p.missed, standing = true, standingMissed
	}
	p.attempts = 0
	return n.r.record(journal.Record{Kind: journal.Observed, Node: n.np.Name, Step: s.ID, Standing: standing, Text: missing})
}

// parts are the steps that s activates and that are not over, in order.
func (n *node) parts(s step.Step) []step.Step {
	var out []step.Step
	for _, id := range s.Activates {
		for _, x := range n.np.Steps {
			if x.ID == id && n.steps[id].result == "" {
				out = append(out, x)
			}
		}
	}
	return out
}

// stage sees to it that every part is staged or done before the reset: what a restart of the BMC has dropped is staged again,
// and nothing is reset while a flash is under way.
func (n *node) stage(parts []step.Step) error {
	for _, part := range parts {
		if p := n.steps[part.ID]; p.result != "" || p.presumed {
			continue
		}
		if err := n.change(part); err != nil {
			return err
		}
	}
	return nil
}

// needless tells whether there is nothing left for s to activate. A power-on is needless only when the host is on. A one-time boot that is
// armed is done, as nothing more can be read of it, and is used by no other start than this one.
func (n *node) needless(s step.Step, parts []step.Step) (bool, error) {
	waiting := 0
	for _, part := range parts {
		if n.steps[part.ID].result == "" {
			waiting++
		}
	}
	if s.Kind == step.Reset && n.bootsOnce(s) {
		return false, nil
	}
	if s.Kind == step.Reset {
		if waiting > 0 || len(s.Activates) == 0 {
			return false, nil
		}
		return n.leftOff(s)
	}
	st, err := n.first(s)
	if err != nil {
		return false, err
	}
	if st.Standing == step.Done && waiting > 0 {
		return false, n.fail(s, moved(step.State{Note: "the host is on already, and changes wait for it to be switched on"}))
	}
	if st.Standing == step.Moved {
		return false, n.fail(s, moved(st))
	}
	return st.Standing == step.Done, nil
}

// leftOff gives false, so that the reset is ended, when it was begun and has left the host off half-way: all that it activates may be real
// by then.
func (n *node) leftOff(s step.Step) (needless bool, err error) {
	if n.steps[s.ID].attempts == 0 || !s.Activation.Host() {
		return true, nil
	}
	st, err := n.first(s)
	if err != nil {
		return false, err
	}
	return st.Seen["power_state"] != "Off", nil
}

// bootsOnce tells whether a reset is there for a one-time boot.
func (n *node) bootsOnce(s step.Step) bool {
	return slices.ContainsFunc(n.np.Steps, func(x step.Step) bool { return x.Kind == step.BootOnce && slices.Contains(s.Activates, x.ID) })
}

// first looks at s until the device says how it stands.
func (n *node) first(s step.Step) (step.State, error) {
	w := n.watch(s)
	for {
		st, err := n.look(s, w)
		if err != nil || st.Standing != step.Unknown && st.Standing != step.Working {
			return st, err
		}
		if err := n.pause(s, w); err != nil {
			return st, err
		}
	}
}

// await looks at the reset and at what it activates until there is a verdict. missing names what is not real.
func (n *node) await(s step.Step, parts []step.Step) (v verdict, missing string, err error) {
	w := n.watch(s)
	inner := n.watch(s) // of the parts, seen as one
	back := 0           // looks in a row that found the device ready and everything real
	went := false       // the device was seen on its way
	for {
		st, err := n.look(s, w)
		if err != nil {
			return noVerdict, "", err
		}
		v := noVerdict
		switch {
		case w.missedLast != nil: // a 503 says nothing; a BMC that cannot be reached is on its way, if it was told to
			back = 0
			went = went || s.Activation == step.BMCReset && step.ClassOf(w.missedLast) == step.Unreachable
		case st.Standing == step.Working:
			back, went = 0, true
			inner.restart(n.patience(s))
		default:
			var all step.Standing
			if all, missing, err = n.lookAll(parts, inner); err != nil {
				return noVerdict, "", err
			}
			back = counted(back, all == step.Done && n.seen(s, st, w))
			v = n.verdict(s, st, w, all, inner, back, went)
			if v == withoutStage && all == step.Moved {
				return v, missing, n.fail(s, moved(step.State{Note: missing}))
			}
		}
		w.inherit(inner)
		if v != noVerdict {
			return v, missing, nil
		}
		if err := n.pause(s, w); err != nil {
			return noVerdict, "", err
		}
	}
}

// seen tells whether the transition is behind: a value that is real before the device went down does not count.
func (n *node) seen(s step.Step, st step.State, w *watch) bool {
	switch st.Standing {
	case step.Done:
		return true
	case step.Ready:
		return s.Kind == step.Reset && len(s.Activates) > 0 && w.since() >= scaled(transitionTime, n.r.req.Pace)
	default:
		return s.Kind == step.Reset && len(s.Activates) > 0
	}
}

func counted(n int, again bool) int {
	if again {
		return n + 1
	}
	return 0
}

// verdict judges one round of looks.
func (n *node) verdict(s step.Step, st step.State, w *watch, all step.Standing, inner *watch, back int, went bool) verdict {
	p := n.steps[s.ID]
	quiet := inner.since() >= scaled(quietTime, n.r.req.Pace)
	if s.Kind == step.Power { // it says On long before POST has ended
		quiet = inner.since() >= scaled(postTime, n.r.req.Pace)
	}
	switch {
	case back >= n.confirm():
		return activated
	case all == step.Done || all == step.Working:
		return noVerdict
	case st.Standing == step.Done && quiet:
		return withoutStage
	case st.Standing == step.Unknown && quiet && went: // it does not say when it was reset, but was seen on its way
		return withoutStage
	case st.Standing == step.Unknown && quiet && w.since() >= w.p.dead/2:
		if p.op.Sent {
			return withoutStage
		}
		return notIssued
	case st.Standing == step.Ready && !p.op.Sent && w.still(step.Ready):
		return notIssued
	case st.Standing == step.Ready && p.op.Sent && w.since() >= scaled(transitionTime, n.r.req.Pace):
		return notIssued // accepted and never seen to happen
	default:
		return noVerdict
	}
}

const (
	// quietTime is how long a device that is back may take until its inventory shows what the boot has done. iDRAC collects
	// it anew after each boot: 1 to 3 min.
	quietTime = 5 * time.Minute
	// postTime is how long a host that was switched on may take until what was staged is real: POST of an 8-GPU node takes
	// 10 to 20 min, with a flash of the BIOS in it.
	postTime = 30 * time.Minute
	// transitionTime is how long an accepted reset may take to begin: a graceful one waits for the OS to go down.
	transitionTime = 5 * time.Minute
)

// lookAll looks at every part and gives the least of their standings: Working before all, then Moved, what is not real, Done.
func (n *node) lookAll(parts []step.Step, inner *watch) (all step.Standing, missing string, err error) {
	all = step.Done
	var names []string
	percent := 0
	for _, part := range parts {
		if n.steps[part.ID].result != "" {
			continue
		}
		w := n.watch(part)
		st, err := n.look(part, w)
		if err != nil {
			return all, "", err
		}
		if w.missedLast != nil {
			return step.Working, missing, nil // not told; the reset's own watch counts the time
		}
		percent += st.Percent
		if st.Standing != step.Done {
			names = append(names, fmt.Sprintf("%s %s (%s)", part.Kind, part.Args.Component, st.Standing))
			if all == step.Done || st.Standing == step.Working || st.Standing == step.Moved && all != step.Working {
				all = st.Standing
			}
		}
	}
	missing = strings.Join(names, ", ")
	inner.saw(step.State{Standing: all, Percent: percent, Note: missing})
	return all, missing, nil
}
