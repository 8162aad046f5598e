package bmc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// uploadTries is how often the task of an upload is read before the update it stands for is started: 10 min (§5.3,
// Supermicro).
const uploadTries = 300

// service is the UpdateService as a push needs it.
type service struct {
	obj       redfish.Object
	multipart string
	raw       string
	simple    redfish.Object // action
	start     string         // target of StartUpdate
	applies   []string
}

func (d *Driver) service(ctx context.Context) (service, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return service{}, err
	}
	if l.update == "" {
		return service{}, unsupported("an update service")
	}
	r, err := d.c.rf.Get(ctx, l.update)
	if err != nil {
		return service{}, fmt.Errorf("read the update service: %w", err)
	}
	u := service{obj: r.Obj, multipart: r.Obj.Str("MultipartHttpPushUri"), raw: r.Obj.Str("HttpPushUri"),
		simple: r.Obj.Obj("Actions", "#UpdateService.SimpleUpdate"), start: r.Obj.Str("Actions", "#UpdateService.StartUpdate", "target")}
	for _, o := range []redfish.Object{u.simple, r.Obj} {
		for _, key := range []string{"@Redfish.OperationApplyTimeSupport", "MultipartHttpPushUri@Redfish.OperationApplyTimeSupport",
			"HttpPushUri@Redfish.OperationApplyTimeSupport"} {
			u.applies = append(u.applies, o.Strs(key, "SupportedValues")...)
		}
	}
	return u, nil
}

// applyTime is what is sent for the planned moment: only what the service lists.
func (u service) applyTime(args step.Args, t traits) string {
	if slices.Contains(u.applies, args.ApplyTime) {
		return args.ApplyTime
	}
	switch args.Apply {
	case "on_reset":
		if a := firstOf(u.applies, "OnReset"); a != "" || !t.startUpdate {
			return a
		}
		return firstOf(u.applies, "OnStartUpdateRequest")
	case "immediate":
		return firstOf(u.applies, "Immediate")
	default:
		return ""
	}
}

func (d *Driver) actFirmware(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed { // adopts a task, job or staged row of this image
		return err
	}
	if err := d.calm(ctx, a.s, "a second push"); err != nil {
		return err
	}
	board, own, err := d.boardWay(ctx, a.s)
	if err != nil {
		return err
	}
	u, err := d.service(ctx)
	if err != nil && !own {
		return err
	}
	if err := preflight(u, a.s); err != nil && !own {
		return err
	}
	t, err := d.traits(ctx)
	if err != nil {
		return err
	}
	img, done, err := d.image(a.s)
	if err != nil {
		return err
	}
	defer done()
	base, err := d.pushBaseline(ctx, a.s)
	if err != nil {
		return err
	}
	if own {
		return d.installByBoard(ctx, a, board, img, base)
	}
	send, err := d.way(ctx, a.s, u, t, img)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, base); err != nil {
		return err
	}
	if err := d.clockRight(ctx, a); err != nil {
		return err
	}
	r, err := send(ctx)
	if err != nil {
		return d.afterLostPush(ctx, a, err)
	}
	d.c.pushed(pushKey(a.s), r.Handle())
	if err := a.sent(r.Handle()); err != nil {
		return err
	}
	if u.applyTime(a.s.Args, t) == "OnStartUpdateRequest" && u.start != "" {
		return d.startUpdate(ctx, a, u)
	}
	return nil
}

// pushBaseline is what a push is told from later: the vitals, the version, and the tasks there were.
func (d *Driver) pushBaseline(ctx context.Context, s step.Step) (step.Facts, error) {
	v, err := d.vitals(ctx, s, true)
	if err != nil {
		return nil, err
	}
	base := v.facts()
	base["version"] = s.Expect["version"]
	base["tasks"], err = d.known(ctx)
	return base, err
}

// preflight refuses what cannot go well (redfish.md §5.1, 1).
func preflight(u service, s step.Step) error {
	if on, told := u.obj.Bool("ServiceEnabled"); told && !on {
		return step.Fail(step.Unsupported, fmt.Errorf("the update service is switched off"), "Switch it on in the BMC's settings.")
	}
	if limit, ok := u.obj.Int("MaxImageSizeBytes"); ok && limit > 0 && s.Args.SizeBytes > limit {
		return rejected("the image has %d bytes, this BMC takes %d", s.Args.SizeBytes, limit)
	}
	return nil
}

// image opens the file and reads it whole: nothing is flashed whose digest was not verified in this process (invariant
// 2). The core verifies it again while it is sent.
func (d *Driver) image(s step.Step) (redfish.Image, func(), error) {
	none := func() {}
	if d.opt.Images == nil {
		return redfish.Image{}, none, step.Fail(step.Internal, fmt.Errorf("no source of firmware images is set"), "")
	}
	r, size, err := d.opt.Images(s.Args.File)
	if err != nil {
		return redfish.Image{}, none, step.Fail(step.Trust, fmt.Errorf("open firmware file %s: %w", s.Args.File, err),
			"Put the file that the baseline names in its place.")
	}
	done := none
	if c, ok := r.(io.Closer); ok {
		done = func() { _ = c.Close() } // it was only read
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, size)); err != nil {
		done()
		return redfish.Image{}, none, step.Fail(step.Trust, fmt.Errorf("read firmware file %s: %w", s.Args.File, err), "")
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != s.Args.Digest || s.Args.SizeBytes > 0 && size != s.Args.SizeBytes {
		done()
		return redfish.Image{}, none, step.Fail(step.Trust, fmt.Errorf("firmware file %s has digest %s and %d bytes, planned %s and %d",
			s.Args.File, rack.Digest(got).Short(), size, rack.Digest(s.Args.Digest).Short(), s.Args.SizeBytes),
			"The file is not the one that the baseline names; fetch it again.")
	}
	return redfish.Image{ReaderAt: r, SizeBytes: size, Digest: rack.Digest(s.Args.Digest), Name: lastPart(s.Args.File)}, done, nil
}

// way chooses how the image gets to the BMC: the first that exists of multipart, SimpleUpdate and raw push (§5.1, 2),
// or the one that the baseline names.
func (d *Driver) way(ctx context.Context, s step.Step, u service, t traits, img redfish.Image) (func(context.Context) (*redfish.Response, error), error) {
	method := s.Args.Method
	if method == "" || method == "auto" {
		switch {
		case u.multipart != "":
			method = "multipart"
		case u.simple != nil && d.opt.ImageURL != nil:
			method = "simple_update"
		default:
			method = "http_push"
		}
	}
	switch {
	case method == "multipart" && u.multipart != "":
		params := multipartParameters(s, u, t)
		return func(ctx context.Context) (*redfish.Response, error) {
			return d.c.rf.Push(ctx, u.multipart, img, params)
		}, nil
	case method == "simple_update" && u.simple != nil:
		return d.simpleUpdate(ctx, s, u, t)
	case method == "http_push" && u.raw != "":
		return func(ctx context.Context) (*redfish.Response, error) { return d.c.rf.PushRaw(ctx, u.raw, img) }, nil
	default:
		return nil, unsupported("a firmware update by %s", method)
	}
}

// multipartParameters writes UpdateParameters with the vendor's needs (redfish.md §5.3).
func multipartParameters(s step.Step, u service, t traits) map[string]any {
	targets := s.Args.Targets
	if targets == nil {
		targets = []string{}
	}
	p := map[string]any{"Targets": targets}
	if a := u.applyTime(s.Args, t); a != "" {
		p["@Redfish.OperationApplyTime"] = a
	}
	if t.emptyOem {
		p["Oem"] = map[string]any{}
	}
	if t.keepNVRAM && names(s, "bios") {
		keep := s.Args.PreserveNVRM
		p["Oem"] = map[string]any{"Supermicro": map[string]any{"BIOS": map[string]any{
			"PreserveME": keep, "PreserveNVRAM": keep, "PreserveSMBIOS": true, "BackupBIOS": false}}}
	}
	if t.keepNVRAM && names(s, "bmc") {
		p["Oem"] = map[string]any{"Supermicro": map[string]any{"BMC": map[string]any{
			"PreserveCfg": true, "PreserveSdr": true, "PreserveSsl": true}}}
	}
	return p
}

// names tells whether a step is about a part, by its component, rows or targets.
func names(s step.Step, part string) bool {
	all := append(append([]string{s.Args.Component}, s.Args.Rows...), s.Args.Targets...)
	return slices.ContainsFunc(all, func(x string) bool { return strings.EqualFold(lastPart(x), part) })
}

// simpleUpdate lets the BMC fetch the image itself, from the in-region mirror.
func (d *Driver) simpleUpdate(ctx context.Context, s step.Step, u service, t traits) (func(context.Context) (*redfish.Response, error), error) {
	if d.opt.ImageURL == nil {
		return nil, step.Fail(step.Unsupported, fmt.Errorf("this BMC fetches images itself and no mirror is set"),
			"Set a mirror that the BMC reaches.")
	}
	from, err := d.opt.ImageURL(s.Args.File)
	if err != nil {
		return nil, step.Fail(step.Trust, fmt.Errorf("find %s on the mirror: %w", s.Args.File, err), "")
	}
	body := map[string]any{"ImageURI": from}
	if len(s.Args.Targets) > 0 {
		if err := d.targetsAllowed(ctx, u.simple, s.Args.Targets); err != nil {
			return nil, err
		}
		body["Targets"] = s.Args.Targets
	}
	if p, _, ok := strings.Cut(from, "://"); ok && slices.Contains(u.simple.Strs("TransferProtocol@Redfish.AllowableValues"), strings.ToUpper(p)) {
		body["TransferProtocol"] = strings.ToUpper(p)
	}
	if a := u.applyTime(s.Args, t); a != "" {
		body["@Redfish.OperationApplyTime"] = a
	}
	target := u.simple.Str("target")
	return func(ctx context.Context) (*redfish.Response, error) { return d.c.rf.Post(ctx, target, body) }, nil
}

// targetsAllowed refuses targets that the BMC does not list, where it lists any. An entry may be a pattern: it counts when no
// entry is the target itself (R101, recorded: CPLD_Backplane_(\d+)).
func (d *Driver) targetsAllowed(ctx context.Context, action redfish.Object, targets []string) error {
	allowed, err := d.allowable(ctx, action, "Targets")
	if err != nil || len(allowed) == 0 {
		return err
	}
	for _, t := range targets {
		if !slices.ContainsFunc(allowed, func(a string) bool { return samePath(a, t) || samePattern(a, t) }) {
			return step.Fail(step.Unsupported, fmt.Errorf("this BMC updates %s, not %s", strings.Join(allowed, ", "), t),
				"Correct the targets in the firmware baseline.")
		}
	}
	return nil
}

// samePattern tells whether an entry, as a regular expression, is the whole of a text.
func samePattern(pattern, text string) bool {
	p, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && p.MatchString(text)
}

// afterLostPush looks for what a push without an answer has become: it is never repeated blindly.
func (d *Driver) afterLostPush(ctx context.Context, a *act, cause error) error {
	cause = fmt.Errorf("push %s: %w", lastPart(a.s.Args.File), cause)
	if !redfish.IsSentUnknown(cause) {
		return cause
	}
	w, err := d.lostPush(ctx, a.s, &a.op)
	if err == nil && w != nil {
		d.c.pushed(pushKey(a.s), w.uri)
		return a.sent(w.uri)
	}
	if r, err := d.rows(ctx, a.s); err == nil && r.staged {
		return a.sent("")
	}
	return cause
}

// startUpdate starts what was uploaded with OnStartUpdateRequest, once the upload is there.
func (d *Driver) startUpdate(ctx context.Context, a *act, u service) error {
	for range uploadTries {
		if a.op.Handle == "" {
			break
		}
		if w := d.follow(ctx, a.op.Handle); w.phase == phaseDone || w.phase == phaseWaiting || w.gone {
			break
		} else if w.phase == phaseFailed {
			return rejected("the upload failed: %s", w.said)
		}
		if err := d.pause(ctx, 1); err != nil {
			return err
		}
	}
	if err := d.dryNow(ctx); err != nil { // an upload takes minutes, and this is where the flash begins
		return err
	}
	r, err := d.say(ctx, u.start, map[string]any{}, nil)
	if err != nil && !redfish.IsSentUnknown(err) {
		return fmt.Errorf("start the update: %w", err)
	}
	if h := r.Handle(); h != "" {
		d.c.pushed(pushKey(a.s), h)
		return a.sent(h)
	}
	return nil
}
