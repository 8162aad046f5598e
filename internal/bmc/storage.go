package bmc

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// shelf is what a volume step looks at: the collection, its volumes, and the wanted drives.
type shelf struct {
	collection *redfish.Resource
	volumes    []*redfish.Resource
	drives     []*redfish.Resource // of Args.Drives, in order
	serials    []string            // of drives, sorted
}

func (d *Driver) shelf(ctx context.Context, s step.Step) (shelf, error) {
	var x shelf
	var err error
	if s.Args.Path == "" {
		return x, unsupported("a volume collection")
	}
	if x.collection, err = d.c.rf.Get(ctx, s.Args.Path); err != nil {
		return x, fmt.Errorf("read the volumes: %w", err)
	}
	if x.volumes, _, err = d.c.rf.Members(ctx, s.Args.Path); err != nil {
		return x, fmt.Errorf("read the volumes: %w", err)
	}
	for _, p := range s.Args.Drives {
		r, err := d.c.rf.Get(ctx, p)
		if err != nil {
			return x, fmt.Errorf("read drive %s: %w", lastPart(p), err)
		}
		x.drives = append(x.drives, r)
		x.serials = append(x.serials, r.Obj.Str("SerialNumber"))
	}
	slices.Sort(x.serials)
	return x, nil
}

// raidOf reads the RAID type of a volume; older services say VolumeType (DSP0268).
func raidOf(v redfish.Object) string {
	if t := v.Str("RAIDType"); t != "" {
		return t
	}
	return map[string]string{"Mirrored": "RAID1", "NonRedundant": "RAID0", "StripedWithParity": "RAID5",
		"SpannedMirrors": "RAID10", "SpannedStripesWithParity": "RAID50"}[v.Str("VolumeType")]
}

// raw tells whether an entry only passes a drive through (R111), or is a namespace of one.
func raw(v redfish.Object) bool {
	return v.Obj("NVMeNamespaceProperties") != nil || v.Str("VolumeType") == "RawDevice" || raidOf(v) == "" && len(v.Links("Links", "Drives")) == 1
}

// members tells which drives a volume and the step share: all of both, some, or none.
func (x shelf) shared(v redfish.Object) (all, some bool) {
	have := v.Links("Links", "Drives")
	n := 0
	for _, h := range have {
		if slices.ContainsFunc(x.drives, func(r *redfish.Resource) bool { return samePath(r.URI, h) || samePath(r.Obj.ODataID(), h) }) {
			n++
		}
	}
	return n > 0 && n == len(x.drives) && n == len(have), n > 0
}

// waitsForReset tells whether a volume is listed before it exists.
func waitsForReset(v redfish.Object) bool {
	switch v.Str("Status", "State") {
	case "StandbyOffline", "Starting", "Deferring", "InTest", "Absent":
		return true
	}
	return v.Str("Oem", "Dell", "DellVolume", "RAIDStatus") == "Pending" || v.Has("Oem", "Dell", "DellVirtualDisk", "PendingOperations") &&
		strings.Contains(v.Str("Oem", "Dell", "DellVirtualDisk", "PendingOperations"), "Create")
}

func (d *Driver) checkVolume(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	if s.Want["exists"] == false {
		return d.checkNoVolume(ctx, s, op)
	}
	x, err := d.shelf(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	seen := step.Facts{"exists": false, "drives": x.serials}
	want := slices.Sorted(slices.Values(stringsOf(s.Want["drives"])))
	if len(want) > 0 && !slices.Equal(want, x.serials) {
		return state(step.Moved, seen, "the drives at the planned places are %s, planned %s", strings.Join(x.serials, ", "),
			strings.Join(want, ", ")), nil
	}
	raid := textOf(s.Want["raid_type"])
	for _, v := range x.volumes {
		if raw(v.Obj) {
			continue
		}
		switch all, some := x.shared(v.Obj); {
		case all && raidOf(v.Obj) == raid:
			seen["exists"], seen["name"] = true, v.Obj.Str("Name")
			if why := notAsAsked(s, v.Obj); why != "" && !waitsForReset(v.Obj) {
				return state(step.Moved, seen, "%s", why), nil
			}
			return d.judgeVolume(ctx, v, op, seen), nil
		case some:
			return state(step.Moved, seen, "a drive is part of volume %s (%s)", v.Obj.Str("Name"), raidOf(v.Obj)), nil
		}
	}
	return d.pendingVolume(ctx, s, op, x, seen)
}

// judgeVolume says how a volume of the right shape stands.
func (d *Driver) judgeVolume(ctx context.Context, v *redfish.Resource, op *step.Op, seen step.Facts) step.State {
	if waitsForReset(v.Obj) {
		if op != nil && op.Handle != "" {
			if w := d.follow(ctx, op.Handle); w.phase == phaseRunning {
				return step.State{Standing: step.Working, Percent: w.percent, Note: w.said, Seen: seen}
			}
		}
		return state(step.Staged, seen, "the volume waits for a reset")
	}
	return state(step.Done, seen, "")
}

// pendingVolume looks for a creation that was accepted and is not to be seen in the collection: its task or job.
func (d *Driver) pendingVolume(ctx context.Context, s step.Step, op *step.Op, x shelf, seen step.Facts) (step.State, error) {
	var w work
	if op != nil && op.Handle != "" {
		w = d.follow(ctx, op.Handle)
	}
	if !w.live() && w.phase != phaseFailed && w.phase != phaseDone {
		all, err := d.works(ctx)
		if err != nil {
			return step.State{}, err
		}
		marks := append([]string{s.Args.Path}, s.Args.Drives...)
		for _, c := range since(all, op) {
			if raidJob(c) && c.phase != phaseUnknown {
				w = c
			}
		}
		for _, c := range all {
			if c.phase == phaseRunning && raidJob(c) { // nobody says of which drives: to be waited for
				w = c
			}
			if c.live() && !c.update && (c.about(marks) || raidJob(c) && c.about([]string{controllerOf(s.Args.Path), textOf(s.Want["name"])})) {
				w = c
			}
		}
	}
	switch w.phase {
	case phaseWaiting:
		return state(step.Staged, seen, "%s", w.said), nil
	case phaseRunning:
		return step.State{Standing: step.Working, Percent: w.percent, Note: w.said, Seen: seen}, nil
	case phaseFailed:
		return state(step.Ready, seen, "the volume was not made: %s", w.said), nil
	case phaseDone, phaseUnknown:
	}
	if op != nil && op.Sent {
		if v, err := d.vitals(ctx, s, false); err == nil && d.starting(v) {
			return state(step.Working, seen, "the host is starting (%s)", v.progress), nil
		}
		if s.Activation.Host() && w.phase == phaseUnknown && !d.activated(ctx, s, op) {
			return state(step.Staged, seen, "accepted; the BMC names no task for it"), nil
		}
	}
	return state(step.Ready, seen, ""), nil
}

func raidJob(w work) bool {
	k := strings.ToLower(w.kind)
	return strings.Contains(k, "raid") || strings.Contains(k, "volume") || strings.Contains(k, "storage")
}

// controllerOf is the name of the Storage resource that a volume collection hangs under.
func controllerOf(collection string) string {
	parts := strings.Split(strings.Trim(collection, "/"), "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}

func (d *Driver) actVolume(ctx context.Context, a *act) error {
	if a.s.Want["exists"] == false {
		return d.actNoVolume(ctx, a)
	}
	// also adopts a volume that is there, and refuses drives that are not free
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	x, err := d.shelf(ctx, a.s)
	if err != nil {
		return err
	}
	if len(x.drives) == 0 {
		return rejected("the step names no drives")
	}
	caps, err := d.volumeCapabilities(ctx, x.collection)
	if err != nil {
		return err
	}
	body, err := volumeBody(a.s, x, caps)
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
	r, err := d.c.rf.Post(ctx, x.collection.URI, body)
	if err != nil {
		if redfish.IsSentUnknown(err) { // never a second POST before the device was read
			if st, cerr := d.check(ctx, a.s, &a.op); cerr == nil && st.Standing != step.Ready {
				return a.sent("")
			}
		}
		return fmt.Errorf("create the volume: %w", err)
	}
	return a.sent(r.Handle())
}

// volumeCapabilities reads what may be said on creation, when the collection has it (DSP0266 §7.8.3), else nil.
func (d *Driver) volumeCapabilities(ctx context.Context, c *redfish.Resource) (redfish.Object, error) {
	for _, k := range c.Obj.Objs("@Redfish.CollectionCapabilities", "Capabilities") {
		if p := k.Link("CapabilitiesObject"); p != "" && k.Str("UseCase") == "VolumeCreation" {
			r, err := d.c.rf.Get(ctx, p)
			if redfish.IsNotFound(err) {
				return nil, nil
			}
			if err != nil {
				return nil, fmt.Errorf("read the volume capabilities: %w", err)
			}
			return r.Obj, nil
		}
	}
	return nil, nil
}

// volumeBody writes the request by what the service allows.
func volumeBody(s step.Step, x shelf, caps redfish.Object) (map[string]any, error) {
	raid, name := textOf(s.Want["raid_type"]), textOf(s.Want["name"])
	if l := caps.Strs("RAIDType@Redfish.AllowableValues"); len(l) > 0 && !slices.Contains(l, raid) {
		return nil, unsupported("%s on this controller (it lists %s)", raid, strings.Join(l, ", "))
	}
	drives := []map[string]any{}
	for _, r := range x.drives {
		drives = append(drives, map[string]any{"@odata.id": r.URI})
	}
	body := map[string]any{"RAIDType": raid, "Links": map[string]any{"Drives": drives}}
	if key, ok := nameKey(caps, name); ok {
		body[key] = name
	}
	if n := intOf(s.Want["capacity_bytes"]); n > 0 {
		body["CapacityBytes"] = n
	}
	volumeOptions(s, caps, body)
	listed := x.collection.Obj.Strs("@Redfish.OperationApplyTimeSupport", "SupportedValues")
	apply := s.Args.ApplyTime
	if apply == "" {
		apply = firstOf(listed, "OnReset", "Immediate")
	}
	if slices.Contains(listed, apply) { // sent only where it is listed
		body["@Redfish.OperationApplyTime"] = apply
	}
	return body, nil
}

// nameKey says under which key a volume may be named; no key when the name does not fit.
func nameKey(caps redfish.Object, name string) (string, bool) {
	if name == "" {
		return "", false
	}
	if caps == nil {
		return "Name", true
	}
	for _, key := range []string{"DisplayName", "Name"} {
		allowed, _ := caps.Bool(key + "@Redfish.OptionalOnCreate")
		required, _ := caps.Bool(key + "@Redfish.RequiredOnCreate")
		if !allowed && !required {
			continue
		}
		if p := caps.Str(key + "@Redfish.AllowablePattern"); p != "" {
			if re, err := regexp.Compile(p); err == nil && !re.MatchString(name) {
				continue
			}
		}
		return key, true
	}
	return "", false
}

// checkNoVolume looks at a volume that is to go. Args.Path is the volume itself.
func (d *Driver) checkNoVolume(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Path)
	if redfish.IsNotFound(err) {
		return state(step.Done, step.Facts{"exists": false}, ""), nil
	}
	if err != nil {
		return step.State{}, fmt.Errorf("read the volume: %w", err)
	}
	var serials []string
	for _, p := range r.Obj.Links("Links", "Drives") {
		drive, err := d.c.rf.Get(ctx, p)
		if err != nil {
			return step.State{}, fmt.Errorf("read drive %s: %w", lastPart(p), err)
		}
		serials = append(serials, drive.Obj.Str("SerialNumber"))
	}
	slices.Sort(serials)
	seen := step.Facts{"exists": true, "raid_type": raidOf(r.Obj), "drives": serials}
	planned := slices.Sorted(slices.Values(stringsOf(s.Expect["drives"])))
	if raid := textOf(s.Expect["raid_type"]); raid != "" && raid != raidOf(r.Obj) || len(planned) > 0 && !slices.Equal(planned, serials) {
		return state(step.Moved, seen, "%s is another volume: %s of %s", lastPart(s.Args.Path), raidOf(r.Obj), strings.Join(serials, ", ")), nil
	}
	if op == nil || !op.Sent {
		return state(step.Ready, seen, ""), nil
	}
	switch w := d.follow(ctx, op.Handle); {
	case op.Handle == "":
	case w.phase == phaseRunning:
		return step.State{Standing: step.Working, Percent: w.percent, Note: w.said, Seen: seen}, nil
	case w.phase == phaseWaiting:
		return state(step.Staged, seen, "%s", w.said), nil
	case w.phase == phaseFailed:
		return state(step.Ready, seen, "the volume was not deleted: %s", w.said), nil
	}
	return state(step.Ready, seen, "the volume is still there"), nil
}

// actNoVolume deletes a volume. That its owner consented is the plan's business, and written in the step's Why.
func (d *Driver) actNoVolume(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	v, err := d.vitals(ctx, a.s, false)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	r, err := d.c.rf.Delete(ctx, a.s.Args.Path)
	if err != nil {
		return fmt.Errorf("delete the volume: %w", err)
	}
	return a.sent(r.Handle())
}
