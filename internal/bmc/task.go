package bmc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// phase is what a task or job says of itself. It is a hint: values decide.
type phase uint8

const (
	phaseUnknown phase = iota // it does not answer, or is gone
	phaseWaiting              // accepted; waits for a reset, or for its turn
	phaseRunning
	phaseDone
	phaseFailed
)

// work is one task or job as it was read.
type work struct {
	uri     string
	kind    string // Name and JobType
	phase   phase
	gone    bool // 404
	stalled bool // it runs and has shown no progress for long: some never end (R36)
	percent int  // -1 = not told
	said    string
	update  bool   // it writes firmware
	whole   string // its JSON in lower case, to look for what it is about
}

// live tells whether the work has been accepted and has not ended.
func (w work) live() bool { return w.phase == phaseRunning || w.phase == phaseWaiting }

// endless tells whether the work has done all and does not end.
func (w work) endless() bool { return w.stalled && (w.percent == 100 || w.percent < 0) }

// about tells whether the work names one of the marks.
func (w work) about(marks []string) bool {
	for _, m := range marks {
		if m != "" && strings.Contains(w.whole, strings.ToLower(m)) {
			return true
		}
	}
	return false
}

// follow reads the task or job behind a handle. A job outlives its task on some BMCs, so it is asked first (R17); a
// task that has become a job is followed to it (R34). A read that fails leaves the phase unknown: a reboot of the BMC
// is no failure.
func (d *Driver) follow(ctx context.Context, handle string) work {
	w := work{uri: handle, percent: -1}
	l, err := d.layout(ctx)
	if err != nil {
		w.said = err.Error()
		return w
	}
	if id := lastPart(handle); l.jobs != "" && strings.HasPrefix(id, "JID_") {
		if r, err := d.c.rf.Get(ctx, strings.TrimRight(l.jobs, "/")+"/"+id); err == nil {
			return d.watched(workOf(r))
		}
	}
	for range 3 { // task → job → at most one more
		r, err := d.c.rf.Get(ctx, monitored(l, w.uri))
		if err != nil {
			w.gone, w.said = redfish.IsNotFound(err), "its task cannot be read"
			if w.gone {
				w.said = "its task is gone"
			}
			return w
		}
		w = workOf(r)
		next := redfish.TaskOf(r.Obj).Follow
		if next == "" || samePath(next, w.uri) {
			return d.watched(w)
		}
		w = work{uri: next, percent: -1}
	}
	return w
}

// stallAfter is when a running task without progress is taken for one that never ends: bmcweb itself gives up after 5
// min.
const stallAfter = 10 * time.Minute

// watched notes whether live work has moved since it was last looked at.
func (d *Driver) watched(w work) work {
	if w.phase == phaseRunning {
		w.stalled = d.c.stillness(w.uri, fmt.Sprintf("%d %s", w.percent, w.said)) > d.paced(stallAfter)
	}
	return w
}

// monitored turns the URI of a task monitor into that of its task: reading a monitor deletes the task on some BMCs
// (R34, R36).
func monitored(l *layout, uri string) string {
	switch {
	case !strings.Contains(uri, "/") && l.jobs != "":
		return strings.TrimRight(l.jobs, "/") + "/" + uri
	case (!strings.Contains(uri, "/") || strings.Contains(redfish.Key(uri), "/taskmonitors/")) && l.tasks != "":
		return strings.TrimRight(l.tasks, "/") + "/" + lastPart(uri)
	default:
		return uri
	}
}

// workOf reads a task or job. The worse of state and status counts (R20, R93).
func workOf(r *redfish.Resource) work {
	t := redfish.TaskOf(r.Obj)
	w := work{uri: r.URI, percent: t.Percent, said: t.State, update: writesFirmware(r.Obj),
		kind: strings.TrimSpace(r.Obj.Str("Name") + " " + r.Obj.Str("JobType"))}
	switch t.Phase {
	case redfish.PhaseActive:
		w.phase = phaseRunning
		if t.Waits {
			w.phase = phaseWaiting
		}
	case redfish.PhaseDone:
		w.phase = phaseDone
	case redfish.PhaseFailed:
		w.phase = phaseFailed
	case redfish.PhaseUnknown:
	}
	last := r.Obj.Str("Message")
	for _, m := range t.Messages {
		if m.Text != "" {
			last = m.Text
		}
	}
	if last != "" {
		w.said += ": " + last
	}
	w.whole = strings.ToLower(spelling(r.Obj))
	if w.phase == phaseDone && (strings.Contains(w.whole, "jcp052") || strings.Contains(w.whole, "no progress")) {
		w.phase = phaseFailed // R20, where the job does not tell its status
	}
	if w.phase == phaseRunning && strings.Contains(w.whole, "successfully scheduled") {
		w.phase = phaseWaiting // Dell's task of a scheduled job
	}
	return w
}

// writesFirmware tells whether a task or job is an update. Configuration and reboot jobs are not.
func writesFirmware(o redfish.Object) bool {
	target := strings.ToLower(o.Str("Payload", "TargetUri"))
	for _, mark := range []string{"updateservice", "fwupdate", "uploadfile", "firmwareinventory"} {
		if strings.Contains(target, mark) {
			return true
		}
	}
	name := strings.ToLower(o.Str("JobType") + " " + o.Str("Name") + " " + o.Str("Description"))
	if strings.Contains(name, "config") || strings.Contains(name, "reboot") || strings.Contains(name, "reset") {
		return false
	}
	for _, mark := range []string{"firmware", "update", "flash"} {
		if strings.Contains(name, mark) {
			return true
		}
	}
	for _, m := range redfish.Messages(o) {
		if strings.HasPrefix(m.ID, "Update.") {
			return true
		}
	}
	return false
}

// works reads all tasks and jobs of the BMC.
func (d *Driver) works(ctx context.Context) ([]work, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return nil, err
	}
	collection := l.jobs // where there is a queue, every task is a job of it, and jobs know more (R17)
	if collection == "" {
		collection = l.tasks
	}
	if collection == "" {
		return nil, nil
	}
	members, _, err := d.c.rf.Members(ctx, collection)
	if redfish.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", collection, err)
	}
	out := make([]work, 0, len(members))
	for _, r := range members {
		out = append(out, d.watched(workOf(r)))
	}
	return out, nil
}

// known lists the tasks and jobs there are, so that what comes after can be told to be ours.
func (d *Driver) known(ctx context.Context) ([]string, error) {
	all, err := d.works(ctx)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, w := range all {
		out = append(out, w.uri)
	}
	return out, nil
}

// since leaves out what was there when an operation began.
func since(all []work, op *step.Op) []work {
	if op == nil || op.Baseline["tasks"] == nil {
		return nil
	}
	old := stringsOf(op.Baseline["tasks"])
	return slices.DeleteFunc(slices.Clone(all), func(w work) bool { return slices.Contains(old, w.uri) })
}

// flashing lists the updates that write at this moment. What waits for a reset does not count, nor does a task whose
// target version was read already, or that stands still at its end: some never end (R36).
func (d *Driver) flashing(ctx context.Context) ([]work, error) {
	all, err := d.works(ctx)
	if err != nil {
		return nil, err
	}
	var out []work
	for _, w := range all {
		if w.phase == phaseRunning && (w.update || d.c.isPush(w.uri)) && !d.c.isSettled(w.uri) && !w.endless() {
			out = append(out, w)
		}
	}
	l, err := d.layout(ctx)
	if err != nil || l.update == "" {
		return out, err
	}
	u, err := d.c.rf.Get(ctx, l.update)
	if err != nil {
		return nil, fmt.Errorf("read the update service: %w", err)
	}
	if w, busy := serviceBusy(u); busy {
		out = append(out, w)
	}
	return out, nil
}

// serviceBusy reads the state that an UpdateService itself shows (HPE; §5.3).
func serviceBusy(u *redfish.Resource) (work, bool) {
	w := work{uri: u.URI, phase: phaseRunning, percent: -1, update: true}
	w.said = u.Obj.Str("Oem", "Hpe", "State")
	if p, ok := u.Obj.Int("Oem", "Hpe", "FlashProgressPercent"); ok {
		w.percent = int(p)
	}
	switch w.said {
	case "Uploading", "Verifying", "Updating", "Writing", "InProgress":
		return w, true
	}
	return w, false
}

// calm waits until the host has left POST, where staged firmware is written without any task that tells of it, and
// refuses what would cut a flash that a task tells of.
func (d *Driver) calm(ctx context.Context, s step.Step, what string) error {
	for range postEndTries {
		if err := d.notWhileFlashing(ctx, what); err != nil {
			return err
		}
		v, err := d.vitals(ctx, s, false)
		if err != nil || !d.starting(v) {
			return err
		}
		if err := d.pause(ctx, evidencePauses); err != nil {
			return err
		}
	}
	return transient("See why the host does not leave its start-up; reset it by hand if it hangs.",
		"%s refused: the host is starting and may be writing firmware", what)
}

// handOver is how long a host may take from its last hardware step to an OS before it is taken as having none.
const handOver = 5 * time.Minute

// starting tells whether the host is in POST, or handing over after it.
func (d *Driver) starting(v vitals) bool {
	return v.posting() || v.handingOver() && d.c.sincePost(v.path) < d.paced(handOver)
}

// notWhileFlashing refuses what would cut a flash: invariant 1 of the engine.
func (d *Driver) notWhileFlashing(ctx context.Context, what string) error {
	busy, err := d.flashing(ctx)
	if err != nil {
		return err
	}
	if len(busy) > 0 {
		return transient("Wait until the update has ended; the next run goes on from there.",
			"%s refused: firmware is being written (%s, %s)", what, busy[0].uri, busy[0].said)
	}
	return nil
}
