package bmc

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// cacheKeys are Redfish's names of what a volume_set step writes.
var cacheKeys = map[string]string{"read_cache": "ReadCachePolicy", "write_cache": "WriteCachePolicy"}

// lookCaches reads the cache policies of a volume.
func (d *Driver) lookCaches(ctx context.Context, s step.Step) (storeView, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Path)
	if redfish.IsNotFound(err) {
		return storeView{seen: step.Facts{}, moved: "the volume is not there"}, nil
	}
	if err != nil {
		return storeView{}, fmt.Errorf("read the volume: %w", err)
	}
	x := storeView{seen: step.Facts{}, done: true}
	for _, name := range sortedKeys(s.Want) {
		has := r.Obj.Str(cacheKeys[name])
		x.seen[name] = has
		if has == textOf(s.Want[name]) {
			continue
		}
		if x.done = false; has != textOf(s.Expect[name]) {
			x.moved = fmt.Sprintf("%s is %s, planned from %s", name, has, textOf(s.Expect[name]))
		}
	}
	return x, nil
}

// sendCaches writes them on the volume, or on its settings where it has such a twin.
func (d *Driver) sendCaches(ctx context.Context, s step.Step) (*redfish.Response, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Path)
	if err != nil {
		return nil, fmt.Errorf("read the volume: %w", err)
	}
	body := map[string]any{}
	for name, v := range s.Want {
		body[cacheKeys[name]] = v
	}
	to := s.Args.Path
	if twin := r.Obj.Link("@Redfish.Settings", "SettingsObject"); twin != "" {
		to = twin
		if slices.Contains(r.Obj.Strs("@Redfish.Settings", "SupportedApplyTimes"), "Immediate") {
			body["@Redfish.SettingsApplyTime"] = map[string]any{"ApplyTime": "Immediate"}
		}
	}
	resp, err := d.c.rf.Patch(ctx, to, body, redfish.PatchOptions{Reached: func(ctx context.Context) (bool, error) {
		x, err := d.lookCaches(ctx, s)
		return x.done, err
	}})
	if err != nil {
		return resp, fmt.Errorf("write the cache policy: %w", err)
	}
	return resp, nil
}

func initKey(s step.Step) string { return "initialise " + string(s.ID) }

// checkInit looks at a volume that is to be initialised. No volume says of itself that it was: what counts is the task of this
// very request, or that the BMC accepted it, named no task, and no such operation is under way any more.
func (d *Driver) checkInit(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	v, err := d.volumeOf(ctx, s.Args.Path, s.Args.Drives)
	if err != nil {
		return step.State{}, err
	}
	seen := step.Facts{"initialised": false}
	if v == nil {
		return state(step.Moved, seen, "the volume is not there"), nil
	}
	for _, o := range v.Obj.Objs("Operations") {
		if strings.Contains(strings.ToLower(o.Str("OperationName")+o.Str("Operation")), "init") {
			percent := -1
			if n, ok := o.Int("PercentageComplete"); ok {
				percent = int(n)
			}
			return step.State{Standing: step.Working, Percent: percent, Note: "the volume is being initialised", Seen: seen}, nil
		}
	}
	if d.c.isSettled(initKey(s)) {
		seen["initialised"] = true
		return state(step.Done, seen, "initialised by this process"), nil
	}
	w, err := d.storeWork(ctx, s, op)
	if err != nil {
		return step.State{}, err
	}
	done := op != nil && op.Sent && (w.phase == phaseDone || op.Handle == "" && w.phase == phaseUnknown)
	switch {
	case done:
		d.c.settle(initKey(s))
		seen["initialised"] = true
		return state(step.Done, seen, "%s", w.said), nil
	case w.phase == phaseRunning:
		return step.State{Standing: step.Working, Percent: w.percent, Note: w.said, Seen: seen}, nil
	case w.phase == phaseWaiting:
		return state(step.Staged, seen, "%s", w.said), nil
	case w.phase == phaseFailed && op != nil:
		return state(step.Ready, seen, "the volume was not initialised: %s", w.said), nil
	case op != nil && op.Sent && w.gone:
		return state(step.Ready, seen, "%s, so it is not known whether the volume was initialised", w.said), nil
	}
	return state(step.Ready, seen, ""), nil
}

func (d *Driver) actInit(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	return d.sendOnce(ctx, a, func(ctx context.Context, s step.Step) (*redfish.Response, error) {
		v, err := d.volumeOf(ctx, s.Args.Path, s.Args.Drives)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, moved("the volume is not there")
		}
		action := v.Obj.Obj("Actions", "#Volume.Initialize")
		method := textOf(s.Want["method"])
		if action.Str("target") == "" {
			return nil, unsupported("Volume.Initialize of this volume")
		}
		if l := action.Strs("InitializeType@Redfish.AllowableValues"); len(l) > 0 && !slices.Contains(l, method) {
			return nil, unsupported("initialisation %s (it lists %s)", method, strings.Join(l, ", "))
		}
		body := map[string]any{"InitializeType": method}
		if slices.Contains(action.Strs("@Redfish.OperationApplyTimeSupport", "SupportedValues"), "Immediate") {
			body["@Redfish.OperationApplyTime"] = "Immediate"
		}
		r, err := d.c.rf.Post(ctx, action.Str("target"), body)
		if err != nil {
			return r, fmt.Errorf("initialise the volume: %w", err)
		}
		return r, nil
	})
}

// lookNamespace finds a namespace by its name, which is all that tells it from another one of its drive.
func (d *Driver) lookNamespace(ctx context.Context, s step.Step) (storeView, error) {
	all, _, err := d.c.rf.Members(ctx, s.Args.Path)
	if err != nil {
		return storeView{}, fmt.Errorf("read the namespaces: %w", err)
	}
	if len(s.Args.Drives) != 1 {
		return storeView{}, rejected("the step names no drive")
	}
	drive, err := d.c.rf.Get(ctx, s.Args.Drives[0])
	if err != nil {
		return storeView{}, fmt.Errorf("read drive %s: %w", lastPart(s.Args.Drives[0]), err)
	}
	x := storeView{seen: step.Facts{"exists": false, "drive": drive.Obj.Str("SerialNumber")}}
	if serial := textOf(s.Want["drive"]); serial != drive.Obj.Str("SerialNumber") {
		x.moved = fmt.Sprintf("the drive at the planned place is %s, planned %s", drive.Obj.Str("SerialNumber"), serial)
		return x, nil
	}
	for _, v := range all {
		if v.Obj.Obj("NVMeNamespaceProperties") == nil || v.Obj.Str("Name") != textOf(s.Want["name"]) {
			continue
		}
		x.seen["exists"] = true
		size, _ := v.Obj.Int("CapacityBytes")
		want := intOf(s.Want["capacity_bytes"])
		switch {
		case !slices.ContainsFunc(v.Obj.Links("Links", "Drives"), func(p string) bool { return samePath(p, s.Args.Drives[0]) }):
			x.moved = "a namespace of this name is on another drive"
		case want > 0 && math.Abs(float64(size-want)) > sizeSlack*float64(want):
			x.moved = fmt.Sprintf("a namespace of this name has %d bytes, wanted %d", size, want)
		default:
			x.done = true
		}
	}
	return x, nil
}

// sizeSlack is how much of a wanted size a drive may round away.
const sizeSlack = 0.01

func (d *Driver) sendNamespace(ctx context.Context, s step.Step) (*redfish.Response, error) {
	col, err := d.c.rf.Get(ctx, s.Args.Path)
	if err != nil {
		return nil, fmt.Errorf("read the namespaces: %w", err)
	}
	caps, err := d.volumeCapabilities(ctx, col)
	if err != nil {
		return nil, err
	}
	key, ok := nameKey(caps, textOf(s.Want["name"]))
	if !ok {
		return nil, unsupported("a name for a namespace, so it could not be found again")
	}
	props := map[string]any{}
	if n := intOf(s.Want["lba_bytes"]); n > 0 {
		props["LBAFormat"] = map[string]any{"LBADataSizeBytes": n}
	}
	body := map[string]any{key: s.Want["name"], "NVMeNamespaceProperties": props,
		"Links": map[string]any{"Drives": []map[string]any{{"@odata.id": s.Args.Drives[0]}}}}
	if n := intOf(s.Want["capacity_bytes"]); n > 0 {
		body["CapacityBytes"] = n
	}
	r, err := d.c.rf.Post(ctx, s.Args.Path, body)
	if err != nil {
		return r, fmt.Errorf("create the namespace: %w", err)
	}
	return r, nil
}

// volumeOptions adds to the body of a new volume what it says beyond type, drives and size.
func volumeOptions(s step.Step, caps redfish.Object, body map[string]any) {
	strip := "OptimumIOSizeBytes" // Dell's bodies have this one
	if caps != nil {
		strip = "StripSizeBytes"
		if yes, _ := caps.Bool(strip + "@Redfish.OptionalOnCreate"); !yes {
			strip = "OptimumIOSizeBytes"
		}
	}
	for name, key := range map[string]string{"strip_bytes": strip, "spans": "MediaSpanCount"} {
		if n := intOf(s.Want[name]); n > 0 {
			body[key] = n
		}
	}
	for name, key := range cacheKeys {
		if w := textOf(s.Want[name]); w != "" {
			body[key] = w
		}
	}
	if s.Want["encrypted"] == true {
		body["Encrypted"] = true
	}
}

// notAsAsked says in what a volume that was made is not what was asked for, where the BMC tells, or "".
func notAsAsked(s step.Step, v redfish.Object) string {
	if encrypted, told := v.Bool("Encrypted"); s.Want["encrypted"] == true && told && !encrypted {
		return "the volume was made without encryption"
	}
	for _, key := range []string{"StripSizeBytes", "OptimumIOSizeBytes"} {
		want := intOf(s.Want["strip_bytes"])
		if n, told := v.Int(key); want > 0 && told && n > 0 {
			if n != want {
				return fmt.Sprintf("the volume was made with strips of %d bytes, asked %d", n, want)
			}
			break
		}
	}
	return ""
}
