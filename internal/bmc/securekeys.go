package bmc

import (
	"context"
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// keySet reads what a key database holds: fingerprints, sorted, the number of certificates whose text is not told, and the
// number of hashes.
func (d *Driver) keySet(ctx context.Context, certificates, hashes string) (prints []string, unread, signatures int, err error) {
	list, _, err := d.c.rf.Members(ctx, certificates)
	if err != nil && !redfish.IsNotFound(err) {
		return nil, 0, 0, err
	}
	for _, c := range list {
		if f := inventory.Fingerprint(c.Obj); f != "" {
			prints = append(prints, f)
		} else {
			unread++
		}
	}
	slices.Sort(prints)
	if hashes == "" {
		return prints, unread, 0, nil
	}
	r, err := d.c.rf.Get(ctx, hashes)
	if err != nil {
		if redfish.IsNotFound(err) {
			return prints, unread, 0, nil
		}
		return nil, 0, 0, err
	}
	signatures = len(r.Obj.List("Members"))
	if n, ok := r.Obj.Int("Members@odata.count"); ok {
		signatures = int(n)
	}
	return prints, unread, signatures, nil
}

// checkDatabase: one key database, as the firmware brings it along or empty; other steps may add to it. A dbx may hold more
// hashes than that: revocations are added and never taken back.
func (d *Driver) checkDatabase(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	hashes := ""
	if len(s.Args.Targets) > 1 {
		hashes = s.Args.Targets[1]
	}
	prints, unread, signatures, err := d.keySet(ctx, s.Args.Targets[0], hashes)
	if err != nil {
		return step.State{}, fmt.Errorf("read database %s: %w", s.Args.Component, err)
	}
	seen := step.Facts{"certificates": int64(len(prints) + unread), "signatures": int64(signatures)}
	want, gone := stringsOf(s.Want["certificates"]), stringsOf(s.Want["gone"])
	least := 0
	if n, ok := s.Want["signatures"].(int64); ok {
		least = int(n)
	}
	right := !slices.ContainsFunc(want, func(f string) bool { return !slices.Contains(prints, f) }) &&
		!slices.ContainsFunc(gone, func(f string) bool { return slices.Contains(prints, f) }) &&
		(unread == 0 || len(want) > 0) && (signatures == least || least > 0 && signatures > least)
	if s.Want["keys"] == "default" { // the BMC does not show what that is
		right = len(prints)+unread+signatures > 0
	}
	was := stringsOf(s.Expect["certificates"])
	switch {
	case right:
		return state(step.Done, seen, ""), nil
	case op != nil && op.Sent:
		return d.keysAfter(ctx, s, op, seen), nil
	case !slices.Equal(prints, was):
		return state(step.Moved, seen, "database %s holds %d certificates that are not those it was planned from", s.Args.Component,
			len(prints)), nil
	default:
		return state(step.Ready, seen, ""), nil
	}
}

// checkRemove: one certificate is to be gone.
func (d *Driver) checkRemove(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	prints, _, _, err := d.keySet(ctx, s.Args.Path, "")
	if err != nil {
		return step.State{}, fmt.Errorf("read database %s: %w", s.Args.Component, err)
	}
	seen := step.Facts{"certificates": int64(len(prints))}
	switch {
	case !slices.Contains(prints, s.Args.Digest):
		return state(step.Done, seen, ""), nil
	case op != nil && op.Sent:
		return d.keysAfter(ctx, s, op, seen), nil
	default:
		return state(step.Ready, seen, ""), nil
	}
}

// keysAfter is how a key database stands that was written and does not show it yet.
func (d *Driver) keysAfter(ctx context.Context, s step.Step, op *step.Op, seen step.Facts) step.State {
	switch {
	case !d.activated(ctx, s, op):
		return state(step.Staged, seen, "the keys wait for a boot")
	case d.booting(ctx, s):
		return state(step.Working, seen, "the host is starting")
	default:
		return state(step.Ready, seen, "database %s is not as wanted after the boot", s.Args.Component)
	}
}

// removeKey deletes a certificate of a key database. It is found by its fingerprint: numbers move when another one goes.
func (d *Driver) removeKey(ctx context.Context, s step.Step) (*redfish.Response, error) {
	list, _, err := d.c.rf.Members(ctx, s.Args.Path)
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", s.Args.Component, err)
	}
	for _, c := range list {
		if inventory.Fingerprint(c.Obj) == s.Args.Digest {
			r, err := d.c.rf.Delete(ctx, c.URI)
			if redfish.IsNotFound(err) {
				return nil, nil
			}
			return r, err
		}
	}
	return nil, nil
}
