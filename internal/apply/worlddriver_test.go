package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// fakeDriver is how one process reaches one node. It protects from nothing: acting twice is twice.
type fakeDriver struct {
	p *fakeProcess
	n *fakeNode
}

// late is how long what was begun may stay invisible (R16).
const late = 20 * time.Second

func transient(text string) error { return step.Fail(step.Transient, errors.New(text), "") }

// Check implements Driver.
func (d *fakeDriver) Check(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	if err := d.wait(ctx, 200*time.Millisecond); err != nil {
		return step.State{}, err
	}
	n := d.n
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.advance()
	if err := n.answers(); err != nil {
		return step.State{}, err
	}
	if n.fault.safety && s.Kind == step.BIOS {
		return step.State{}, step.Fail(step.Safety, errors.New("coolant where none should be"), "Close the valve.")
	}
	if n.roll("look", 100) < n.fault.transient {
		return step.State{}, transient("503")
	}
	st := n.standing(s, op)
	st.Percent = -1
	return st, nil
}

// answers is nil unless the BMC is away.
func (n *fakeNode) answers() error {
	if now := time.Now(); !n.bmcFrom.IsZero() && !now.Before(n.bmcFrom) && now.Before(n.bmcUntil) {
		return step.Fail(step.Unreachable, errors.New("connection refused"), "")
	}
	return nil
}

func (n *fakeNode) standing(s step.Step, op *step.Op) step.State {
	switch s.Kind {
	case step.BIOS:
		return n.standingBIOS(s)
	case step.Firmware:
		return n.standingFirmware(s, op)
	case step.Reset:
		return n.standingReset(s, op)
	case step.ClearJobs:
		return n.standingJobs()
	case step.Erase:
		return n.standingErase(s, op)
	case step.Volume:
		at, ok := n.volumes["boot"]
		switch now := time.Now(); {
		case !ok || now.Before(n.volumeFrom.Add(late)):
			return step.State{Standing: step.Ready}
		case now.Before(at):
			return step.State{Standing: step.Working, Note: "creating"}
		}
		return step.State{Standing: step.Done}
	case step.Power:
		if n.power {
			return step.State{Standing: step.Done}
		}
		return step.State{Standing: step.Ready}
	default:
		if n.settings[s.ID] {
			return step.State{Standing: step.Done}
		}
		return step.State{Standing: step.Ready}
	}
}

func (n *fakeNode) standingBIOS(s step.Step) step.State {
	is := func(m map[string]any, want step.Facts) bool {
		for k, v := range want {
			if m[k] != v {
				return false
			}
		}
		return len(m) > 0
	}
	switch {
	case is(n.bios, s.Want):
		return step.State{Standing: step.Done}
	case is(n.pending, s.Want):
		return step.State{Standing: step.Staged}
	case is(n.bios, s.Expect):
		return step.State{Standing: step.Ready}
	}
	return step.State{Standing: step.Moved, Note: fmt.Sprint(n.bios)}
}

func (n *fakeNode) standingFirmware(s step.Step, op *step.Op) step.State {
	c := s.Args.Component
	now := time.Now()
	switch {
	case n.flash == c && now.Before(n.flashFrom.Add(late)):
		return step.State{Standing: step.Ready, Note: "no task"}
	case n.flash == c && n.fault.flaps && n.flashUntil.Sub(now) < 40*time.Second && n.flap():
		return step.State{Standing: step.Done}
	case n.flash == c:
		return step.State{Standing: step.Working, Note: fmt.Sprintf("writing, %s left", n.flashUntil.Sub(now).Round(time.Minute))}
	case n.fw[c] == s.Want["version"]:
		return step.State{Standing: step.Done}
	case n.staged[c] != "" && n.fault.vanish && op != nil && op.Sent:
		return step.State{Standing: step.Unknown, Note: "its task is gone"}
	case n.staged[c] != "":
		return step.State{Standing: step.Staged}
	case n.fw[c] == s.Expect["version"]:
		return step.State{Standing: step.Ready}
	}
	return step.State{Standing: step.Moved, Note: n.fw[c]}
}

// flap is true twice, then false once: three looks in a row never agree on what is not so.
func (n *fakeNode) flap() bool {
	n.count["flap"]++
	return n.count["flap"]%3 != 0
}

func (n *fakeNode) standingReset(s step.Step, op *step.Op) step.State {
	who := "host"
	if s.Activation == step.BMCReset {
		who = "bmc"
	}
	now := time.Now()
	switch {
	case !n.downFrom.IsZero() && !now.Before(n.downFrom):
		return step.State{Standing: step.Working, Note: "POST"}
	case op == nil:
		return step.State{Standing: step.Ready}
	case n.fault.blind:
		return step.State{Standing: step.Unknown, Note: "does not say when it was reset"}
	case n.lastReset[who].Format(time.RFC3339Nano) != op.Baseline["last_reset_time"]:
		return step.State{Standing: step.Done}
	}
	return step.State{Standing: step.Ready}
}

// wait lets virtual time pass, unless the process dies.
func (d *fakeDriver) wait(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.p.dead:
		return errKilled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Act implements Driver.
func (d *fakeDriver) Act(ctx context.Context, s step.Step, record func(step.Op) error) error {
	n := d.n
	n.w.mu.Lock()
	n.advance()
	err := n.answers()
	fault := n.actFault(s)
	who := "host"
	if s.Activation == step.BMCReset {
		who = "bmc"
	}
	op := step.Op{Baseline: step.Facts{"last_reset_time": n.lastReset[who].Format(time.RFC3339Nano)}, Started: time.Now()}
	n.w.mu.Unlock()
	if err == nil && fault == "early" {
		err = transient("503 before anything was sent")
	}
	if err == nil {
		err = n.wedged(s)
	}
	if err != nil {
		return err
	}
	if err := record(op); err != nil {
		return err
	}
	n.w.mu.Lock()
	n.w.recorded++
	n.w.mu.Unlock()
	if err := d.upload(ctx, s); err != nil {
		return err
	}
	if err := d.affect(s, fault); err != nil {
		return err
	}
	if err := d.wait(ctx, 300*time.Millisecond); err != nil {
		return err
	}
	if fault == "cut" {
		return transient("connection reset before the answer")
	}
	op.Sent, op.Handle = true, "/redfish/v1/TaskService/Tasks/"+string(s.ID)
	return record(op)
}

// actFault picks what goes wrong with this attempt. Faults end: an action works at its third try.
func (n *fakeNode) actFault(s step.Step) string {
	budget := 2
	if s.Kind == step.BIOS && n.fault.deaf || s.Kind == step.Firmware && n.fault.badFlash == s.Args.Component || n.warnsAt(s) {
		budget = 1
	}
	if n.fault.wedge != "" && s.Kind == n.fault.wedgeAt {
		return "" // the wedge is what is wrong; one more attempt follows a rung
	}
	if n.w.quiet || n.count[string(s.ID)+" faults"] >= budget {
		return ""
	}
	for _, f := range []string{"early", "refused", "cut"} {
		key := string(s.ID) + f
		if n.count[key+" had"] == 0 && n.roll(key, 6) == 0 {
			n.count[key+" had"]++
			n.count[string(s.ID)+" faults"]++
			return f
		}
	}
	return ""
}

// upload takes its time, and is counted.
func (d *fakeDriver) upload(ctx context.Context, s step.Step) error {
	if s.Kind != step.Firmware {
		return d.wait(ctx, 100*time.Millisecond)
	}
	w := d.n.w
	w.mu.Lock()
	if w.uploads++; w.uploads > 4 {
		w.violate("%d uploads at once", w.uploads)
	}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.uploads--
		w.mu.Unlock()
	}()
	return d.wait(ctx, time.Duration(20+roll(w.seed, string(s.ID), 40))*time.Second)
}

// affect is the side effect.
func (d *fakeDriver) affect(s step.Step, fault string) error {
	n := d.n
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.advance()
	if d.p.killed() {
		return errKilled
	}
	if err := n.answers(); err != nil {
		return err
	}
	n.w.effects++
	n.w.affected = time.Now()
	if n.w.frozen {
		n.w.violate("%s: %s was acted on after the journal could not be written", n.name, s.ID)
	}
	if n.fault.moved && s.Kind == step.BIOS {
		n.w.violate("%s: a device that had moved was changed", n.name)
	}
	if fault == "refused" {
		return transient("503 instead of doing it")
	}
	switch s.Kind {
	case step.BIOS:
		if n.fault.deaf && n.count["deaf"] == 0 {
			n.count["deaf"]++
			return nil
		}
		n.pending = maps.Clone(map[string]any(s.Want))
	case step.Firmware:
		return n.push(s)
	case step.Volume:
		n.created["boot"]++
		n.volumeFrom = time.Now()
		n.volumes["boot"] = time.Now().Add(time.Minute + time.Duration(n.roll("volume", 120))*time.Second)
	case step.Erase:
		n.erase(s)
	case step.Power:
		if !n.power {
			n.power = true
			n.down(2 * time.Second)
		}
	case step.ClearJobs:
		n.rung(s)
	case step.Reset:
		n.reset(s)
	default:
		n.settings[s.ID] = true
	}
	return nil
}

func (n *fakeNode) push(s step.Step) error {
	c := s.Args.Component
	if n.fault.refuses == c {
		return &step.Failure{Class: step.Rejected, Err: errors.New("image is not supported by this board"), Messages: []string{"Update.1.0.InvalidImage"}}
	}
	if n.flash != "" {
		n.w.violate("%s: %s pushed while %s is being written", n.name, c, n.flash)
	}
	n.pushes[c]++
	n.flash, n.flashTo, n.flashFrom = c, s.Want["version"].(string), time.Now()
	n.flashUntil = n.flashFrom.Add(time.Duration(90+n.roll("flash", 400)) * time.Second)
	n.flashBad = n.fault.badFlash == c && n.pushes[c] == 1
	return nil
}

func (n *fakeNode) reset(s step.Step) {
	if n.flash != "" {
		n.w.violate("%s: %s while %s is being written", n.name, s.Activation, n.flash)
	}
	if isRung(s) {
		n.rung(s)
	} else {
		n.resets[s.Activation.String()]++
	}
	if s.Activation == step.BMCReset {
		n.bmcFrom = time.Now().Add(3 * time.Second)
		n.bmcUntil = n.bmcFrom.Add(time.Duration(60+n.roll("bmc", 200)) * time.Second)
		return
	}
	n.down(time.Duration(1+n.roll("transition", 20)) * time.Second)
}

// down takes the host through POST.
func (n *fakeNode) down(after time.Duration) {
	n.downFrom = time.Now().Add(after)
	n.bootUntil = n.downFrom.Add(time.Duration(120+n.roll("post", 900)) * time.Second)
}
