// Package bmclibx installs BMC and BIOS firmware on the few boards whose updates need a vendor's own interface, with
// bmclib's providers: Supermicro X11 and X12, ASRock Rack; and it speaks IPMI, for power and BMC reset, where a blueprint has
// opted in. Nothing else is routed here.
package bmclibx

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bmc-toolbox/bmclib/v2/constants"
	"github.com/bmc-toolbox/bmclib/v2/providers/asrockrack"
	"github.com/bmc-toolbox/bmclib/v2/providers/supermicro"
	"github.com/go-logr/logr"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	defaultTimeout = 60 * time.Minute // of a whole install: upload, verify, flash
	leastTimeout   = 15 * time.Minute // bmclib refuses an upload with less than 10 minutes left (H6)
	pollEvery      = 10 * time.Second // as metal-toolbox/flasher does
	closeTime      = 30 * time.Second
)

// Family is one way to install. The zero value is none.
type Family string

// The families.
const (
	X11        Family = "supermicro-x11"
	X12        Family = "supermicro-x12"
	ASRockRack Family = "asrockrack"
)

// boards are those that bmclib names as tested, by board part number. X13, X14 and HGX machines are not among them:
// they are driven by the raw core.
var boards = map[string]Family{
	"X11SSL-F": X11, "X11SCM-F": X11, "X11DPH-T": X11, "X11SCH-F": X11, "X11DGQ": X11, "X11DPG-SN": X11, "X11DPT-B": X11, "X11SSE-F": X11,
	"X12STH-SYS": X12, "X12SPO-NTF": X12,
	"E3C256D4ID-NL": ASRockRack, "E3C246D4ID-NL": ASRockRack, "E3C246D4I-NL": ASRockRack,
}

// Route tells whether a component ("bmc" or "bios") of a board is installed here. Everything else is the raw core's.
func Route(board, component string) (Family, bool) {
	f := boards[strings.ToUpper(strings.TrimSpace(board))]
	switch strings.ToLower(component) {
	case "bmc":
		return f, f != ""
	case "bios":
		return f, f == X11 || f == X12 // bmclib's ASRock Rack steps know the BMC only
	}
	return "", false
}

// KeepsSettings tells whether the install leaves the settings of the component as they are. bmclib flashes an X12 BIOS
// with PreserveNVRAM false, and names no option on X11: the BIOS settings may be gone afterwards.
func (f Family) KeepsSettings(component string) bool { return strings.EqualFold(component, "bmc") }

// Target is one BMC.
type Target struct {
	URL   string
	Trust redfish.Trust
	Login func(context.Context) (user, pass string, err error)
	Dial  redfish.DialFunc
}

// Job is one install.
type Job struct {
	Board        string // part number
	Component    string // bmc, bios
	Version      string // wanted; some boards tell the end only by it
	File         *os.File
	Digest       rack.Digest // checked before anything is sent
	KeepSettings bool        // refuse when the flash would clear them
	Timeout      time.Duration
	Pace         time.Duration // between two looks; 0 = 10 s
}

// Phase is how far an install is; the words are bmclib's. The version that is read afterwards decides, not the phase.
type Phase string

// The phases.
const (
	Initializing Phase = "initializing"
	Queued       Phase = "queued"
	Running      Phase = "running"
	Complete     Phase = "complete"
	Failed       Phase = "failed"
	PowerCycle   Phase = "powercycle-host" // accepted; real after a host power cycle
	Unknown      Phase = "unknown"
)

// Outcome is how an install ended.
type Outcome struct {
	Phase    Phase
	Detail   string // what the BMC says
	Task     string // id of the task, where the board has tasks
	BMCReset bool   // the BMC is to be reset now: to run the new version, or to leave its flash mode after a failure
}

// provider is what bmclib's drivers offer. One is made for each install and never shared (H7).
type provider interface {
	Open(context.Context) error
	Close(context.Context) error
	FirmwareInstallSteps(ctx context.Context, component string) ([]constants.FirmwareInstallStep, error)
	FirmwareUpload(ctx context.Context, component string, file *os.File) (task string, err error)
	FirmwareInstallUploaded(ctx context.Context, component, uploadTask string) (task string, err error)
	FirmwareTaskStatus(ctx context.Context, kind constants.FirmwareInstallStep, component, task, version string) (constants.TaskState, string, error)
}

// Install walks the steps of one board in one session: while a BMC is in flash mode it accepts no other. sent is
// called right after the flash was started, with the task's id if there is one; progress, if given, at every look. An
// error after the first byte left is IsSentUnknown: the version must be read before anything is tried again.
func Install(ctx context.Context, t Target, j Job, sent func(task string) error, progress func(Phase, string)) (Outcome, error) {
	family, ok := Route(j.Board, j.Component)
	if !ok {
		return Outcome{}, step.Fail(step.Unsupported, fmt.Errorf("install %s of board %s: not one of the boards known here", j.Component, j.Board), "")
	}
	if j.KeepSettings && !family.KeepsSettings(j.Component) {
		return Outcome{}, step.Fail(step.Unsupported, fmt.Errorf("install %s of board %s: this way of flashing clears its settings", j.Component, j.Board),
			"Allow the settings to be cleared in the baseline, and set them again afterwards.")
	}
	if os.Getenv(constants.EnvEnableDebug) != "" {
		return Outcome{}, step.Fail(step.Rejected, fmt.Errorf("%s is set", constants.EnvEnableDebug),
			"It makes bmclib print passwords; unset it and run again.")
	}
	if err := checkFile(j); err != nil {
		return Outcome{}, err
	}
	user, pass, err := t.Login(ctx)
	if err != nil {
		return Outcome{}, step.Fail(step.Auth, fmt.Errorf("install %s: no credential: %w", j.Component, err), "")
	}
	if family == ASRockRack && (url.QueryEscape(user) != user || url.QueryEscape(pass) != pass) {
		return Outcome{}, step.Fail(step.Unsupported, errors.New("this board's login takes only letters, digits and -_.~ in user name and password"),
			"Give the account such a password, or update this board by hand.")
	}
	timeout := max(j.Timeout, leastTimeout)
	if j.Timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rl, err := openRelay(t)
	if err != nil {
		return Outcome{}, step.Fail(step.Internal, err, "")
	}
	in := &install{job: j, relay: rl, p: newProvider(family, rl, user, pass), clean: cleaner(user, pass), sent: sent, progress: progress}
	return in.abandonable(ctx)
}

func newProvider(f Family, rl *relay, user, pass string) provider {
	if f == ASRockRack {
		return asrockrack.NewWithOptions(rl.host+":"+rl.port, user, pass, logr.Discard(), asrockrack.WithSecureTLS(rl.pool))
	}
	return supermicro.NewClient(rl.host, user, pass, logr.Discard(), supermicro.WithSecureTLS(rl.pool), supermicro.WithPort(rl.port))
}

// checkFile reads the whole file once before a byte leaves: bmclib verifies none.
func checkFile(j Job) error {
	if j.File == nil {
		return step.Fail(step.Internal, errors.New("install: no file"), "")
	}
	h := sha256.New()
	if _, err := j.File.Seek(0, io.SeekStart); err != nil {
		return step.Fail(step.Internal, fmt.Errorf("read firmware file: %w", err), "")
	}
	if _, err := io.Copy(h, j.File); err != nil {
		return step.Fail(step.Internal, fmt.Errorf("read firmware file: %w", err), "")
	}
	if got := rack.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))); got != j.Digest {
		return step.Fail(step.Trust, fmt.Errorf("firmware file has digest %s, not the one the baseline names", got.Short()), "Fetch it again.")
	}
	_, err := j.File.Seek(0, io.SeekStart)
	return err
}

// install is one run of the steps.
type install struct {
	job      Job
	relay    *relay
	p        provider
	clean    func(error) error
	sent     func(string) error
	progress func(Phase, string)
	started  bool // bytes have left
}

// abandonable runs the steps so that ctx ends them, which bmclib alone does not obey (H5): closing the relay fails
// whatever call it waits in, so nothing is left behind.
func (in *install) abandonable(ctx context.Context) (Outcome, error) {
	type result struct {
		out Outcome
		err error
	}
	done := make(chan result, 1)
	go func() {
		out, err := in.run(ctx)
		done <- result{out, err}
	}()
	var r result
	select {
	case r = <-done:
		in.relay.Close()
	case <-ctx.Done():
		in.relay.Close()
		r = <-done
		if r.err == nil {
			r.err = context.Cause(ctx)
		}
	}
	if r.err != nil {
		r.err = in.fail(r.err)
	}
	return r.out, r.err
}

// fail gives an error its class and removes the credential from bmclib's texts.
func (in *install) fail(err error) error {
	if cause := in.relay.refusal(); cause != nil { // bmclib saw only that the relay had no answer
		return step.Fail(step.ClassOf(cause), fmt.Errorf("install %s: %w", in.job.Component, cause), step.AdviceOf(cause))
	}
	err = in.clean(err)
	if in.started {
		return step.Fail(step.Transient, fmt.Errorf("install %s: %w: %w", in.job.Component, err, redfish.ErrSentUnknown),
			"Nothing was repeated. The next run reads the version first and goes on from what it finds.")
	}
	class := step.Transient
	switch text := strings.ToLower(err.Error()); {
	case strings.Contains(text, "failed to login"), strings.Contains(text, "login failed"):
		class = step.Auth
	case strings.Contains(text, "unsupported"), strings.Contains(text, "not supported"):
		class = step.Unsupported
	}
	return step.Fail(class, fmt.Errorf("install %s: %w", in.job.Component, err), "")
}

func (in *install) run(ctx context.Context) (Outcome, error) {
	component := strings.ToUpper(in.job.Component)
	if err := in.p.Open(ctx); err != nil {
		return Outcome{}, fmt.Errorf("log in: %w", err)
	}
	defer func() {
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		_ = in.p.Close(cctx) // after a flash the BMC has dropped the session itself
	}()
	steps, err := in.p.FirmwareInstallSteps(ctx, component)
	if err != nil {
		return Outcome{}, fmt.Errorf("ask for the steps: %w", err)
	}
	if slices.Contains(steps, constants.FirmwareInstallStepPowerOffHost) {
		return Outcome{}, errors.New("the host must be off first: unsupported here")
	}
	out := Outcome{Phase: Unknown}
	for _, s := range steps {
		switch s {
		case constants.FirmwareInstallStepUpload:
			in.started = true
			if out.Task, err = in.p.FirmwareUpload(ctx, component, in.job.File); err != nil {
				out.BMCReset = slices.Contains(steps, constants.FirmwareInstallStepResetBMCOnInstallFailure)
				return out, fmt.Errorf("upload: %w", err)
			}
		case constants.FirmwareInstallStepInstallUploaded:
			if out.Task, err = in.p.FirmwareInstallUploaded(ctx, component, out.Task); err != nil {
				return out, fmt.Errorf("start the flash: %w", err)
			}
			if in.sent != nil {
				if err := in.sent(out.Task); err != nil {
					return out, err
				}
			}
		case constants.FirmwareInstallStepUploadStatus, constants.FirmwareInstallStepInstallStatus:
			out.Phase, out.Detail, err = in.poll(ctx, s, component, out.Task)
			if err != nil {
				return out, fmt.Errorf("look at the flash: %w", err)
			}
			if out.Phase != Complete {
				out.BMCReset = out.Phase == Failed && slices.Contains(steps, constants.FirmwareInstallStepResetBMCOnInstallFailure)
				return out, nil
			}
		case constants.FirmwareInstallStepResetBMCPostInstall:
			out.BMCReset = out.Phase == Complete
		}
	}
	return out, nil
}

// poll looks until the step ends. Two looks in a row that fail end it as unknown: a BMC that restarts into its new
// firmware answers nothing, or a login page.
func (in *install) poll(ctx context.Context, s constants.FirmwareInstallStep, component, task string) (Phase, string, error) {
	pace := in.job.Pace
	if pace <= 0 {
		pace = pollEvery
	}
	for misses := 0; ; {
		state, detail, err := in.p.FirmwareTaskStatus(ctx, s, component, task, in.job.Version)
		phase := Phase(state)
		if err != nil {
			if misses++; misses >= 2 {
				return Unknown, "the BMC no longer tells", nil
			}
			phase = Unknown
		} else if phase != Unknown {
			misses = 0
		}
		if in.progress != nil {
			in.progress(phase, detail)
		}
		switch phase {
		case Complete, Failed, PowerCycle:
			return phase, detail, nil
		case Unknown:
			if err == nil {
				return Unknown, detail, nil
			}
		}
		t := time.NewTimer(pace)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return Unknown, detail, context.Cause(ctx)
		}
	}
}

// cleaner removes the credential, in the spellings that these boards are sent it in, from the text of an error.
func cleaner(user, pass string) func(error) error {
	b64 := base64.StdEncoding.EncodeToString
	return func(err error) error {
		text := err.Error()
		for _, s := range []string{pass, b64([]byte(pass)), url.QueryEscape(pass), b64([]byte(user + ":" + pass))} {
			if len(s) >= 4 {
				text = strings.ReplaceAll(text, s, "(redacted)")
			}
		}
		if text == err.Error() {
			return err
		}
		return errors.New(text)
	}
}
