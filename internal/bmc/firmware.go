package bmc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Where a version may be read besides the firmware inventory (R88).
const (
	fromBIOSVersion    = "system.bios_version"
	fromManagerVersion = "manager.firmware_version"
)

// rows is what the device shows of one component.
type rows struct {
	versions []string // of the rows that run, in the order of Args.Rows
	missing  []string // wanted rows that are not there
	staged   bool     // a row says that the wanted version waits for its activation
}

// reached tells whether everything shows the version.
func (r rows) reached(s step.Step, version string) bool {
	return len(r.missing) == 0 && len(r.versions) > 0 &&
		!slices.ContainsFunc(r.versions, func(v string) bool { return !firmware.Equal(s.Args.Compare, v, version) })
}

// shown is the versions for people and for Seen.
func (r rows) shown() string {
	out := slices.Compact(slices.Sorted(slices.Values(r.versions)))
	return strings.Join(out, ", ")
}

// rowMark is the part of a row's id that no update changes. Dell writes the version into the id:
// Installed-159-1.8.2__BIOS.Setup.1-1.
func rowMark(id, version string) string {
	if head, tail, ok := strings.Cut(id, "__"); ok {
		if kind, _, ok := strings.Cut(head, "-"); ok {
			return strings.ToLower(kind + "-*__" + tail)
		}
	}
	if version != "" && strings.Contains(id, version) {
		return strings.ToLower(strings.ReplaceAll(id, version, "*"))
	}
	return strings.ToLower(id)
}

// sameRow tells whether a row of the inventory is a wanted one, before or after the update.
func sameRow(have, want string, versions ...string) bool {
	if strings.EqualFold(have, want) {
		return true
	}
	for _, v := range versions {
		for _, w := range versions {
			if rowMark(have, v) == rowMark(want, w) && rowMark(want, w) != strings.ToLower(want) {
				return true
			}
		}
	}
	return false
}

// stagedRow tells whether a row shows what waits for a wanted row (redfish.md §5.2).
func stagedRow(have, want, version string) bool {
	for _, h := range []string{want + "-Pending", "Staging_" + want, want + "_Staged"} {
		if strings.EqualFold(have, h) {
			return true
		}
	}
	_, wantPart, ok1 := strings.Cut(want, "__")
	head, havePart, ok2 := strings.Cut(have, "__")
	return ok1 && ok2 && wantPart == havePart && strings.HasPrefix(head, "Available-") && strings.Contains(head, version)
}

// rows reads what a firmware step is judged by, and no other row: an inventory can take minutes (R72).
func (d *Driver) rows(ctx context.Context, s step.Step) (rows, error) {
	var out rows
	want := textOf(s.Want["version"])
	olds := append(stringsOrOne(s.Expect["version"]), want)
	switch s.Args.ReadFrom {
	case fromBIOSVersion, fromManagerVersion:
		v, err := d.vitals(ctx, s, s.Args.ReadFrom == fromManagerVersion)
		if err != nil {
			return out, err
		}
		text := v.system.Str("BiosVersion")
		if s.Args.ReadFrom == fromManagerVersion {
			text = v.bmc.Obj.Str("FirmwareVersion")
		}
		if !firmware.IsPlaceholder(text) {
			out.versions = []string{text}
		}
	}
	l, err := d.layout(ctx)
	if err != nil {
		return out, err
	}
	if l.inventory == "" {
		if len(out.versions) > 0 {
			return out, nil
		}
		return out, unsupported("a firmware inventory")
	}
	uris, _, err := d.c.rf.MemberURIs(ctx, l.inventory)
	if err != nil {
		return out, fmt.Errorf("read the firmware inventory: %w", err)
	}
	for _, row := range s.Args.Rows {
		found := false
		for _, u := range uris {
			id := lastPart(u)
			runs, waits := sameRow(id, row, olds...), stagedRow(id, row, want)
			if !runs && !waits {
				continue
			}
			r, err := d.c.rf.Get(ctx, u)
			if redfish.IsNotFound(err) || err == nil && !waits && !meant(s, rowOf(r)) {
				continue
			}
			if err != nil {
				return out, fmt.Errorf("read firmware row %s: %w", id, err)
			}
			if version := r.Obj.Str("Version"); !firmware.IsPlaceholder(version) {
				out.add(s, r.Obj, version, waits)
				found = found || runs
			}
		}
		if !found && s.Args.ReadFrom == "" {
			out.missing = append(out.missing, row)
		}
	}
	if len(out.missing) > 0 && s.Args.Select != (rack.RowSelect{}) {
		return d.selected(ctx, s, uris, out)
	}
	return out, nil
}

// rowOf reads a row as a survey does.
func rowOf(r *redfish.Resource) rack.Firmware {
	id := r.Obj.Str("Id")
	if id == "" {
		id = lastPart(r.URI)
	}
	return rack.Firmware{ID: id, Name: r.Obj.Str("Name"), Version: r.Obj.Str("Version"), SoftwareID: r.Obj.Str("SoftwareId"),
		State: r.Obj.Str("Status", "State"), Path: r.URI}
}

// meant tells whether a row that has a planned id is still what the baseline selects: where ids are numbers, they may
// have been given anew.
func meant(s step.Step, f rack.Firmware) bool {
	return s.Args.Select.Name == "" || len(firmware.Match(s.Args.Select, []rack.Firmware{f})) > 0
}

// selected looks for the rows by the baseline's selector, where the ids of the plan are gone: numbers are given anew,
// and some ids name what they are (redfish.md §5.2). It reads every row.
func (d *Driver) selected(ctx context.Context, s step.Step, uris []string, known rows) (rows, error) {
	var all []rack.Firmware
	found := map[string]redfish.Object{}
	for _, u := range uris {
		r, err := d.c.rf.Get(ctx, u)
		if redfish.IsNotFound(err) {
			continue
		}
		if err != nil {
			return known, fmt.Errorf("read firmware row %s: %w", lastPart(u), err)
		}
		found[u] = r.Obj
		all = append(all, rowOf(r))
	}
	out := rows{staged: known.staged}
	for _, f := range firmware.Match(s.Args.Select, all) {
		if !firmware.IsPlaceholder(f.Version) {
			out.add(s, found[f.Path], f.Version, false)
		}
	}
	if len(out.versions) == 0 {
		return known, nil
	}
	return out, nil
}

// add takes in one row. Staged on the row that runs says that something waits for it, and the version is still the
// running one on some, that of the staged image on others.
func (r *rows) add(s step.Step, row redfish.Object, version string, waits bool) {
	flagged, _ := row.Bool("Staged")
	isWanted := firmware.Equal(s.Args.Compare, version, textOf(s.Want["version"]))
	switch {
	case waits, flagged && isWanted:
		r.staged = r.staged || isWanted
		return
	case flagged:
		r.staged = true
	}
	if s.Args.ReadFrom == "" {
		r.versions = append(r.versions, version)
	}
}

func (d *Driver) checkFirmware(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	r, err := d.rows(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	want, was := textOf(s.Want["version"]), stringsOrOne(s.Expect["version"])
	seen := step.Facts{"version": r.shown()}
	if r.reached(s, want) {
		if op != nil {
			d.c.settle(op.Handle)
		}
		d.c.forgetPush(pushKey(s))
		return state(step.Done, seen, ""), nil
	}
	if op != nil && op.Handle != "" {
		return d.judgePush(ctx, s, op, r, seen)
	}
	if r.staged {
		return state(step.Staged, seen, "%s waits for its activation", want), nil
	}
	found, err := d.lostPush(ctx, s, op)
	if err != nil {
		return step.State{}, err
	}
	switch {
	case found == nil:
	case found.phase == phaseDone && op == nil:
		return state(step.Staged, seen, "written, waits for %s (%s)", s.Activation, found.said), nil
	case found.phase == phaseDone:
		return d.judgeWithout(ctx, s, op, seen, found.said), nil
	default:
		return d.judgeWork(s, *found, seen), nil
	}
	if op != nil && op.Sent { // answered without a handle
		return d.judgeWithout(ctx, s, op, seen, "the BMC names no task for it"), nil
	}
	for _, v := range r.versions {
		planned := slices.ContainsFunc(append(was, want), func(w string) bool { return firmware.Equal(s.Args.Compare, v, w) })
		if len(was) > 0 && !planned {
			return state(step.Moved, seen, "the version is %s, planned from %s", v, strings.Join(was, ", ")), nil
		}
	}
	if len(r.versions) == 0 && len(was) > 0 {
		return state(step.Unknown, seen, "no version is shown for %s", strings.Join(s.Args.Rows, ", ")), nil
	}
	return state(step.Ready, seen, ""), nil
}

// jobAppears is how long a job may be unknown right after its creation (R16: 3 tries, 10 s apart).
const jobAppears = 30 * time.Second

// judgePush follows the task of a push. Its state is a hint: only the version is the truth (R36, R53, R54).
func (d *Driver) judgePush(ctx context.Context, s step.Step, op *step.Op, r rows, seen step.Facts) (step.State, error) {
	w := d.follow(ctx, op.Handle)
	switch w.phase {
	case phaseRunning, phaseWaiting:
		if w.endless() || r.staged && w.phase == phaseRunning && w.percent == 100 { // R36, R54
			return d.judgeWithout(ctx, s, op, seen, "its task does not end"), nil
		}
		return d.judgeWork(s, w, seen), nil
	case phaseFailed:
		if r.staged { // R19, R93: what is staged is staged
			return state(step.Staged, seen, "%s", w.said), nil
		}
		return state(step.Ready, seen, "the update failed: %s", w.said), nil
	case phaseDone, phaseUnknown:
	}
	if w.phase == phaseUnknown && (!w.gone || time.Since(op.Started) < d.paced(jobAppears)) { // R16
		return state(step.Working, seen, "%s", w.said), nil
	}
	if r.staged {
		return state(step.Staged, seen, "%s waits for its activation", textOf(s.Want["version"])), nil
	}
	if l, err := d.layout(ctx); err == nil && l.jobs != "" && w.phase == phaseDone && s.Activation.Host() && !d.activated(ctx, s, op) {
		// In a queue, what waits for a reset is Scheduled until then: a job that has ended without it has done nothing.
		return state(step.Ready, seen, "the job has ended before its reset: %s", w.said), nil
	}
	return d.judgeWithout(ctx, s, op, seen, w.said), nil
}

// judgeWork says what live work means for a step.
func (d *Driver) judgeWork(s step.Step, w work, seen step.Facts) step.State {
	if w.phase == phaseWaiting && s.Activation > step.None {
		return step.State{Standing: step.Staged, Percent: w.percent, Note: w.said, Seen: seen}
	}
	return step.State{Standing: step.Working, Percent: w.percent, Note: w.said, Seen: seen}
}

// judgeWithout judges a push that has ended, or whose task is gone, while the version is not there: it waits for its
// activation (R18, R80), the inventory lags (R30), or it came to nothing.
func (d *Driver) judgeWithout(ctx context.Context, s step.Step, op *step.Op, seen step.Facts, said string) step.State {
	if s.Activation > step.None && !d.activated(ctx, s, op) {
		return state(step.Staged, seen, "written, waits for %s (%s)", s.Activation, said)
	}
	since := time.Since(op.Started)
	if s.Activation > step.None {
		if v, err := d.vitals(ctx, s, false); err != nil || d.starting(v) || !v.on() && s.Activation.Host() {
			return state(step.Working, seen, "the host is starting")
		}
		last := d.c.lastReset(s.Activation)
		if last.IsZero() { // the reset was another process's: from the op's own age
			last = op.Started.Add(d.paced(time.Duration(s.EstimatedS) * time.Second))
		}
		since = time.Since(last)
	}
	if since < d.paced(lagAllowance) {
		return state(step.Working, seen, "activated; the inventory does not show the version yet")
	}
	if s.Activation.Host() && firmware.IsCard(append(slices.Clone(s.Args.Rows), s.Args.Component, s.Args.Select.Name, s.Args.Select.ID)...) {
		return state(step.Ready, seen, "the version is %v after %s: a BlueField keeps its power through less than a cut of standby power (R50). Let its "+
			"baseline say activation = \"aux_cycle\"; if it does: needs hands, the feed must be pulled (%s)", seen["version"], s.Activation, said)
	}
	return state(step.Ready, seen, "the version is %v after its activation (%s)", seen["version"], said)
}

// marks are the words by which a task of this step can be told from another's.
func marks(s step.Step) []string {
	var out []string
	for _, row := range s.Args.Rows {
		if _, part, ok := strings.Cut(row, "__"); ok {
			out = append(out, part)
			continue
		}
		if len(row) > 3 { // a number is in every task
			out = append(out, "/"+row+`"`, `"`+row+`"`)
		}
	}
	for _, t := range s.Args.Targets {
		out = append(out, `"`+t+`"`)
	}
	if s.Args.Component != "" { // "Firmware Update: BIOS"; "The target device 'bios' will be updated …"
		out = append(out, "update: "+s.Args.Component+`"`, "'"+s.Args.Component+"'", `"`+s.Args.Component+`"`)
	}
	if s.Args.File != "" {
		out = append(out, lastPart(s.Args.File))
	}
	return out
}

// lostPush looks for a push of this step's image whose handle is not known: one that this process made, a task or job
// that began after the operation, or a live one that names the part. A finished one counts when it is ours: its image
// may wait for the activation. nil = none.
func (d *Driver) lostPush(ctx context.Context, s step.Step, op *step.Op) (*work, error) {
	if p, ok := d.c.pushOf(pushKey(s)); ok && !d.c.resetSince(s.Activation, p.at) {
		if w := d.follow(ctx, p.handle); w.live() || w.phase == phaseDone && s.Activation > step.None {
			return &w, nil
		}
	}
	all, err := d.works(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range since(all, op) {
		if w.update && !d.c.isSettled(w.uri) && (w.live() || w.phase == phaseDone) {
			return &w, nil
		}
	}
	m := marks(s)
	for _, w := range all {
		if w.update && w.live() && !d.c.isSettled(w.uri) && w.about(m) {
			return &w, nil
		}
	}
	return nil, nil
}

// pushKey is what makes two steps the same push.
func pushKey(s step.Step) string {
	return strings.Join(s.Args.Rows, " ") + " " + textOf(s.Want["version"]) + " " + s.Args.Digest
}
