package bmc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// bootView is the boot setup of one host: what runs, and where a change of it is to be written.
type bootView struct {
	vitals
	boot    redfish.Object // of the system
	set     string         // path of the settings object, when the system has one
	pending redfish.Object // its Boot
}

func (d *Driver) bootView(ctx context.Context, s step.Step) (bootView, error) {
	v, err := d.vitals(ctx, s, false)
	if err != nil {
		return bootView{}, err
	}
	b := bootView{vitals: v, boot: v.system.Obj("Boot"), set: v.system.Link("@Redfish.Settings", "SettingsObject")}
	if b.boot == nil {
		return b, unsupported("boot settings")
	}
	if b.set == "" {
		return b, nil
	}
	r, err := d.c.rf.Get(ctx, b.set)
	if redfish.IsNotFound(err) {
		b.set = ""
		return b, nil
	}
	if err != nil {
		return b, fmt.Errorf("read the pending boot settings: %w", err)
	}
	b.pending = r.Obj.Obj("Boot")
	return b, nil
}

// place is where a property of Boot is written: the settings object when it holds the property (R33), else the system.
func (b bootView) place(property string) string {
	if b.set != "" && b.pending.Has(property) {
		return b.set
	}
	return b.path
}

// ordered tells whether an order is as wanted: first entry and members decide, since firmware drops, adds and re-sorts
// what comes later by itself (R60). The planner judges in the same way.
func ordered(have, want []string) bool {
	return len(want) == 0 || len(have) > 0 && have[0] == want[0] &&
		!slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}

// sameMode compares boot modes; what one side does not tell does not differ.
func sameMode(want, have string) bool {
	if want == "" || have == "" {
		return true
	}
	return strings.EqualFold(want, have) || strings.EqualFold(want, "Legacy") && strings.EqualFold(have, "BIOS")
}

func (d *Driver) checkBootOrder(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	b, err := d.bootView(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	if uri := textOf(s.Want["http_uri"]); uri != "" {
		return b.checkURI(s, uri), nil
	}
	want, mode := stringsOf(s.Want["order"]), textOf(s.Want["mode"])
	have := b.boot.Strs("BootOrder")
	seen := step.Facts{"order": have, "mode": b.boot.Str("BootSourceOverrideMode")}
	jobs, err := d.bootJobs(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	right := ordered(have, want) && sameMode(mode, b.boot.Str("BootSourceOverrideMode"))
	pend := b.pending.Strs("BootOrder")
	switch {
	case right && len(jobs) == 0 && (len(pend) == 0 || ordered(pend, want)):
		return state(step.Done, seen, ""), nil
	case len(jobs) > 0 && jobs[0].phase == phaseRunning:
		return state(step.Working, seen, "the boot order is being applied"), nil
	case len(jobs) > 0: // also where the order is shown before it is real (R55)
		return state(step.Staged, seen, "the boot order waits for a reset"), nil
	case len(pend) > 0 && !slices.Equal(pend, have) && ordered(pend, want):
		return state(step.Staged, seen, "the boot order waits for a reset"), nil
	}
	if op != nil && op.Sent {
		if d.starting(b.vitals) {
			return state(step.Working, seen, "the host is starting (%s)", b.progress), nil
		}
		if op.Handle != "" {
			switch w := d.follow(ctx, op.Handle); w.phase {
			case phaseWaiting:
				return state(step.Staged, seen, "%s", w.said), nil
			case phaseRunning:
				return state(step.Working, seen, "%s", w.said), nil
			case phaseFailed:
				return state(step.Ready, seen, "the boot order was not changed: %s", w.said), nil
			case phaseUnknown, phaseDone:
			}
		}
		// accepted, and shown nowhere until the reset (HPE)
		if s.Activation.Host() && len(pend) == 0 && !d.activated(ctx, s, op) {
			return state(step.Staged, seen, "the boot order waits for a reset"), nil
		}
		return state(step.Ready, seen, "the boot order is still %s", strings.Join(have, ", ")), nil
	}
	if was := stringsOf(s.Expect["order"]); len(was) > 0 && !ordered(have, was) && !ordered(pend, was) {
		return state(step.Moved, seen, "the boot order is %s, planned from %s", strings.Join(have, ", "), strings.Join(was, ", ")), nil
	}
	return state(step.Ready, seen, ""), nil
}

// checkURI: HttpBootUri is the BMC's own and needs no reset.
func (b bootView) checkURI(s step.Step, want string) step.State {
	have := b.boot.Str("HttpBootUri")
	seen := step.Facts{"http_uri": have}
	switch {
	case have == want:
		return state(step.Done, seen, "")
	case have != textOf(s.Expect["http_uri"]):
		return state(step.Moved, seen, "the URI is %q, planned from %q", have, textOf(s.Expect["http_uri"]))
	default:
		return state(step.Ready, seen, "")
	}
}

// bootJobs are the live jobs that change the boot order, on BMCs that keep a job queue. Dell's have the name of a BIOS
// configuration: one more than the pending settings account for is the boot order's.
func (d *Driver) bootJobs(ctx context.Context, s step.Step) ([]work, error) {
	l, err := d.layout(ctx)
	if err != nil || l.jobs == "" {
		return nil, err
	}
	x, err := d.setup(ctx, s)
	if step.ClassOf(err) == step.Unsupported {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	settings := 0
	if len(x.pending) > 0 {
		settings = 1
	}
	if len(x.jobs) <= settings {
		return nil, nil
	}
	return x.jobs[settings:], nil
}

// jobInTheWay tells whether a write was refused because a job of the same target waits: Dell takes one at a time (R56).
func jobInTheWay(err error) bool {
	var e *redfish.Error
	return errors.As(err, &e) && slices.ContainsFunc(e.MessageIDs, func(id string) bool {
		return strings.Contains(id, "SYS011") || strings.Contains(id, "SYS468") || strings.Contains(id, "RAC055")
	})
}

// configJob is the live job that changes the firmware setup, or nil.
func (d *Driver) configJob(ctx context.Context) (*work, error) {
	all, err := d.works(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if w.live() && !w.update && strings.Contains(strings.ToLower(w.kind), "bios") {
			return &w, nil
		}
	}
	return nil, nil
}

// goneOption gives a wanted entry that the host does not know any more. One that only its order has lost is known still, as a
// boot option, and is added again (R59, R60).
func (d *Driver) goneOption(ctx context.Context, b bootView, order []string) (string, error) {
	known := slices.Concat(b.boot.Strs("BootOrder"), b.pending.Strs("BootOrder"))
	missing := func(o string) bool { return !slices.Contains(known, o) }
	if !slices.ContainsFunc(order, missing) {
		return "", nil
	}
	var options []*redfish.Resource
	var err error
	if link := b.boot.Link("BootOptions"); link != "" {
		options, _, err = d.c.rf.Members(ctx, link)
	}
	if err != nil && !redfish.IsNotFound(err) {
		return "", fmt.Errorf("read the boot options: %w", err)
	}
	for _, o := range options {
		known = append(known, o.Obj.Str("BootOptionReference"), lastPart(o.URI))
	}
	if i := slices.IndexFunc(order, missing); i >= 0 {
		return order[i], nil
	}
	return "", nil
}

func (d *Driver) actBootOrder(ctx context.Context, a *act) error {
	t, err := d.traits(ctx)
	if err != nil {
		return err
	}
	if t.does(redfish.OrderHandsOff) && a.s.Want["http_uri"] == nil {
		return step.Fail(step.Unsupported, fmt.Errorf("this platform must not have its boot order changed from outside"),
			"Set the boot order in its own setup; it is reported as drift until then.")
	}
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	b, err := d.bootView(ctx, a.s)
	if err != nil {
		return err
	}
	order := stringsOf(a.s.Want["order"])
	if have := b.boot.Strs("BootOrder"); len(have) > 0 && len(order) > 0 {
		if gone, err := d.goneOption(ctx, b, order); err != nil {
			return err
		} else if gone != "" {
			return moved("it has no boot option %s any more", gone) // R59
		}
		for _, o := range have { // what nobody named stays, behind
			if !slices.Contains(order, o) {
				order = append(order, o)
			}
		}
	}
	boot := map[string]any{}
	place := b.path
	if uri := textOf(a.s.Want["http_uri"]); uri != "" {
		boot["HttpBootUri"] = uri
	}
	if len(order) > 0 {
		boot["BootOrder"], place = order, b.place("BootOrder")
	}
	if m := textOf(a.s.Want["mode"]); m != "" && !sameMode(m, b.boot.Str("BootSourceOverrideMode")) { // R25
		boot["BootSourceOverrideMode"] = m
	}
	if err := a.intend(ctx, b.facts()); err != nil {
		return err
	}
	r, err := d.patch(ctx, a.s, place, map[string]any{"Boot": boot})
	if jobInTheWay(err) { // R56: an earlier request made it; whether it holds our order is seen after the reset
		if w, werr := d.configJob(ctx); werr == nil && w != nil {
			return a.sent(w.uri)
		}
	}
	if err != nil {
		return fmt.Errorf("set the boot order: %w", err)
	}
	return a.sent(r.Handle())
}

// targetsOf lists the spellings of one boot source, best first.
func targetsOf(want string, usbCd bool) []string {
	switch want {
	case "Cd":
		if usbCd {
			return []string{"UsbCd", "Cd"} // R28
		}
		return []string{"Cd", "UsbCd"}
	case "UsbCd":
		return []string{"UsbCd", "Cd"}
	default:
		return []string{want}
	}
}

// bootTargets is what the override may be: of the system, else of its settings object (a DGX lists them there only).
func (b bootView) targets() []string {
	const key = "BootSourceOverrideTarget@Redfish.AllowableValues"
	if l := b.boot.Strs(key); len(l) > 0 {
		return l
	}
	return b.pending.Strs(key)
}

func (d *Driver) checkBootOnce(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	b, err := d.bootView(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	want, mode := textOf(s.Want["target"]), textOf(s.Want["mode"])
	armed := func(boot redfish.Object) bool {
		return boot.Str("BootSourceOverrideEnabled") == "Once" &&
			slices.Contains(targetsOf(want, false), boot.Str("BootSourceOverrideTarget")) &&
			sameMode(mode, boot.Str("BootSourceOverrideMode"))
	}
	seen := step.Facts{"target": b.boot.Str("BootSourceOverrideTarget"), "enabled": b.boot.Str("BootSourceOverrideEnabled"),
		"mode": b.boot.Str("BootSourceOverrideMode")}
	switch {
	case armed(b.boot), b.set != "" && b.pending.Has("BootSourceOverrideTarget") && armed(b.pending):
		return state(step.Done, seen, ""), nil
	case op != nil && op.Sent && b.boot.Str("BootSourceOverrideEnabled") != "Once" && b.restarted(op.Baseline):
		return state(step.Done, seen, "the host has started since: the one-time boot was used"), nil
	}
	was, now := textOf(s.Expect["target"]), b.boot.Str("BootSourceOverrideTarget")
	if was != "" && was != now && b.boot.Str("BootSourceOverrideEnabled") != "Disabled" && now != "None" {
		return state(step.Moved, seen, "a one-time boot from %s is set, planned from %s", now, was), nil
	}
	return state(step.Ready, seen, ""), nil
}

func (d *Driver) actBootOnce(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	if err := d.afterPOST(ctx, a.s); err != nil { // a boot under way would use the override up
		return err
	}
	t, err := d.traits(ctx)
	if err != nil {
		return err
	}
	b, err := d.bootView(ctx, a.s)
	if err != nil {
		return err
	}
	want := textOf(a.s.Want["target"])
	target := want
	if allowed := b.targets(); len(allowed) > 0 {
		if target = firstOf(allowed, targetsOf(want, t.quirks.Has("R28"))...); target == "" {
			return unsupported("a one-time boot from %s (it lists %s)", want, strings.Join(allowed, ", "))
		}
	}
	// R26: both, every time
	boot := map[string]any{"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target}
	mode, have := textOf(a.s.Want["mode"]), b.boot.Str("BootSourceOverrideMode")
	if mode == "" {
		mode = have
	}
	shown := b.boot.Has("BootSourceOverrideMode") || b.pending.Has("BootSourceOverrideMode") // R27
	if mode != "" && shown && (!t.does(redfish.BootModeOnDiff) || mode != have) {            // R25, R32
		boot["BootSourceOverrideMode"] = mode
	}
	if t.does(redfish.FullBoot) && boot["BootSourceOverrideMode"] == nil && shown {
		boot["BootSourceOverrideMode"] = "UEFI"
	}
	if err := a.intend(ctx, b.facts()); err != nil {
		return err
	}
	r, err := d.patch(ctx, a.s, b.place("BootSourceOverrideTarget"), map[string]any{"Boot": boot})
	if err != nil {
		return fmt.Errorf("set the one-time boot: %w", err)
	}
	return a.sent(r.Handle())
}
