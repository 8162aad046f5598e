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

// storeView is how the thing that a storage step changes is now, whatever became of an operation.
type storeView struct {
	seen  step.Facts
	done  bool
	moved string // why it is neither as planned nor as wanted
}

// storeVerb is one storage kind: how it is looked at, and how it is asked for.
type storeVerb struct {
	look func(ctx context.Context, s step.Step) (storeView, error)
	send func(ctx context.Context, s step.Step) (*redfish.Response, error)
}

func (d *Driver) storeVerb(s step.Step) storeVerb {
	switch s.Kind {
	case step.Spare:
		return storeVerb{d.lookSpare, d.sendSpare}
	case step.Foreign:
		return storeVerb{d.lookForeign, d.sendForeign}
	case step.ControllerReset:
		return storeVerb{d.lookReset, d.sendReset}
	case step.ControllerKey:
		return storeVerb{d.lookKey, d.sendKey}
	case step.Namespace:
		return storeVerb{d.lookNamespace, d.sendNamespace}
	default:
		return storeVerb{d.lookCaches, d.sendCaches}
	}
}

// checkStore looks at a storage step: what is read decides; a task only says that something is under way.
func (d *Driver) checkStore(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	if s.Kind == step.Namespace && s.Want["exists"] == false {
		return d.checkNoVolume(ctx, s, op)
	}
	x, err := d.storeVerb(s).look(ctx, s)
	switch {
	case err != nil:
		return step.State{}, err
	case x.done:
		return state(step.Done, x.seen, ""), nil
	case x.moved != "":
		return state(step.Moved, x.seen, "%s", x.moved), nil
	}
	w, err := d.storeWork(ctx, s, op)
	if err != nil {
		return step.State{}, err
	}
	switch w.phase {
	case phaseRunning:
		return step.State{Standing: step.Working, Percent: w.percent, Note: w.said, Seen: x.seen}, nil
	case phaseWaiting:
		return state(step.Staged, x.seen, "%s", w.said), nil
	case phaseFailed:
		return state(step.Ready, x.seen, "it was not done: %s", w.said), nil
	case phaseDone, phaseUnknown:
	}
	switch {
	case op == nil || !op.Sent:
		return state(step.Ready, x.seen, ""), nil
	case time.Since(op.Started) < d.paced(storeShows):
		return state(step.Working, x.seen, "it was accepted, and is not to be seen yet"), nil
	}
	return state(step.Ready, x.seen, "it was accepted, and nothing came of it"), nil
}

// storeShows is how long a controller may take to show what it has done: an inventory of drives is read anew every minute or so.
const storeShows = 2 * time.Minute

// storeWork finds the task of this step: by its handle, or, where the answer was lost, among what is new; and any work of a
// controller that still runs, since nobody says of which drives it is.
func (d *Driver) storeWork(ctx context.Context, s step.Step, op *step.Op) (work, error) {
	if op != nil && op.Handle != "" {
		return d.follow(ctx, op.Handle), nil
	}
	var w work
	all, err := d.works(ctx)
	if err != nil {
		return w, err
	}
	marks := []string{s.Args.Target, s.Args.Path}
	ours := func(c work) bool { return !c.update && (raidJob(c) || c.about(marks)) }
	for _, c := range since(all, op) {
		if ours(c) && c.phase != phaseUnknown {
			w = c
		}
	}
	for _, c := range all {
		if c.live() && ours(c) {
			w = c
		}
	}
	return w, nil
}

// actStore asks for the change of a storage step, once.
func (d *Driver) actStore(ctx context.Context, a *act) error {
	if a.s.Kind == step.Namespace && a.s.Want["exists"] == false {
		return d.actNoVolume(ctx, a)
	}
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	return d.sendOnce(ctx, a, d.storeVerb(a.s).send)
}

// sendOnce records, sends, and records the answer; after a lost answer the device is read before anything else.
func (d *Driver) sendOnce(ctx context.Context, a *act, send func(context.Context, step.Step) (*redfish.Response, error)) error {
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
	r, err := send(ctx, a.s)
	if err != nil {
		if redfish.IsSentUnknown(err) { // never a second request before the device was read
			if st, cerr := d.check(ctx, a.s, &a.op); cerr == nil && st.Standing != step.Ready {
				return a.sent("")
			}
		}
		return err
	}
	return a.sent(r.Handle())
}

// holdsForeign tells whether a drive holds the configuration of another controller.
func holdsForeign(drive redfish.Object) bool {
	for _, part := range []string{"DellPhysicalDisk", "DellPCIeSSD"} {
		if strings.EqualFold(drive.Str("Oem", "Dell", part, "RaidStatus"), "Foreign") {
			return true
		}
	}
	return drive.Str("EncryptionStatus") == "Foreign"
}

// lookForeign reads the drives whose foreign configuration is to be imported or cleared.
func (d *Driver) lookForeign(ctx context.Context, s step.Step) (storeView, error) {
	var left, serials []string
	for _, p := range s.Args.Drives {
		r, err := d.c.rf.Get(ctx, p)
		if err != nil {
			return storeView{}, fmt.Errorf("read drive %s: %w", lastPart(p), err)
		}
		sn := r.Obj.Str("SerialNumber")
		if serials = append(serials, sn); holdsForeign(r.Obj) {
			left = append(left, sn)
		}
	}
	slices.Sort(serials)
	x := storeView{seen: step.Facts{"drives": left}, done: len(left) == 0}
	if planned := slices.Sorted(slices.Values(stringsOf(s.Expect["drives"]))); !slices.Equal(planned, serials) {
		x.done, x.moved = false, fmt.Sprintf("the drives at the planned places are %s, planned %s", strings.Join(serials, ", "), strings.Join(planned, ", "))
	}
	return x, nil
}

func (d *Driver) sendForeign(ctx context.Context, s step.Step) (*redfish.Response, error) {
	r, err := d.c.rf.Post(ctx, s.Args.Target, actBody(s, nil))
	if err != nil {
		return r, fmt.Errorf("have the foreign configuration %s: %w", textOf(s.Want["foreign"]), err)
	}
	return r, nil
}

// actBody is the body of an act on a controller: Dell names its target, the standard's stands in the URI.
func actBody(s step.Step, more map[string]any) map[string]any {
	body := map[string]any{}
	if s.Args.Method == rack.StyleDell {
		body["TargetFQDD"] = lastPart(s.Args.Path)
	}
	for k, v := range more {
		body[k] = v
	}
	return body
}

// lookReset reads what a controller still keeps.
func (d *Driver) lookReset(ctx context.Context, s step.Step) (storeView, error) {
	volumes, _, err := d.c.rf.Members(ctx, s.Args.Resource)
	if err != nil {
		return storeView{}, fmt.Errorf("read the volumes: %w", err)
	}
	planned := stringsOf(s.Expect["volumes"])
	names, strange := []string{}, ""
	for _, v := range volumes {
		if raw(v.Obj) || lastPart(v.URI) == "Capabilities" {
			continue
		}
		name := v.Obj.Str("Name")
		if names = append(names, name); !slices.Contains(planned, name) {
			strange = name
		}
	}
	x := storeView{seen: step.Facts{"volumes": names}, done: len(names) == 0}
	for _, p := range s.Args.Drives {
		r, err := d.c.rf.Get(ctx, p)
		if err != nil {
			return x, fmt.Errorf("read drive %s: %w", lastPart(p), err)
		}
		x.done = x.done && spareKind(r.Obj) == rack.SpareNone
	}
	if strange != "" {
		x.moved = fmt.Sprintf("volume %s is there, and nobody agreed to lose it", strange)
	}
	return x, nil
}

func (d *Driver) sendReset(ctx context.Context, s step.Step) (*redfish.Response, error) {
	var more map[string]any
	if s.Args.Method == rack.StyleStandard {
		more = map[string]any{"ResetType": "ResetAll"}
	}
	r, err := d.c.rf.Post(ctx, s.Args.Target, actBody(s, more))
	if err != nil {
		return r, fmt.Errorf("reset the controller: %w", err)
	}
	return r, nil
}

// lookKey reads what a controller calls its key. No BMC tells the key itself.
func (d *Driver) lookKey(ctx context.Context, s step.Step) (storeView, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Path)
	if err != nil {
		return storeView{}, fmt.Errorf("read the controller: %w", err)
	}
	id := firstNonEmpty(r.Obj.Str("LocalEncryptionKeyIdentifier"), r.Obj.Str("Oem", "Dell", "DellController", "KeyID"))
	x := storeView{seen: step.Facts{"key_id": id}, done: id == textOf(s.Want["key_id"])}
	if id != "" && !x.done {
		x.moved = fmt.Sprintf("the controller has the key %s", id)
	}
	return x, nil
}

func (d *Driver) sendKey(ctx context.Context, s step.Step) (*redfish.Response, error) {
	if d.opt.Secrets == nil {
		return nil, step.Fail(step.Internal, fmt.Errorf("nothing resolves the reference of the controller's key"), "")
	}
	key, err := d.opt.Secrets(ctx, s.Args.Secret)
	if err != nil {
		return nil, fmt.Errorf("resolve the controller's key: %w", err)
	}
	if key == "" {
		return nil, rejected("the reference of the controller's key gives an empty text")
	}
	body := map[string]any{"EncryptionKey": key, "EncryptionKeyIdentifier": s.Want["key_id"]}
	if s.Args.Method == rack.StyleDell {
		body = actBody(s, map[string]any{"Key": key, "Keyid": s.Want["key_id"]})
	}
	r, err := d.c.rf.Post(ctx, s.Args.Target, body)
	if err != nil {
		return r, fmt.Errorf("set the controller's key: %w", err)
	}
	return r, nil
}
