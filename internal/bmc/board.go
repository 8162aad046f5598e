package bmc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/bmclibx"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// installer is how a board's own way of flashing is walked; bmclibx.Install is the one there is.
type installer func(context.Context, bmclibx.Target, bmclibx.Job, func(string) error, func(bmclibx.Phase, string)) (bmclibx.Outcome, error)

// boardWay tells whether a component of this machine's board is flashed by the board's own interface and not by
// Redfish, and by which part number (redfish.md §1.4). Makers write the part number into different fields.
func (d *Driver) boardWay(ctx context.Context, s step.Step) (board string, ok bool, err error) {
	v, err := d.vitals(ctx, s, true)
	if err != nil {
		return "", false, err
	}
	names := []string{v.system.Str("Model"), v.system.Str("SubModel"), v.system.Str("PartNumber"), v.bmc.Obj.Str("Model"), v.bmc.Obj.Str("PartNumber")}
	for _, path := range v.system.Links("Links", "Chassis") {
		r, err := d.c.rf.Get(ctx, path)
		if redfish.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", false, fmt.Errorf("read the chassis: %w", err)
		}
		names = append(names, r.Obj.Str("Model"), r.Obj.Str("PartNumber"))
	}
	for _, name := range names {
		if _, ok := bmclibx.Route(name, s.Args.Component); ok {
			return name, true, nil
		}
	}
	return "", false, nil
}

// installByBoard flashes through the board's own interface. It returns when the flash has ended: such a board tells
// nothing by Redfish meanwhile. The version that is read afterwards decides.
func (d *Driver) installByBoard(ctx context.Context, a *act, board string, img redfish.Image, base step.Facts) error {
	file, done, err := asFile(img)
	if err != nil {
		return err
	}
	defer done()
	if err := a.intend(ctx, base); err != nil {
		return err
	}
	out, err := d.install(ctx, bmclibx.Target{URL: d.ep.URL, Trust: d.ep.Trust, Login: d.ep.Login, Dial: d.ep.Dial},
		bmclibx.Job{Board: board, Component: a.s.Args.Component, Version: textOf(a.s.Want["version"]), File: file,
			Digest: rack.Digest(a.s.Args.Digest), KeepSettings: a.s.Args.PreserveNVRM,
			Timeout: time.Duration(a.s.Args.TimeoutS) * time.Second, Pace: 5 * d.opt.Pace},
		func(string) error { return a.sent("") }, nil) // its task is no Redfish task: there is nothing to follow later
	d.c.forget()
	if err != nil {
		return err
	}
	if out.Phase == bmclibx.Failed {
		err := rejected("the board's own update failed: %s", out.Detail)
		if out.BMCReset {
			err = step.Fail(step.Rejected, errors.Unwrap(err), "Reset the BMC, so that it leaves its flash mode, then run again.")
		}
		return err
	}
	return nil
}

// asFile gives an image as the file that bmclib wants; one that is none is written to a temporary one.
func asFile(img redfish.Image) (*os.File, func(), error) {
	if f, ok := img.ReaderAt.(*os.File); ok {
		return f, func() {}, nil
	}
	fail := func(err error) (*os.File, func(), error) {
		return nil, nil, step.Fail(step.Internal, fmt.Errorf("write the firmware file for its board's installer: %w", err),
			"Make room in the folder for temporary files.")
	}
	f, err := os.CreateTemp("", "metalwright-firmware-*")
	if err != nil {
		return fail(err)
	}
	done := func() {
		_ = f.Close() // it was written whole and is not needed any more
		_ = os.Remove(f.Name())
	}
	if _, err := io.Copy(f, io.NewSectionReader(img, 0, img.SizeBytes)); err != nil {
		done()
		return fail(err)
	}
	return f, done, nil
}
