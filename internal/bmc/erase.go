package bmc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// sanitization is the value of SecureErase's SanitizationType for each method (DSP0268, Drive).
var sanitization = map[string]string{rack.EraseCrypto: "CryptographicErase", rack.EraseBlock: "BlockErase",
	rack.EraseOverwrite: "Overwrite"}

// newTaskHides is how long the task of an erase may be missing before it counts as lost: a new job of Dell is not found for some
// seconds (R16).
const newTaskHides = 2 * time.Minute

// checkErase looks at a drive that is to be erased. No drive says that it was: what counts is the task of this very request,
// ended without a word against it. Without such a task an erase is never done.
func (d *Driver) checkErase(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	r, seen, err := d.eraseDrive(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	if serial := textOf(s.Want["serial"]); serial != r.Obj.Str("SerialNumber") {
		return state(step.Moved, seen, "the drive at the planned place is %s, planned %s", r.Obj.Str("SerialNumber"), serial), nil
	}
	name, err := d.holder(ctx, r)
	if err != nil {
		return step.State{}, err
	}
	if name != "" {
		return state(step.Moved, seen, "the drive is part of volume %s", name), nil
	}
	if d.c.isSettled(eraseKey(s)) {
		seen["erased"] = true
		return state(step.Done, seen, "erased by this process"), nil
	}
	w, err := d.eraseWork(ctx, s, op)
	if err != nil {
		return step.State{}, err
	}
	switch w.phase {
	case phaseRunning:
		return step.State{Standing: step.Working, Percent: w.percent, Note: w.said, Seen: seen}, nil
	case phaseWaiting:
		return state(step.Staged, seen, "%s", w.said), nil
	case phaseFailed:
		return state(step.Ready, seen, "the drive was not erased: %s", w.said), nil
	case phaseDone:
		return d.judgeErase(ctx, s, w, seen)
	case phaseUnknown:
	}
	switch {
	case op != nil && op.Sent && op.Handle != "" && w.gone && time.Since(op.Started) < d.paced(newTaskHides):
		return state(step.Working, seen, "its task is not to be seen yet"), nil
	case op != nil && op.Sent && op.Handle != "" && w.gone:
		return state(step.Ready, seen, "%s, so it is not known whether the drive was erased", w.said), nil
	case op != nil && op.Sent && op.Handle != "":
		return state(step.Unknown, seen, "%s", w.said), nil
	case op != nil && op.Sent:
		return state(step.Ready, seen, "the BMC named no task, so it is not known whether the drive was erased"), nil
	}
	return state(step.Ready, seen, ""), nil
}

// judgeErase takes a task for done only when it says OK: one that ends with a warning has done something else (R91).
func (d *Driver) judgeErase(ctx context.Context, s step.Step, w work, seen step.Facts) (step.State, error) {
	r, err := d.c.rf.Get(ctx, w.uri)
	if err != nil {
		return state(step.Unknown, seen, "its task cannot be read"), nil //nolint:nilerr // the next look tells
	}
	for _, key := range []string{"TaskStatus", "JobStatus"} {
		if status := r.Obj.Str(key); status != "" && status != "OK" {
			return state(step.Ready, seen, "the erase ended with status %s: %s", status, w.said), nil
		}
	}
	for _, m := range redfish.Messages(r.Obj) {
		if m.Severity != "" && m.Severity != "OK" {
			return state(step.Ready, seen, "the erase ended with a %s: %s", strings.ToLower(m.Severity), m.Text), nil
		}
	}
	d.c.settle(eraseKey(s))
	seen["erased"] = true
	return state(step.Done, seen, "%s", w.said), nil
}

func eraseKey(s step.Step) string { return "erase " + string(s.ID) + " " + textOf(s.Want["serial"]) }

// eraseDrive reads the drive of a step.
func (d *Driver) eraseDrive(ctx context.Context, s step.Step) (*redfish.Resource, step.Facts, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Path)
	if err != nil {
		return nil, nil, fmt.Errorf("read drive %s: %w", lastPart(s.Args.Path), err)
	}
	return r, step.Facts{"serial": r.Obj.Str("SerialNumber"), "erased": false}, nil
}

// holder names the volume that a drive is part of; pass-through entries are none (R111).
func (d *Driver) holder(ctx context.Context, drive *redfish.Resource) (string, error) {
	for _, p := range drive.Obj.Links("Links", "Volumes") {
		v, err := d.c.rf.Get(ctx, p)
		if redfish.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read the volume of drive %s: %w", lastPart(drive.URI), err)
		}
		if !raw(v.Obj) {
			return firstNonEmpty(v.Obj.Str("Name"), lastPart(p)), nil
		}
	}
	return "", nil
}

func firstNonEmpty(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// eraseWork finds the task of this step: by its handle, or, when the answer was lost, among what is new and names the drive. An
// erase of this drive that somebody else has begun and that still runs is waited for.
func (d *Driver) eraseWork(ctx context.Context, s step.Step, op *step.Op) (work, error) {
	var w work
	if op != nil && op.Handle != "" {
		w = d.follow(ctx, op.Handle)
		return w, nil
	}
	all, err := d.works(ctx)
	if err != nil {
		return w, err
	}
	for _, c := range since(all, op) {
		if erases(c, s.Args.Path) {
			w = c
		}
	}
	for _, c := range all {
		if c.live() && erases(c, s.Args.Path) {
			w = c
		}
	}
	return w, nil
}

// erases tells whether a task works on this drive.
func erases(w work, drive string) bool {
	return !w.update && (w.about([]string{strings.TrimRight(drive, "/") + "/actions"}) ||
		slices.Contains(strings.FieldsFunc(strings.ToLower(w.kind), func(r rune) bool { return r == ' ' || r == ',' }),
			strings.ToLower(lastPart(drive))))
}

// actErase begins the erase. That its owner consented is the plan's business; that the method is still offered is asked here
// again, and nothing else is done in its place (R90, R91).
func (d *Driver) actErase(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	r, _, err := d.eraseDrive(ctx, a.s)
	if err != nil {
		return err
	}
	target, body, err := d.eraseRequest(ctx, a.s, r.Obj)
	if err != nil {
		return err
	}
	v, err := d.vitals(ctx, a.s, false)
	if err != nil {
		return err
	}
	base := v.facts()
	if base["tasks"], err = d.known(ctx); err != nil {
		return err
	}
	if err := a.intend(ctx, base); err != nil {
		return err
	}
	resp, err := d.c.rf.Post(ctx, target, body)
	if err != nil {
		if redfish.IsSentUnknown(err) { // never a second POST before the device was read
			if st, cerr := d.check(ctx, a.s, &a.op); cerr == nil && st.Standing != step.Ready {
				return a.sent("")
			}
		}
		return fmt.Errorf("erase drive %s: %w", lastPart(a.s.Args.Path), err)
	}
	return a.sent(resp.Handle())
}

// eraseRequest writes the request by what the drive offers now.
func (d *Driver) eraseRequest(ctx context.Context, s step.Step, drive redfish.Object) (string, map[string]any, error) {
	action := drive.Obj("Actions", "#Drive.SecureErase")
	target, method := action.Str("target"), textOf(s.Want["method"])
	value := sanitization[method]
	if target == "" || value == "" {
		return "", nil, unsupported("an erase by %q of this drive", method)
	}
	body := map[string]any{}
	values, err := d.allowable(ctx, action, "SanitizationType")
	if err != nil {
		return "", nil, err
	}
	switch {
	case slices.Contains(values, value):
		body["SanitizationType"] = value
		if n := intOf(s.Want["passes"]); n > 1 {
			body["OverwritePasses"] = n
		}
	case len(values) > 0:
		return "", nil, unsupported("%s of this drive (it lists %s)", value, strings.Join(values, ", "))
	case method != rack.EraseCrypto || !saysCrypto(drive):
		return "", nil, unsupported("an erase of this drive whose method it tells")
	}
	if slices.Contains(action.Strs("@Redfish.OperationApplyTimeSupport", "SupportedValues"), s.Args.ApplyTime) {
		body["@Redfish.OperationApplyTime"] = s.Args.ApplyTime
	}
	return target, body, nil
}

// saysCrypto tells whether the vendor says that its erase of this drive throws the key away.
func saysCrypto(drive redfish.Object) bool {
	for _, part := range []string{"DellPCIeSSD", "DellPhysicalDisk"} {
		if drive.Str("Oem", "Dell", part, "SystemEraseCapability") == "CryptographicErasePD" {
			return true
		}
	}
	return false
}
