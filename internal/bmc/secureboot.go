package bmc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

func (d *Driver) checkSecureBoot(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Resource)
	if err != nil {
		return step.State{}, fmt.Errorf("read Secure Boot: %w", err)
	}
	switch s.Args.Method {
	case "enable":
		return d.checkSecureEnable(s, r.Obj), nil
	case "enrol":
		return d.checkEnrol(ctx, s, op)
	case "remove":
		return d.checkRemove(ctx, s, op)
	default:
		if s.Args.Component != "" {
			return d.checkDatabase(ctx, s, op)
		}
		return d.checkKeys(ctx, s, op, r.Obj), nil
	}
}

// checkSecureEnable: SecureBootEnable is what the next boot does, SecureBootCurrentBoot what the last one did (DSP0268).
func (d *Driver) checkSecureEnable(s step.Step, o redfish.Object) step.State {
	want, _ := s.Want["enabled"].(bool)
	next, _ := o.Bool("SecureBootEnable")
	current := o.Str("SecureBootCurrentBoot")
	runs := strings.EqualFold(current, "Enabled")
	seen := step.Facts{"enabled": next, "current_boot": current, "mode": o.Str("SecureBootMode")}
	switch {
	case next == want && (runs == want || current == ""):
		return state(step.Done, seen, "")
	case next == want:
		return state(step.Staged, seen, "Secure Boot waits for a boot")
	default:
		return state(step.Ready, seen, "")
	}
}

// checkKeys: without a platform key the firmware is in setup mode.
func (d *Driver) checkKeys(ctx context.Context, s step.Step, op *step.Op, o redfish.Object) step.State {
	mode, want := o.Str("SecureBootMode"), textOf(s.Want["mode"])
	seen := step.Facts{"mode": mode}
	reached := (mode == rack.SetupMode) == (want == rack.SetupMode)
	sent := op != nil && op.Sent
	switch {
	case reached:
		return state(step.Done, seen, "")
	case sent && !d.activated(ctx, s, op):
		return state(step.Staged, seen, "the keys wait for a boot")
	case sent && d.booting(ctx, s):
		return state(step.Working, seen, "the host is starting")
	case sent:
		return state(step.Ready, seen, "the firmware is still in %s", mode)
	case s.Expect["mode"] != nil && mode != textOf(s.Expect["mode"]):
		return state(step.Moved, seen, "the firmware is in %s, planned from %v", mode, s.Expect["mode"])
	default:
		return state(step.Ready, seen, "")
	}
}

func (d *Driver) checkEnrol(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	list, _, err := d.c.rf.Members(ctx, s.Args.Path)
	if err != nil && !redfish.IsNotFound(err) {
		return step.State{}, fmt.Errorf("read the certificates of %s: %w", s.Args.Component, err)
	}
	have := slices.ContainsFunc(list, func(r *redfish.Resource) bool { return inventory.Fingerprint(r.Obj) == textOf(s.Want["certificate"]) })
	seen := step.Facts{"certificates": int64(len(list))}
	switch {
	case have:
		return state(step.Done, seen, ""), nil
	case op != nil && op.Sent && !d.activated(ctx, s, op):
		return state(step.Staged, seen, "the certificate waits for a boot"), nil
	case op != nil && op.Sent && d.booting(ctx, s):
		return state(step.Working, seen, "the host is starting"), nil
	case op != nil && op.Sent:
		return state(step.Ready, seen, "database %s does not show the certificate", s.Args.Component), nil
	default:
		return state(step.Ready, seen, ""), nil
	}
}

func (d *Driver) actSecureBoot(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	if err := d.afterPOST(ctx, a.s); err != nil { // what is written now is read by the boot that follows, not by this one
		return err
	}
	var text string
	if a.s.Args.Method == "enrol" {
		var err error
		if text, err = d.certificate(a.s); err != nil {
			return err
		}
	}
	v, err := d.vitals(ctx, a.s, false)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	var r *redfish.Response
	switch a.s.Args.Method {
	case "enable":
		r, err = d.patch(ctx, a.s, a.s.Args.Resource, map[string]any{"SecureBootEnable": a.s.Want["enabled"]})
	case "enrol":
		r, err = d.c.rf.PostUnless(ctx, a.s.Args.Path, map[string]any{"CertificateString": text, "CertificateType": "PEM"},
			func(ctx context.Context) (bool, error) {
				st, err := d.check(ctx, a.s, nil)
				return st.Standing == step.Done, err
			})
	case "remove":
		r, err = d.removeKey(ctx, a.s)
	default:
		r, err = d.c.rf.Post(ctx, a.s.Args.Path, map[string]any{"ResetKeysType": a.s.Args.Method})
	}
	if err != nil {
		return fmt.Errorf("set Secure Boot (%s): %w", a.s.Args.Method, err)
	}
	if r == nil { // it was gone already
		return a.sent("")
	}
	return a.sent(r.Handle())
}

// booting tells whether the host is starting: then nothing is refused yet.
func (d *Driver) booting(ctx context.Context, s step.Step) bool {
	v, err := d.vitals(ctx, s, false)
	return err == nil && d.starting(v)
}

// maxCertificate is far above any certificate: a few kilobytes.
const maxCertificate = 1 << 20

// certificate reads the PEM text of a step's file, and holds its certificate against the fingerprint that was agreed on.
func (d *Driver) certificate(s step.Step) (string, error) {
	bad := func(format string, args ...any) (string, error) {
		return "", step.Fail(step.Trust, fmt.Errorf(format, args...), "Put the certificate that the blueprint names into keys/ of its folder.")
	}
	if d.opt.Keys == nil {
		return bad("no folder of certificates is known")
	}
	r, err := d.opt.Keys(s.Args.File)
	if err != nil {
		return bad("open certificate %s: %w", s.Args.File, err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxCertificate))
	if err = errors.Join(err, r.Close()); err != nil {
		return bad("read certificate %s: %w", s.Args.File, err)
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" || len(strings.TrimSpace(string(rest))) > 0 {
		return bad("%s does not hold one certificate in PEM form", s.Args.File)
	}
	sum := sha256.Sum256(block.Bytes)
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != s.Args.Digest {
		return bad("certificate %s has fingerprint %s, agreed on was %s", s.Args.File, got, s.Args.Digest)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})), nil
}
