package bmc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/bmclibx"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// IPMI lets a driver speak IPMI to its BMC when Redfish cannot be reached: for the power of the host and a reset of the BMC alone
// (ADR 0018). The zero value of each field is right, but for Tool.
type IPMI struct {
	Tool string // path of ipmitool
	Port int    // 0 = 623
	// Busy tells why the BMC must be left alone although nobody can look: firmware that an earlier run has begun and not seen
	// to its end, or a leak that it saw. "" = nothing is known. It is asked right before each use. nil = there is no record.
	Busy func() string
	// Wet tells that the platform has leak detectors: nobody can read them without Redfish, so nothing is switched on.
	Wet bool
	// Shared tells that more hosts are behind this BMC: IPMI knows one chassis, so no power is switched by it.
	Shared bool
	// Line takes the place of ipmitool; nil = ipmitool. A simulator has one.
	Line IPMILine
}

// IPMILine is the second way to a BMC. Errors that are bmclibx.ErrNoIPMI mean that nothing was sent to the chassis.
type IPMILine interface {
	Power(context.Context) (string, error) // On, Off
	Say(context.Context, bmclibx.IPMIVerb) error
	ResetBMC(context.Context) error
}

// ViaIPMI marks what was seen or done by IPMI: in the baseline of an Op under "via", and in rack.Device.Via.
const ViaIPMI = "ipmi"

// ipmiSettle is how long a power state may take to be told after it was asked for: as for Redfish (redfish.md §6.5).
const ipmiSettle = 60 * time.Second

// secondWay makes the line to the BMC of an endpoint; nil where IPMI is off.
func (p *Pool) secondWay(ep Endpoint) IPMILine {
	if ep.IPMI == nil {
		return nil
	}
	if ep.IPMI.Line != nil {
		return ep.IPMI.Line
	}
	login := ep.Login
	if ep.Access != nil {
		login = func(ctx context.Context) (string, string, error) {
			return ep.Access.login(ctx, p.attempts.Failed(ep.URL))
		}
	}
	u, err := url.Parse(ep.URL)
	if err != nil {
		return nil
	}
	return &bmclibx.IPMI{Host: u.Hostname(), Port: ep.IPMI.Port, Tool: ep.IPMI.Tool, Login: login}
}

// SecondWay tells whether this BMC can be restarted when it does not answer Redfish.
func (d *Driver) SecondWay() bool { return d.c.ipmi != nil }

// unheard tells whether an error is one after which IPMI may be spoken: no answer came to a read, at all. An answer of any kind
// and a certificate that is not trusted are none; and a BMC that has refused a login before it fell silent is sent no other.
func (d *Driver) unheard(err error) bool {
	return d.c.ipmi != nil && redfish.NoAnswer(err) && !d.c.loginsRefused()
}

// mayIPMI says why IPMI is not spoken now though Redfish is silent, or nil. What Redfish would have refused is what nobody can see:
// so what this process and the journals know decides.
func (d *Driver) mayIPMI(powersOn bool) error {
	why := ""
	d.c.mu.Lock()
	leak, flash := d.c.leaks.wet, len(d.c.inFlight) > 0
	detectors := d.c.leaks.most > 0 || d.ep.IPMI.Wet
	d.c.mu.Unlock()
	switch {
	case leak:
		why = "a leak was seen behind this BMC"
	case flash:
		why = "firmware of this run may be being written"
	case powersOn && detectors:
		why = "this tray has leak detectors, and nobody can read them now"
	case d.ep.IPMI.Busy != nil:
		why = d.ep.IPMI.Busy()
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("IPMI is not used: %s", why)
}

// withoutRedfish gives the cause back, with why IPMI is not used or did not help. The class is that of the cause: IPMI makes
// nothing worse.
func withoutRedfish(cause, why error) error {
	advice := step.AdviceOf(why)
	if advice == "" {
		advice = step.AdviceOf(cause)
	}
	return step.Fail(step.ClassOf(cause), fmt.Errorf("%w; %s", cause, why), advice)
}

// saidByIPMI is what came of a verb by IPMI. One that found no session has done nothing; after any other error it may have acted, so
// it counts as sent, and a look decides.
func (a *act) saidByIPMI(cause, err error) error {
	if errors.Is(err, bmclibx.ErrNoIPMI) {
		return withoutRedfish(cause, err)
	}
	if serr := a.sent(""); serr != nil {
		return serr
	}
	return err
}

// ipmiPower reads the power by IPMI after Redfish gave no answer.
func (d *Driver) ipmiPower(ctx context.Context, cause error) (string, error) {
	if d.ep.IPMI.Shared {
		return "", withoutRedfish(cause, errors.New("IPMI is not used: several hosts are behind this BMC, and IPMI knows one chassis"))
	}
	p, err := d.c.ipmi.Power(ctx)
	if err != nil {
		return "", withoutRedfish(cause, err)
	}
	return p, nil
}

// checkPowerByIPMI is checkPower while Redfish is silent.
func (d *Driver) checkPowerByIPMI(ctx context.Context, s step.Step, op *step.Op, cause error) (step.State, error) {
	power, err := d.ipmiPower(ctx, cause)
	if err != nil {
		return step.State{}, err
	}
	seen := step.Facts{"power_state": power, "via": ViaIPMI}
	switch was := textOf(s.Expect["power_state"]); {
	case power == textOf(s.Want["power_state"]):
		return state(step.Done, seen, "read by IPMI: Redfish does not answer"), nil
	case op != nil && op.Sent && time.Since(op.Started) < d.paced(ipmiSettle):
		return state(step.Working, seen, "the host is still %s, by IPMI", power), nil
	case op == nil && was != "" && was != power:
		return state(step.Moved, seen, "the host is %s, planned from %s", power, was), nil
	default:
		return state(step.Ready, seen, "the host is %s, by IPMI", power), nil
	}
}

// powerByIPMI is actPower while Redfish is silent. It is as idempotent as that: the state is read first.
func (d *Driver) powerByIPMI(ctx context.Context, a *act, cause error) error {
	want := textOf(a.s.Want["power_state"])
	switch {
	case want != "On" && want != "Off":
		return rejected("power state %q is not On or Off", want)
	case a.s.Args.Manner == step.Emergency || a.s.Args.Manner == step.EmergencyFlash:
		return withoutRedfish(cause, errors.New("IPMI is not used over a leak"))
	case a.s.Args.Manner == step.Graceful:
		return withoutRedfish(cause, errors.New("IPMI is not used: it cuts the power, and was asked not to"))
	}
	if err := d.mayIPMI(want == "On"); err != nil {
		return withoutRedfish(cause, err)
	}
	power, err := d.ipmiPower(ctx, cause)
	if err != nil || power == want {
		return err
	}
	if err := a.intendByIPMI(power); err != nil {
		return err
	}
	return d.switchByIPMI(ctx, a, want, cause)
}

// intendByIPMI tells the journal what is about to happen, and by which way.
func (a *act) intendByIPMI(power string) error {
	a.op = step.Op{Step: a.s.ID, Started: time.Now(), Baseline: step.Facts{"via": ViaIPMI}}
	if power != "" {
		a.op.Baseline["power_state"] = power
	}
	return a.tell()
}

// switchByIPMI switches and waits until the chassis says so.
func (d *Driver) switchByIPMI(ctx context.Context, a *act, want string, cause error) error {
	verb := bmclibx.IPMIOn
	if want == "Off" {
		verb = bmclibx.IPMIOff
	}
	if err := d.c.ipmi.Say(ctx, verb); err != nil {
		return a.saidByIPMI(cause, err)
	}
	if err := a.sent(""); err != nil {
		return err
	}
	for range lookTries {
		if power, err := d.c.ipmi.Power(ctx); err == nil && power == want {
			return nil
		}
		if err := d.pause(ctx, 1); err != nil {
			return err
		}
	}
	return transient("", "the host did not go %s by IPMI", want)
}

// resetByIPMI is actReset while Redfish is silent. A host is reset by what may be said twice: off, then on.
func (d *Driver) resetByIPMI(ctx context.Context, a *act, cause error) error {
	host := a.s.Activation == step.HostReset || a.s.Activation == step.HostPowerCycle
	switch {
	case !host && a.s.Activation != step.BMCReset:
		return withoutRedfish(cause, fmt.Errorf("IPMI is not used: it has no %s", a.s.Activation))
	case host && a.s.Args.Manner == step.Graceful:
		return withoutRedfish(cause, errors.New("IPMI is not used: it cuts the power, and was asked not to"))
	}
	if err := d.mayIPMI(host); err != nil {
		return withoutRedfish(cause, err)
	}
	if !host {
		return d.resetBMCByIPMI(ctx, a, cause)
	}
	power, err := d.ipmiPower(ctx, cause)
	if err != nil {
		return err
	}
	if err := a.intendByIPMI(power); err != nil {
		return err
	}
	if power == "On" {
		if err := d.switchByIPMI(ctx, a, "Off", cause); err != nil {
			return err
		}
	}
	if err := a.note("transition", true); err != nil {
		return err
	}
	return d.switchByIPMI(ctx, a, "On", cause)
}

// resetBMCByIPMI restarts the BMC. That Redfish was silent before says nothing about the restart, so it is taken as begun.
func (d *Driver) resetBMCByIPMI(ctx context.Context, a *act, cause error) error {
	if _, err := d.c.ipmi.Power(ctx); err != nil { // no intent without a session
		return withoutRedfish(cause, err)
	}
	if err := a.intendByIPMI(""); err != nil {
		return err
	}
	if err := d.c.ipmi.ResetBMC(ctx); err != nil {
		return a.saidByIPMI(cause, err)
	}
	if err := a.sent(""); err != nil {
		return err
	}
	d.c.forget()
	return a.note("transition", true)
}

// checkResetByIPMI is checkReset while Redfish is silent. Only power can be seen: the clock tells when POST is over.
func (d *Driver) checkResetByIPMI(ctx context.Context, s step.Step, op *step.Op, cause error) (step.State, error) {
	if s.Activation == step.BMCReset && op == nil {
		if _, err := d.c.ipmi.Power(ctx); err != nil {
			return step.State{}, withoutRedfish(cause, err)
		}
		return state(step.Ready, step.Facts{"via": ViaIPMI}, "the BMC answers IPMI alone"), nil
	}
	if s.Activation != step.HostReset && s.Activation != step.HostPowerCycle {
		return step.State{}, cause
	}
	power, err := d.ipmiPower(ctx, cause)
	if err != nil {
		return step.State{}, err
	}
	seen := step.Facts{"power_state": power, "via": ViaIPMI}
	if op == nil {
		return state(step.Ready, seen, "the host is %s, by IPMI", power), nil
	}
	begun, _ := op.Baseline["transition"].(bool)
	since := time.Since(op.Started)
	switch settle := d.paced(max(time.Duration(s.EstimatedS)*time.Second, settleDefault)); {
	case !begun && !op.Sent:
		return state(step.Ready, seen, "the host is %s, by IPMI", power), nil
	case power == "Off" && since > d.paced(halfWayAfter):
		return state(step.Ready, seen, "the host was left off half-way through its reset"), nil
	case since < settle:
		return state(step.Working, seen, "the host is %s, by IPMI: only the clock tells when its start-up is over", power), nil
	case !begun:
		return state(step.Ready, seen, "the host was not reset"), nil
	default:
		return state(step.Done, seen, "by IPMI: Redfish does not answer"), nil
	}
}

// restartByIPMI restarts a host whose BMC answers Redfish and would cut the power of a DPU with it (R66). Leaks and flashes were
// looked for by Redfish; when no session is to be had the restart fails, and is not made by Redfish instead.
func (d *Driver) restartByIPMI(ctx context.Context, a *act, v vitals) error {
	if _, err := d.c.ipmi.Power(ctx); err != nil {
		return fmt.Errorf("restart by IPMI (R66): %w", err)
	}
	base := v.facts()
	base["via"] = ViaIPMI
	if err := a.intend(ctx, base); err != nil {
		return err
	}
	if err := d.c.ipmi.Say(ctx, bmclibx.IPMIReset); err != nil {
		if !errors.Is(err, bmclibx.ErrNoIPMI) {
			err = errors.Join(a.sent(""), err)
		}
		return err
	}
	if err := a.sent(""); err != nil {
		return err
	}
	moved := d.hostMoves(a)
	for range changeTries {
		if ok, err := moved(ctx); err == nil && ok {
			return a.note("transition", true)
		}
		if err := d.pause(ctx, 1); err != nil {
			return err
		}
	}
	return nil // accepted: Check waits for the transition
}

// glanceByIPMI is what can be said of a node whose BMC answers IPMI alone: its power.
func (d *Driver) glanceByIPMI(ctx context.Context, cause error) (rack.Device, error) {
	power, err := d.ipmiPower(ctx, cause)
	if err != nil {
		return rack.Device{}, err
	}
	return rack.Device{Via: ViaIPMI, Systems: []rack.System{{Host: true, PowerState: power}}}, nil
}

// loginsRefused tells whether this BMC has refused a login and let none in since.
func (c *conn) loginsRefused() bool { return c.failed != nil && c.failed() > 0 }

// flew remembers that a step which writes firmware may be under way, and that it is no longer.
func (c *conn) flew(id step.ID, under bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight == nil {
		c.inFlight = map[step.ID]bool{}
	}
	if under {
		c.inFlight[id] = true
	} else {
		delete(c.inFlight, id)
	}
}

// sawFirmware takes in a look at a firmware step: it is under way from the moment that it was begun until the device shows that
// it is done, or that nothing came of it.
func (c *conn) sawFirmware(s step.Step, op *step.Op, st step.State, err error) {
	if s.Kind == step.Firmware && op != nil {
		c.flew(s.ID, err != nil || st.Standing != step.Done && st.Standing != step.Ready)
	}
}
