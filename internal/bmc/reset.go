package bmc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	// a reset that no sign can tell of: BMC reset and host settle take 5 min (redfish.md §6.5)
	settleDefault = 5 * time.Minute
	halfWayAfter  = time.Minute       // a host that is Off this long after its reset began was left so
	lagAllowance  = 480 * time.Second // inventory lags the truth this long at most (redfish.md §5.1, R30)
	bmcDownTries  = 45                // looks for the BMC to stop answering after its reset: 90 s
	bmcUpTries    = 450               // looks for it to answer again: 15 min
	// looks for the first sign of a restart before another verb is used: 40 s (R93: 22-24 s)
	changeTries = 20
	goodReads   = 3 // authenticated reads in a row that make a BMC ready (R37, R79)
)

func (d *Driver) checkReset(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	touchesBMC := s.Activation == step.BMCReset || s.Activation >= step.AuxCycle
	v, err := d.vitals(ctx, s, true)
	if err != nil {
		if op != nil && touchesBMC && silent(err) {
			return state(step.Working, nil, "the BMC does not answer yet"), nil
		}
		if d.unheard(err) {
			return d.checkResetByIPMI(ctx, s, op, err)
		}
		return step.State{}, err
	}
	if op == nil {
		return state(step.Ready, v.facts(), ""), nil
	}
	changed := v.bmcMoved(op.Baseline)
	if s.Activation.Host() {
		changed = v.hostMoved(op.Baseline)
	}
	if s.Activation == step.AuxCycle && !v.on() { // the next Act goes on from there, be the answer to the cycle lost
		d.c.leftOff(s.Args.System, v.bmcMoved(op.Baseline))
	}
	since := time.Since(op.Started)
	settle := d.paced(max(time.Duration(s.EstimatedS)*time.Second, settleDefault))
	switch {
	case !changed && !op.Sent:
		return state(step.Ready, v.facts(), ""), nil
	case !changed && op.Handle != "":
		if w := d.follow(ctx, op.Handle); w.phase == phaseFailed {
			return state(step.Ready, v.facts(), "the reset did not happen: %s", w.said), nil
		}
		fallthrough
	case !changed:
		if since < settle {
			return state(step.Working, v.facts(), "no sign of the reset yet"), nil
		}
	}
	if s.Activation.Host() && !v.on() {
		if since > d.paced(halfWayAfter) && v.power == "Off" {
			return state(step.Ready, v.facts(), "the host was left off half-way through its reset"), nil
		}
		return state(step.Working, v.facts(), "the host is %s", v.power), nil
	}
	if s.Activation.Host() {
		blank := v.progress == "None" && textOf(op.Baseline["boot_progress"]) != "None" && op.Baseline["boot_progress"] != nil
		if d.starting(v) || blank {
			return state(step.Working, v.facts(), "the host is starting (%s)", v.progress), nil
		}
		if !v.telling() && since < settle { // only the clock can tell when POST is over
			return state(step.Working, v.facts(), "the host is starting"), nil
		}
	}
	if touchesBMC {
		if err := d.ready(ctx, s); err != nil {
			if silent(err) {
				return state(step.Working, v.facts(), "the BMC is not ready yet"), nil
			}
			return step.State{}, err
		}
	}
	return state(step.Done, v.facts(), ""), nil
}

// silent tells whether an error is what a BMC shows while it restarts.
func silent(err error) bool {
	return redfish.IsUnreachable(err) || redfish.IsTransient(err) || redfish.IsNotFound(err) || redfish.IsMalformed(err)
}

// ready reads systems and managers three times in a row, with authentication: the only sign that counts (R37, R79).
func (d *Driver) ready(ctx context.Context, s step.Step) error {
	for i := range goodReads {
		if i > 0 {
			if err := d.pause(ctx, 1); err != nil {
				return err
			}
		}
		d.c.forget()
		if _, err := d.vitals(ctx, s, true); err != nil {
			return err
		}
	}
	return nil
}

// activated tells whether the reset that a staged step needs has happened since its Op was begun.
func (d *Driver) activated(ctx context.Context, s step.Step, op *step.Op) bool {
	if op == nil {
		return false
	}
	v, err := d.vitals(ctx, s, true)
	if err != nil {
		return false
	}
	// a host that was only switched off has activated nothing, though its LastResetTime may have changed
	if s.Activation.Host() {
		moved := v.power != "Off" && v.hostMoved(step.Facts{"last_reset_time": op.Baseline["last_reset_time"]})
		return moved || d.c.resetSince(s.Activation, op.Started)
	}
	return v.bmcMoved(op.Baseline) || d.c.resetSince(s.Activation, op.Started)
}

func (d *Driver) actReset(ctx context.Context, a *act) error {
	err := d.calm(ctx, a.s, a.s.Activation.String())
	if d.unheard(err) {
		if err = d.resetByIPMI(ctx, a, err); err == nil {
			d.c.resetDone(a.s.Activation)
		}
		return err
	}
	if err != nil {
		return err
	}
	v, err := d.vitals(ctx, a.s, true)
	if err != nil {
		return err
	}
	t, err := d.traits(ctx)
	if err != nil {
		return err
	}
	switch a.s.Activation {
	case step.BMCReset:
		err = d.resetBMC(ctx, a, v)
	case step.HostReset:
		err = d.resetHost(ctx, a, v, t)
	case step.HostPowerCycle:
		err = d.cycleHost(ctx, a, v)
	case step.AuxCycle, step.ACCycle:
		err = d.cycleAux(ctx, a, v, t)
	case step.NoClass, step.None:
		return step.Fail(step.Unsupported, fmt.Errorf("no verb makes a reset of class %s", a.s.Activation), "Cut the feed by hand.")
	}
	if err == nil {
		d.c.resetDone(a.s.Activation)
	}
	return err
}

// resetBMC restarts the BMC that serves and waits until it has gone: a cut answer is the normal one.
func (d *Driver) resetBMC(ctx context.Context, a *act, v vitals) error {
	target, verb, err := d.resetVerb(ctx, v.bmc.Obj, "#Manager.Reset", "GracefulRestart", "ForceRestart")
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	r, err := d.c.rf.Post(ctx, target, map[string]any{"ResetType": verb})
	if err != nil && !redfish.IsSentUnknown(err) {
		return fmt.Errorf("%s of the BMC: %w", verb, err)
	}
	if err := a.sent(r.Handle()); err != nil {
		return err
	}
	d.c.forget()
	for range bmcDownTries {
		now, err := d.c.rf.Get(ctx, v.bmc.URI)
		if err != nil && ctx.Err() == nil && silent(err) || err == nil && v.bmcReset != "" && now.Obj.Str("LastResetTime") != v.bmcReset {
			return a.note("transition", true)
		}
		if err := d.pause(ctx, 1); err != nil {
			return err
		}
	}
	return nil // Check goes by the clock
}

// resetHost restarts the host. Where a restart shows no sign, or hangs, the host is switched off and on (R35); where
// the first verb has no effect, likewise (R93).
func (d *Driver) resetHost(ctx context.Context, a *act, v vitals, t traits) error {
	if !v.on() {
		return d.offOn(ctx, a, v)
	}
	if t.does(redfish.RestartByIPMI) && d.c.ipmi != nil && a.s.Args.Manner != step.Graceful {
		return d.restartByIPMI(ctx, a, v)
	}
	if t.offThenOn || t.does(redfish.OffOnReset) || !v.telling() || a.s.Args.Manner == step.Graceful {
		return d.offOn(ctx, a, v)
	}
	target, verb, err := d.resetVerb(ctx, v.system, "#ComputerSystem.Reset", "ForceRestart", "GracefulRestart")
	if step.ClassOf(err) == step.Unsupported {
		return d.offOn(ctx, a, v)
	}
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	moved := d.hostMoves(a)
	r, err := d.say(ctx, target, map[string]any{"ResetType": verb}, d.eventually(moved))
	if err != nil && !redfish.IsSentUnknown(err) {
		return fmt.Errorf("%s: %w", verb, err)
	}
	if err := a.sent(r.Handle()); err != nil {
		return err
	}
	for range changeTries {
		if ok, err := moved(ctx); err == nil && ok {
			return a.note("transition", true)
		}
		if a.op.Handle != "" && d.follow(ctx, a.op.Handle).phase == phaseFailed {
			return d.offOn(ctx, a, v)
		}
		if err := d.pause(ctx, 1); err != nil {
			return err
		}
	}
	return nil // accepted: Check waits for the transition
}

// hostMoves asks whether the host has changed since the baseline of the act.
func (d *Driver) hostMoves(a *act) func(context.Context) (bool, error) {
	base := a.op.Baseline
	return func(ctx context.Context) (bool, error) {
		now, err := d.vitals(ctx, a.s, false)
		return err == nil && now.hostMoved(base), err
	}
}

// eventually asks again for a while before it believes a no: after a lost answer a reset must not be sent twice
// because its first sign was not there yet.
func (d *Driver) eventually(ask func(context.Context) (bool, error)) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		for range changeTries {
			if ok, err := ask(ctx); err == nil && ok {
				return true, nil
			}
			if err := d.pause(ctx, 1); err != nil {
				return false, err
			}
		}
		return ask(ctx)
	}
}

// cycleHost cuts the host's power and gives it back: by the one verb where it is listed, else by two.
func (d *Driver) cycleHost(ctx context.Context, a *act, v vitals) error {
	if v.on() && v.telling() && a.s.Args.Manner != step.Graceful {
		target, verb, err := d.resetVerb(ctx, v.system, "#ComputerSystem.Reset", "PowerCycle")
		if err == nil {
			if err := a.intend(ctx, v.facts()); err != nil {
				return err
			}
			r, err := d.say(ctx, target, map[string]any{"ResetType": verb}, d.eventually(d.hostMoves(a)))
			if err != nil && !redfish.IsSentUnknown(err) {
				return fmt.Errorf("%s: %w", verb, err)
			}
			return a.sent(r.Handle())
		}
		if step.ClassOf(err) != step.Unsupported {
			return err
		}
	}
	return d.offOn(ctx, a, v)
}

// offOn switches the host off, waits for it, and switches it on. A host that is off already is half-way through.
func (d *Driver) offOn(ctx context.Context, a *act, v vitals) error {
	if !a.op.Sent {
		if err := a.intend(ctx, v.facts()); err != nil {
			return err
		}
	}
	if err := d.off(ctx, a, v); err != nil {
		return err
	}
	if err := a.note("transition", true); err != nil {
		return err
	}
	return d.on(ctx, a, v)
}

// on switches the host on and waits until it is: a half-way reset is finished here.
func (d *Driver) on(ctx context.Context, a *act, v vitals) error {
	if err := a.note("comes_on", true); err != nil { // who shares its power may want to be asked first
		return err
	}
	if err := d.power(ctx, a, v, "On", "On", "ForceOn", "PushPowerButton"); err != nil {
		return err
	}
	if _, err := d.await(ctx, a.s, lookTries, func(v vitals) bool { return v.on() || v.power == "PoweringOn" }); err != nil {
		return fmt.Errorf("wait for the host to be on: %w", err)
	}
	return nil
}

// auxVerb is one way to cut standby power.
type auxVerb struct {
	target, verb string
	bios         string // or: an attribute that makes the next power cycle one
	final        string // FinalPowerState to ask for
	off          bool   // the host must be off first
}

// auxVerb finds the way, by what the device lists (redfish.md §2.9).
func (d *Driver) auxVerb(ctx context.Context, v vitals, t traits) (auxVerb, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return auxVerb{}, err
	}
	chassis, _, err := d.c.rf.Members(ctx, l.root.Link("Chassis"))
	if err != nil && !redfish.IsNotFound(err) {
		return auxVerb{}, fmt.Errorf("read the chassis: %w", err)
	}
	// Lenovo: ACPowerCycle of the system; HPE: AuxCycle in its Oem part; NVIDIA: AuxPowerReset of a chassis.
	groups := []redfish.Object{v.system.Obj("Actions", "Oem"), v.system.Obj("Oem", "Hpe", "Actions")}
	for _, c := range chassis {
		groups = append(groups, c.Obj.Obj("Actions", "Oem"))
	}
	for _, g := range groups {
		for _, name := range slices.Sorted(maps.Keys(g)) {
			if x, err := d.auxOf(ctx, name, g.Obj(name)); err != nil || x.target != "" {
				return x, err
			}
		}
	}
	if x, err := d.acVerb(ctx, v); step.ClassOf(err) != step.Unsupported {
		return x, err
	}
	if t.auxBIOS != "" {
		return auxVerb{bios: t.auxBIOS, verb: t.auxValue}, nil
	}
	return auxVerb{}, step.Fail(step.Unsupported, errors.New("no verb of this BMC cuts standby power"),
		"Pull the power feed by hand, then run again.")
}

// auxOf reads one OEM action; the zero value when it does not cut standby power.
func (d *Driver) auxOf(ctx context.Context, name string, action redfish.Object) (auxVerb, error) {
	if action == nil || !strings.Contains(name, "Reset") {
		return auxVerb{}, nil
	}
	if x, ok := dellExtended(name, action); ok {
		return x, nil
	}
	allowed, err := d.allowable(ctx, action, "ResetType")
	if err != nil {
		return auxVerb{}, err
	}
	verb := firstOf(allowed, "AuxCycle", "ACPowerCycle", "AuxPowerCycle", "AuxPowerCycleForce")
	if verb == "" && strings.Contains(name, "AuxPowerReset") {
		verb = "AuxPowerCycle"
	}
	if verb == "" {
		return auxVerb{}, nil
	}
	return auxVerb{target: action.Str("target"), verb: verb}, nil
}

// cycleAux cuts standby power with the host off, waits for the BMC to come back, and switches the host on (R39).
func (d *Driver) cycleAux(ctx context.Context, a *act, v vitals, t traits) error {
	way, err := d.coldVerb(ctx, a, v, t)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	// half-way: the cycle is behind us, the host is not on yet
	if !v.on() && d.c.takeCycled(a.s.Args.System) {
		if err := a.note("transition", true); err != nil {
			return err
		}
		if err := d.cardsUp(ctx); err != nil {
			return err
		}
		return d.on(ctx, a, v)
	}
	if way.bios != "" {
		return d.cycleByBIOS(ctx, a, v, way)
	}
	// Where nothing tells when host and BMC were started, a cycle whose answer was lost would look as if it had never been, and another one
	// would hit the flash of this one. A host that was switched off for it is seen.
	silentHost := !v.telling() && v.bmcReset == ""
	if t.does(redfish.AuxWantsOff) || way.off || a.s.Args.Manner == step.Graceful || silentHost {
		if err := d.off(ctx, a, v); err != nil {
			return err
		}
	}
	if err := d.dryNow(ctx); err != nil { // the host may come back by itself
		return err
	}
	r, err := d.say(ctx, way.target, way.body(), nil)
	if wantsOff(err) { // R39 on a BMC that is not known for it
		if err := d.off(ctx, a, v); err != nil {
			return err
		}
		if err := d.dryNow(ctx); err != nil {
			return err
		}
		r, err = d.say(ctx, way.target, way.body(), nil)
	}
	if err != nil && !redfish.IsSentUnknown(err) {
		return fmt.Errorf("%s: %w", way.verb, err)
	}
	if err := a.sent(r.Handle()); err != nil {
		return err
	}
	if err := a.note("transition", true); err != nil {
		return err
	}
	d.c.forget()
	if err := d.back(ctx, a.s); err != nil {
		return err
	}
	for range changeTries { // it comes back by itself on some
		if v, err = d.vitals(ctx, a.s, false); err == nil && (v.on() || v.power == "PoweringOn") {
			return nil
		}
		if err := d.pause(ctx, 1); err != nil {
			return err
		}
	}
	if err := d.cardsUp(ctx); err != nil {
		return err
	}
	return d.on(ctx, a, v)
}

// off switches the host off and waits until it is.
func (d *Driver) off(ctx context.Context, a *act, v vitals) error {
	if v.power == "Off" {
		return nil
	}
	if a.s.Args.Manner == step.Graceful {
		return d.shutDown(ctx, a, v)
	}
	if err := d.power(ctx, a, v, "Off", "ForceOff", "GracefulShutdown"); err != nil {
		return err
	}
	if _, err := d.await(ctx, a.s, lookTries, func(v vitals) bool { return v.power == "Off" }); err != nil {
		return fmt.Errorf("wait for the host to be off: %w", err)
	}
	return nil
}

// wantsOff tells whether an aux cycle was refused because the host has power (R39).
func wantsOff(err error) bool {
	var e *redfish.Error
	return errors.As(err, &e) && slices.ContainsFunc(e.MessageIDs, func(id string) bool { return strings.Contains(id, "StateOffRequired") })
}

// cycleByBIOS arms the attribute and takes the host off; the BMC does the rest and the host comes back (Dell).
func (d *Driver) cycleByBIOS(ctx context.Context, a *act, v vitals, way auxVerb) error {
	x, err := d.setup(ctx, a.s)
	if err != nil {
		return err
	}
	if _, ok := x.current[way.bios]; !ok || x.settings == "" {
		return step.Fail(step.Unsupported, errors.New("no verb of this BMC cuts standby power"), "Pull the power feed by hand, then run again.")
	}
	if !v.on() { // it takes effect when the host loses its power
		if err := d.on(ctx, a, v); err != nil {
			return err
		}
		if err := d.afterPOST(ctx, a.s); err != nil {
			return err
		}
		if v, err = d.vitals(ctx, a.s, false); err != nil {
			return err
		}
	}
	if !equalValue(x.current[way.bios], way.verb) && !equalValue(x.pending[way.bios], way.verb) { // else settings that wait hold it
		body := map[string]any{"Attributes": map[string]any{way.bios: way.verb}}
		if firstOf(x.applies, "OnReset") != "" {
			body["@Redfish.SettingsApplyTime"] = map[string]any{"ApplyTime": "OnReset"}
		}
		if _, err := d.patch(ctx, a.s, x.settings, body); err != nil {
			return fmt.Errorf("arm %s: %w", way.bios, err)
		}
	}
	return d.offOn(ctx, a, v)
}

// back waits until a BMC that has gone answers again: three good reads in a row.
func (d *Driver) back(ctx context.Context, s step.Step) error {
	var err error
	for range bmcUpTries {
		if err = d.pause(ctx, 1); err != nil {
			return err
		}
		if err = d.ready(ctx, s); err == nil {
			return nil
		}
		if !silent(err) {
			return err
		}
	}
	return fmt.Errorf("wait for the BMC to come back: %w", err)
}
