package bmc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// mediaLooks is how often a slot is read until it shows what was asked: 30 s at the default pace (R78).
const mediaLooks = 15

// slots reads the virtual media that a step may use: the slot the plan chose first, then those that take the same
// kind. A slot of a manager's collection and one of the system's may be the same device, so both are looked at.
func (d *Driver) slots(ctx context.Context, s step.Step) ([]*redfish.Resource, error) {
	var out []*redfish.Resource
	if s.Args.Path != "" {
		r, err := d.c.rf.Get(ctx, s.Args.Path)
		if err != nil && !redfish.IsNotFound(err) {
			return nil, fmt.Errorf("read the media slot: %w", err)
		}
		if err == nil {
			out = append(out, r)
		}
	}
	host, err := d.host(ctx, s)
	if err != nil {
		return nil, err
	}
	l, err := d.layout(ctx)
	if err != nil {
		return nil, err
	}
	var collections []string
	if m, err := l.manager(); err == nil {
		collections = append(collections, m.Obj.Link("VirtualMedia"))
	}
	if r, err := d.c.rf.Get(ctx, host); err == nil {
		collections = append(collections, r.Obj.Link("VirtualMedia"))
	}
	for _, c := range collections {
		if c == "" {
			continue
		}
		members, _, err := d.c.rf.Members(ctx, c)
		if err != nil && !redfish.IsNotFound(err) {
			return nil, fmt.Errorf("read the media slots: %w", err)
		}
		for _, r := range members {
			if !slices.ContainsFunc(out, func(o *redfish.Resource) bool { return samePath(o.URI, r.URI) }) && takesDisc(r.Obj) {
				out = append(out, r)
			}
		}
	}
	if len(out) == 0 {
		return nil, unsupported("virtual media")
	}
	return out, nil
}

// takesDisc tells whether a slot takes optical images; one that names no types is tried.
func takesDisc(slot redfish.Object) bool {
	types := slot.Strs("MediaTypes")
	return len(types) == 0 || slices.Contains(types, "CD") || slices.Contains(types, "DVD")
}

// holds tells whether a slot shows the image as inserted. Credentials and query of the URL may be hidden.
func holds(slot redfish.Object, image string) bool {
	inserted, told := slot.Bool("Inserted")
	if told && !inserted || slot.Str("Image") == "" {
		return false
	}
	return bareURL(slot.Str("Image")) == bareURL(image)
}

func bareURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// filled tells whether something is in a slot. Inserted alone is believed only where the slot says that it is
// connected: after an eject it may stay (R23).
func filled(slot redfish.Object) bool {
	inserted, _ := slot.Bool("Inserted")
	return slot.Str("Image") != "" || inserted && slot.Str("ConnectedVia") != "NotConnected"
}

func (d *Driver) checkMedia(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	all, err := d.slots(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	image, insert := textOf(s.Want["image"]), s.Want["inserted"] != false
	if !insert && image == "" {
		image = textOf(s.Expect["image"])
	}
	here := all[0]
	seen := step.Facts{"image": here.Obj.Str("Image"), "inserted": filled(here.Obj)}
	at := slices.IndexFunc(all, func(r *redfish.Resource) bool { return holds(r.Obj, image) })
	switch {
	case insert && at >= 0:
		seen["image"], seen["inserted"] = all[at].Obj.Str("Image"), true
		return state(step.Done, seen, "in %s", lastPart(all[at].URI)), nil
	case !insert && at < 0 && !filled(here.Obj):
		return state(step.Done, seen, ""), nil
	case !insert && at >= 0:
		return state(step.Ready, seen, ""), nil
	}
	was, planned := s.Expect["image"]
	if op == nil && planned && filled(here.Obj) && bareURL(here.Obj.Str("Image")) != bareURL(textOf(was)) {
		return state(step.Moved, seen, "%s holds %s", lastPart(here.URI), bareURL(here.Obj.Str("Image"))), nil
	}
	return state(step.Ready, seen, ""), nil
}

func (d *Driver) actMedia(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	t, err := d.traits(ctx)
	if err != nil {
		return err
	}
	all, err := d.slots(ctx, a.s)
	if err != nil {
		return err
	}
	if t.does(redfish.SlotOneMedia) { // R24
		slices.SortStableFunc(all, func(x, y *redfish.Resource) int { return strings.Compare(lastPart(x.URI), lastPart(y.URI)) })
	}
	if err := a.intend(ctx, step.Facts{"image": all[0].Obj.Str("Image"), "inserted": filled(all[0].Obj)}); err != nil {
		return err
	}
	if a.s.Want["inserted"] == false {
		for _, r := range all {
			if image := textOf(a.s.Expect["image"]); r == all[0] || image != "" && holds(r.Obj, image) {
				if err := d.eject(ctx, r); err != nil {
					return err
				}
			}
		}
		return a.sent("")
	}
	image := textOf(a.s.Want["image"])
	if t.does(redfish.PlainMediaURL) && strings.ContainsAny(image, "?=") {
		return rejected("this BMC takes no image URL with a query (%s)", bareURL(image)) // R29
	}
	var last error
	for i, r := range all { // R38, R77: the next slot when this one cannot
		if i > 0 && filled(r.Obj) {
			continue // somebody else's
		}
		if last = d.insert(ctx, r, image, t); last == nil {
			return a.sent("")
		}
		if ctx.Err() != nil || redfish.IsAuth(last) || redfish.IsUnreachable(last) {
			return last
		}
	}
	return fmt.Errorf("insert media: %w", last)
}

// insert fills one slot and reads it until it shows the image: an answer without that is not done (R78).
func (d *Driver) insert(ctx context.Context, slot *redfish.Resource, image string, t traits) error {
	if filled(slot.Obj) || t.quirks.Has("R23") && ejectable(slot.Obj) {
		if err := d.eject(ctx, slot); err != nil && filled(slot.Obj) { // R23
			return err
		}
	}
	lean := map[string]any{"Image": image}
	full := map[string]any{"Image": image, "Inserted": true, "WriteProtected": true}
	bodies := []map[string]any{full, lean} // R29, R77: the body with the image alone is the last word
	if t.does(redfish.PlainMediaURL) {
		bodies = []map[string]any{lean}
	}
	var last error
	for _, body := range bodies {
		if target := slot.Obj.Str("Actions", "#VirtualMedia.InsertMedia", "target"); target != "" {
			_, last = d.say(ctx, target, body, d.shows(slot.URI, image, true))
		} else { // R105
			_, last = d.c.rf.Patch(ctx, slot.URI, body, redfish.PatchOptions{})
		}
		if last != nil && !refused(last) {
			return last
		}
		if last != nil {
			continue
		}
		if last = d.awaitSlot(ctx, slot.URI, image, true); last == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return last
}

// eject empties one slot. The body is an empty object: without it some answer 415 (R12).
func (d *Driver) eject(ctx context.Context, slot *redfish.Resource) error {
	r, err := d.c.rf.Get(ctx, slot.URI) // the action may only be there while something is inserted (R105)
	if err != nil {
		return fmt.Errorf("read the media slot: %w", err)
	}
	if target := r.Obj.Str("Actions", "#VirtualMedia.EjectMedia", "target"); target != "" {
		_, err = d.say(ctx, target, map[string]any{}, d.shows(slot.URI, "", false))
	} else if filled(r.Obj) {
		_, err = d.c.rf.Patch(ctx, slot.URI, map[string]any{"Image": nil, "Inserted": false}, redfish.PatchOptions{})
	}
	if err != nil && filled(r.Obj) {
		return fmt.Errorf("eject %s: %w", lastPart(slot.URI), err)
	}
	return d.awaitSlot(ctx, slot.URI, "", false)
}

func ejectable(slot redfish.Object) bool {
	return slot.Has("Actions", "#VirtualMedia.EjectMedia", "target")
}

func (d *Driver) shows(path, image string, inserted bool) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		r, err := d.c.rf.Get(ctx, path)
		if err != nil {
			return false, err
		}
		if inserted {
			return holds(r.Obj, image), nil
		}
		return !filled(r.Obj), nil
	}
}

func (d *Driver) awaitSlot(ctx context.Context, path, image string, inserted bool) error {
	for range mediaLooks {
		if ok, err := d.shows(path, image, inserted)(ctx); err == nil && ok {
			return nil
		}
		if err := d.pause(ctx, 1); err != nil {
			return err
		}
	}
	what := "empty"
	if inserted {
		what = "mounted"
	}
	return transient("Check that the BMC reaches the image's server.", "%s does not show the image as %s", lastPart(path), what)
}

// refused tells whether another body or another slot may do better: the BMC answered, and not with "later".
func refused(err error) bool {
	var e *redfish.Error
	return errors.As(err, &e) && e.Status >= http.StatusBadRequest && e.Status != http.StatusServiceUnavailable
}
