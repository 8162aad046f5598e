// Package bmc is the driver: every verb that is said to a management controller, and every look at what came of it.
//
// Towards the apply loop it offers Check and Act. Check reads and never changes the device. Act changes it once, and
// tells the journal before the side effect and right after it. Truth is the value that is read again: a task's state
// is a hint, and "accepted" is never "done".
//
// After Act, and with the Op that Act recorded, Check says Working for as long as something may still be happening,
// Staged when the change waits for its activation, and Ready with a Note when what was begun has ended without effect:
// then it may be tried again.
package bmc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Endpoint says where one node's BMC is and how to be let in.
type Endpoint struct {
	URL    string // https://10.20.8.11
	System string // id or path of the host system; empty = the only one that can be reset
	Trust  redfish.Trust
	// asked when a session is needed, never stored
	Login func(context.Context) (user, pass string, err error)
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error) // nil = the net package's
	// IPMI is spoken when Redfish cannot be reached; nil = it never is.
	IPMI *IPMI
	// Access is the account that is kept in escrow, where one is; it takes the place of Login.
	Access *Access
	// Renewal is how its HTTPS certificate is replaced, where the blueprint says so.
	Renewal *Renewal
}

// Options tune a driver. The zero value is right, except that firmware steps need Images.
type Options struct {
	// Images opens a firmware file by the name that the baseline gives it. What it returns is closed if it is an
	// io.Closer.
	Images func(file string) (io.ReaderAt, int64, error)
	// Keys opens a certificate for a key database of Secure Boot by its bare file name; nil = there is none.
	Keys func(file string) (io.ReadCloser, error)
	// Secrets gives the text behind a reference, for a controller's key; nil = there is none. What it gives is sent and forgotten.
	Secrets func(ctx context.Context, ref rack.SecretRef) (string, error)
	// ImageURL says where the BMC itself can fetch a firmware file, for BMCs that take no push; nil = nowhere.
	ImageURL func(file string) (string, error)
	// Pace is the pause between two looks inside one Act, and sets every other wait in proportion; 0 means 2 s. A
	// simulator whose minutes are shorter wants a shorter one.
	Pace time.Duration
	// MaxInFlight bounds concurrent reads on one BMC; 0 leaves it to the core.
	MaxInFlight int
	Log         *slog.Logger
	Redact      func(string) string // cleans text that came from the BMC; nil = only what was sent to it is removed
}

func (o Options) withDefaults() Options {
	if o.Pace <= 0 {
		o.Pace = usualPace
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// client is what the driver needs of the raw core; *redfish.Client satisfies it.
type client interface {
	Get(ctx context.Context, uri string) (*redfish.Resource, error)
	Members(ctx context.Context, uri string) ([]*redfish.Resource, []redfish.Problem, error)
	Patch(ctx context.Context, uri string, body any, opt redfish.PatchOptions) (*redfish.Response, error)
	Post(ctx context.Context, uri string, body any) (*redfish.Response, error)
	PostUnless(ctx context.Context, uri string, body any, reached func(context.Context) (bool, error)) (*redfish.Response, error)
	MemberURIs(ctx context.Context, uri string) ([]string, []redfish.Problem, error)
	Delete(ctx context.Context, uri string) (*redfish.Response, error)
	Adopt(id redfish.Identity) redfish.Set
	Download(ctx context.Context, uri string, w io.Writer, limit int64) (int64, error)
	PushRaw(ctx context.Context, uri string, img redfish.Image) (*redfish.Response, error)
	Push(ctx context.Context, uri string, img redfish.Image, params any) (*redfish.Response, error)
}

// Driver acts on one node. It is safe for concurrent use; what it changes goes through one queue per BMC.
type Driver struct {
	c       *conn
	ep      Endpoint
	system  string
	opt     Options
	install installer
	close   func(context.Context) error
}

// Open gives a driver for one node with a session of its own. Who acts on several nodes uses a Pool, so that nodes
// behind one BMC share session and queue. Nothing is sent before the first Check, Act or Survey. Close it.
func Open(ctx context.Context, ep Endpoint, opt Options) (*Driver, error) {
	return NewPool().Open(ctx, ep, opt)
}

// Close gives the driver back; the last one of a BMC logs the session out. It may be called more than once.
func (d *Driver) Close(ctx context.Context) error { return d.close(ctx) }

// Check says how a step stands. It never changes the device. op is what Act recorded for this step, or nil.
func (d *Driver) Check(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	st, err := d.check(ctx, s, op)
	d.c.sawFirmware(s, op, st, err)
	if err == nil && op != nil && !harmless(s.Kind) && !s.OverLeak() {
		err = d.watchLeaks(ctx)
	}
	if err != nil {
		return st, fmt.Errorf("check %s on %s: %w", s.Kind, s.Node, classed(err))
	}
	return st, nil
}

func (d *Driver) check(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	switch s.Kind {
	case step.Power:
		return d.checkPower(ctx, s, op)
	case step.BIOS:
		return d.checkBIOS(ctx, s, op)
	case step.BIOSReset:
		return d.checkBIOSReset(ctx, s, op)
	case step.BootOrder:
		return d.checkBootOrder(ctx, s, op)
	case step.SecureBoot:
		return d.checkSecureBoot(ctx, s, op)
	case step.NIC:
		return d.checkNIC(ctx, s, op)
	case step.DPU:
		return d.checkDPU(ctx, s, op)
	case step.BootOnce:
		return d.checkBootOnce(ctx, s, op)
	case step.Volume:
		return d.checkVolume(ctx, s, op)
	case step.VolumeInit:
		return d.checkInit(ctx, s, op)
	case step.VolumeSet, step.Spare, step.Foreign, step.ControllerReset, step.ControllerKey, step.Namespace:
		return d.checkStore(ctx, s, op)
	case step.Erase:
		return d.checkErase(ctx, s, op)
	case step.Firmware:
		return d.checkFirmware(ctx, s, op)
	case step.Media:
		return d.checkMedia(ctx, s, op)
	case step.Manager:
		return d.checkManager(ctx, s, op)
	case step.EventDestination:
		return d.checkEventDestination(ctx, s, op)
	case step.Reset:
		return d.checkReset(ctx, s, op)
	case step.ClearJobs:
		return d.checkClearJobs(ctx, s)
	case step.LED:
		return d.checkLED(ctx, s, op)
	case step.Dump:
		return d.checkDump(ctx, s, op)
	case step.AccountChange:
		return d.checkAccount(ctx, s)
	case step.ShelfPower:
		return d.checkShelf(ctx, s, op)
	case step.Certificate:
		return d.checkCertificate(ctx, s, op)
	default:
		return step.State{}, unsupported("step kind %q", s.Kind)
	}
}

// Act makes the change of a step once. record is called before the side effect with the baseline, and again with the
// handle right after the answer. A step that is done or accepted already is left alone, so acting twice equals acting
// once.
func (d *Driver) Act(ctx context.Context, s step.Step, record func(step.Op) error) error {
	release, err := d.c.take(ctx)
	if err != nil {
		return fmt.Errorf("wait for the queue of %s: %w", s.Node, err)
	}
	defer release()
	if err := d.act(ctx, &act{d: d, s: s, record: record}); err != nil {
		return fmt.Errorf("%s on %s: %w", s.Kind, s.Node, classed(err))
	}
	return nil
}

func (d *Driver) act(ctx context.Context, a *act) error {
	switch a.s.Kind {
	case step.Power:
		return d.actPower(ctx, a)
	case step.BIOS:
		return d.actBIOS(ctx, a)
	case step.BIOSReset:
		return d.actBIOSReset(ctx, a)
	case step.BootOrder:
		return d.actBootOrder(ctx, a)
	case step.SecureBoot:
		return d.actSecureBoot(ctx, a)
	case step.NIC:
		return d.actNIC(ctx, a)
	case step.DPU:
		return d.actDPU(ctx, a)
	case step.BootOnce:
		return d.actBootOnce(ctx, a)
	case step.Volume:
		return d.actVolume(ctx, a)
	case step.VolumeInit:
		return d.actInit(ctx, a)
	case step.VolumeSet, step.Spare, step.Foreign, step.ControllerReset, step.ControllerKey, step.Namespace:
		return d.actStore(ctx, a)
	case step.Erase:
		return d.actErase(ctx, a)
	case step.Firmware:
		return d.actFirmware(ctx, a)
	case step.Media:
		return d.actMedia(ctx, a)
	case step.Manager:
		return d.actManager(ctx, a)
	case step.EventDestination:
		return d.actEventDestination(ctx, a)
	case step.Reset:
		return d.actReset(ctx, a)
	case step.ClearJobs:
		return d.actClearJobs(ctx, a)
	case step.LED:
		return d.actLED(ctx, a)
	case step.Dump:
		return d.actDump(ctx, a)
	case step.AccountChange:
		return d.actAccount(ctx, a)
	case step.ShelfPower:
		return d.actShelf(ctx, a)
	case step.Certificate:
		return d.actCertificate(ctx, a)
	default:
		return unsupported("step kind %q", a.s.Kind)
	}
}

// act is one Act under way: the step, and what the journal has been told.
type act struct {
	d      *Driver
	s      step.Step
	record func(step.Op) error
	op     step.Op
}

// intend tells the journal what is about to happen, if the tray is dry. Nothing is sent to the device when it returns
// an error.
func (a *act) intend(ctx context.Context, baseline step.Facts) error {
	if !harmless(a.s.Kind) && !a.s.OverLeak() {
		if err := a.d.dryNow(ctx); err != nil {
			return err
		}
	}
	a.op = step.Op{Step: a.s.ID, Baseline: baseline, Started: time.Now()}
	return a.tell()
}

// harmless tells whether a kind of step may be done to a tray that leaks: it neither puts power on anything nor takes it
// away, and a light or a log is what a leak is looked into with. A power shelf has no tray: the detectors are behind other BMCs,
// and what hangs on its rails is not switched on with them.
func harmless(k step.Kind) bool {
	return k == step.LED || k == step.Dump || k == step.AccountChange || k == step.ShelfPower || k == step.Certificate
}

// sent tells the journal that the device has answered, and by which handle the change can be followed.
func (a *act) sent(handle string) error {
	a.op.Sent = true
	if handle != "" {
		a.op.Handle = handle
	}
	return a.tell()
}

// note adds a fact to the baseline, so that it outlives this process.
func (a *act) note(key string, value any) error {
	a.op.Baseline[key] = value
	return a.tell()
}

func (a *act) tell() error {
	op := a.op
	op.Baseline = make(step.Facts, len(a.op.Baseline))
	for k, v := range a.op.Baseline {
		op.Baseline[k] = v
	}
	if a.s.Kind == step.Firmware {
		a.d.c.flew(a.s.ID, true)
	}
	if err := a.record(op); err != nil {
		return step.Fail(step.Internal, fmt.Errorf("record the operation: %w", err),
			"Make room for the journal, then run the same command again.")
	}
	return nil
}

// begun is Act's first look: proceed is false when there is nothing left to do, or nothing that may be done.
func (a *act) begun(ctx context.Context) (proceed bool, err error) {
	st, err := a.d.check(ctx, a.s, nil)
	if err != nil {
		return false, err
	}
	switch st.Standing {
	case step.Ready:
		return true, nil
	case step.Moved:
		return false, moved("%s", st.Note)
	case step.Unknown:
		return false, step.Fail(step.Transient, fmt.Errorf("the device does not say how it stands: %s", st.Note), "")
	default: // Done, Staged, Working: accepted already
		return false, nil
	}
}

const usualPace = 2 * time.Second

// paced is a duration of the real world in this driver's time.
func (d *Driver) paced(x time.Duration) time.Duration {
	return time.Duration(float64(x) * float64(d.opt.Pace) / float64(usualPace))
}

// pause waits between two looks.
func (d *Driver) pause(ctx context.Context, times int) error {
	t := time.NewTimer(time.Duration(times) * d.opt.Pace)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func unsupported(format string, args ...any) error {
	return step.Fail(step.Unsupported, fmt.Errorf("this BMC does not offer "+format, args...),
		"Take this out of the blueprint for this node, or do it by hand.")
}

func moved(format string, args ...any) error {
	return step.Fail(step.HasMoved, fmt.Errorf("the device is not as planned: "+format, args...), "Plan again.")
}

func rejected(format string, args ...any) error {
	return step.Fail(step.Rejected, fmt.Errorf(format, args...), "")
}

func transient(advice, format string, args ...any) error {
	return step.Fail(step.Transient, fmt.Errorf(format, args...), advice)
}

// classed gives an error that carries no class one: cancellation and what nobody classed are transient.
func classed(err error) error {
	var f *step.Failure
	if errors.As(err, &f) {
		return err
	}
	return step.Fail(step.Transient, err, "")
}

// state is a shorthand; no percentage is known.
func state(s step.Standing, seen step.Facts, format string, args ...any) step.State {
	return step.State{Standing: s, Percent: -1, Note: fmt.Sprintf(format, args...), Seen: seen}
}

// Stats is what the session of this BMC has cost so far.
func (d *Driver) Stats() rack.Stats { return d.c.stats() }
