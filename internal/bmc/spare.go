package bmc

import (
	"context"
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// spareKind is what a drive stands by for; None where the BMC tells nothing.
func spareKind(drive redfish.Object) string {
	if k := drive.Str("HotspareType"); k != "" {
		return k
	}
	return rack.SpareNone
}

// volumeOf finds the volume of a step among the members of a collection: the one with all its drives; nil when there is none.
func (d *Driver) volumeOf(ctx context.Context, collection string, drives []string) (*redfish.Resource, error) {
	all, _, err := d.c.rf.Members(ctx, collection)
	if err != nil {
		return nil, fmt.Errorf("read the volumes: %w", err)
	}
	for _, v := range all {
		have := v.Obj.Links("Links", "Drives")
		if raw(v.Obj) || len(have) != len(drives) || len(have) == 0 {
			continue
		}
		if !slices.ContainsFunc(drives, func(p string) bool {
			return !slices.ContainsFunc(have, func(h string) bool { return samePath(h, p) })
		}) {
			return v, nil
		}
	}
	return nil, nil
}

// dedicated tells whether a volume lists a drive among its spares; told is false where it lists none at all.
func dedicated(v redfish.Object, drive string) (is, told bool) {
	return slices.ContainsFunc(v.Links("Links", "DedicatedSpareDrives"), func(p string) bool { return samePath(p, drive) }),
		v.Has("Links", "DedicatedSpareDrives")
}

// lookSpare reads what a drive stands by for.
func (d *Driver) lookSpare(ctx context.Context, s step.Step) (storeView, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Path)
	if err != nil {
		return storeView{}, fmt.Errorf("read drive %s: %w", lastPart(s.Args.Path), err)
	}
	want, from, has := textOf(s.Want["spare"]), textOf(s.Expect["spare"]), spareKind(r.Obj)
	x := storeView{seen: step.Facts{"serial": r.Obj.Str("SerialNumber"), "spare": has}}
	if serial := textOf(s.Want["serial"]); serial != r.Obj.Str("SerialNumber") {
		x.moved = fmt.Sprintf("the drive at the planned place is %s, planned %s", r.Obj.Str("SerialNumber"), serial)
		return x, nil
	}
	if len(s.Args.Drives) > 0 {
		v, err := d.volumeOf(ctx, s.Args.Resource, s.Args.Drives)
		if err != nil {
			return x, err
		}
		if v == nil {
			x.moved = "the volume that the spare is for is not there"
			return x, nil
		}
		switch is, told := dedicated(v.Obj, s.Args.Path); {
		case is:
			has = rack.SpareDedicated
		case told && has == rack.SpareDedicated:
			has = rack.SpareNone // of this volume; of another one it counts as moved
			if want == rack.SpareDedicated {
				x.moved = "the drive is the spare of another volume"
			}
		}
		x.seen["spare"] = has
	}
	if holder, err := d.holder(ctx, r); err != nil {
		return x, err
	} else if holder != "" {
		x.moved = fmt.Sprintf("the drive is part of volume %s", holder)
	}
	x.done = x.moved == "" && has == want
	if !x.done && x.moved == "" && has != from {
		x.moved = fmt.Sprintf("the drive is a hot spare (%s), planned from %s", has, from)
	}
	return x, nil
}

// sendSpare makes a drive a hot spare, or takes it back.
func (d *Driver) sendSpare(ctx context.Context, s step.Step) (*redfish.Response, error) {
	want := textOf(s.Want["spare"])
	var v *redfish.Resource
	if len(s.Args.Drives) > 0 {
		var err error
		if v, err = d.volumeOf(ctx, s.Args.Resource, s.Args.Drives); err != nil || v == nil {
			return nil, err
		}
	}
	r, err := d.askSpare(ctx, s, want, v)
	if err != nil {
		return r, fmt.Errorf("make drive %s a spare (%s): %w", lastPart(s.Args.Path), want, err)
	}
	return r, nil
}

func (d *Driver) askSpare(ctx context.Context, s step.Step, want string, v *redfish.Resource) (*redfish.Response, error) {
	opt := redfish.PatchOptions{Reached: func(ctx context.Context) (bool, error) {
		x, err := d.lookSpare(ctx, s)
		return x.done, err
	}}
	switch {
	case s.Args.Method == rack.StyleDell:
		body := actBody(s, nil)
		if want == rack.SpareDedicated {
			body["VirtualDiskArray"] = []string{v.Obj.Str("Id")}
		}
		return d.c.rf.Post(ctx, s.Args.Target, body)
	case v != nil:
		list := []map[string]any{}
		for _, p := range v.Obj.Links("Links", "DedicatedSpareDrives") {
			if !samePath(p, s.Args.Path) {
				list = append(list, map[string]any{"@odata.id": p})
			}
		}
		if want == rack.SpareDedicated {
			list = append(list, map[string]any{"@odata.id": s.Args.Path})
		}
		return d.c.rf.Patch(ctx, v.URI, map[string]any{"Links": map[string]any{"DedicatedSpareDrives": list}}, opt)
	default:
		return d.c.rf.Patch(ctx, s.Args.Path, map[string]any{"HotspareType": want}, opt)
	}
}
