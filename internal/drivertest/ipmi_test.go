package drivertest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/bmclibx"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// simLine is the simulator's IPMI, where ipmitool would be.
type simLine struct {
	r    *sim.Rack
	said []string
}

func (l *simLine) say(command string) (string, error) {
	l.said = append(l.said, command)
	user, pass := l.r.Credentials(node)
	text, err := l.r.BMC(node).IPMI(user, pass, command)
	if err != nil {
		err = fmt.Errorf("%w: %w", bmclibx.ErrNoIPMI, err)
	}
	return text, err
}

func (l *simLine) Power(context.Context) (string, error) {
	text, err := l.say("chassis power status")
	return map[string]string{"Chassis Power is on": "On", "Chassis Power is off": "Off"}[text], err
}

func (l *simLine) Say(_ context.Context, v bmclibx.IPMIVerb) error {
	_, err := l.say("chassis power " + string(v))
	return err
}

func (l *simLine) ResetBMC(context.Context) error {
	_, err := l.say("mc reset cold")
	return err
}

// ipmiDriver is driver with a second way to the BMC.
func ipmiDriver(t *testing.T, r *sim.Rack, opt bmc.IPMI) (*bmc.Driver, *simLine) {
	t.Helper()
	l := &simLine{r: r}
	opt.Line = l
	b := r.Bindings()[0]
	d, err := bmc.Open(t.Context(), bmc.Endpoint{URL: b.URL, System: b.System, Dial: r.DialContext, IPMI: &opt,
		Trust: redfish.Trust{PinSHA256: b.PinSHA256},
		Login: func(context.Context) (string, string, error) {
			user, pass := r.Credentials(node)
			return user, pass, nil
		}}, bmc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d, l
}

func powerTo(was, want string) step.Step {
	return step.Step{ID: "n1/010-power", Node: node, Kind: step.Power, Activation: step.None, Expect: step.Facts{"power_state": was},
		Want: step.Facts{"power_state": want}}
}

func resetOf(class step.Activation) step.Step {
	return step.Step{ID: step.ID("n1/020-" + class.String()), Node: node, Kind: step.Reset, Activation: class, EstimatedS: 300}
}

// TestIPMI: on every dialect Redfish is dead. Power is read and switched, a host is reset by off and on, the BMC is restarted, and
// Redfish with it: each once, each told to the journal beforehand. Without the opt-in the same steps are unreachable.
func TestIPMI(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, asItIs, "redfish-dead!")
		b := h.bmc()
		plain := h.driver()
		if _, err := plain.Check(t.Context(), powerTo("On", "Off"), nil); step.ClassOf(err) != step.Unreachable {
			t.Errorf("without IPMI: %v", err)
		}
		closing(t, plain)
		d, line := ipmiDriver(t, h.r, bmc.IPMI{})
		defer closing(t, d)
		ops := map[step.ID]*step.Op{}
		dev, err := d.Glance(t.Context(), 0)
		if err != nil || dev.Via != bmc.ViaIPMI || len(dev.Systems) != 1 || dev.Systems[0].PowerState != "On" {
			t.Errorf("seen by IPMI: %+v, %v", dev, err)
		}
		off, on := powerTo("On", "Off"), powerTo("Off", "On")
		on.ID = "n1/011-power"
		for _, s := range []step.Step{off, on, resetOf(step.HostPowerCycle), resetOf(step.BMCReset)} {
			before := b.Ledger().Resets
			h.wait(d, s, ops, step.Done)
			op := ops[s.ID]
			if op == nil || !op.Sent || op.Baseline["via"] != bmc.ViaIPMI {
				t.Fatalf("%s: recorded %+v", s.ID, op)
			}
			if s.Kind == step.Power && b.Truth().Power != s.Want["power_state"] {
				t.Errorf("%s: the host is %s", s.ID, b.Truth().Power)
			}
			if class := s.Activation.String(); s.Kind == step.Reset && b.Ledger().Resets[class] != before[class]+1 {
				t.Errorf("%s: %v, before %v", s.ID, b.Ledger().Resets, before)
			}
			if s.Kind == step.Power {
				if err := d.Act(t.Context(), s, func(step.Op) error { return errors.New("recorded twice") }); err != nil {
					t.Errorf("%s once more: %v", s.ID, err)
				}
			}
		}
		if st, err := d.Check(t.Context(), powerTo("Off", "On"), nil); err != nil || st.Seen["via"] != nil {
			t.Errorf("Redfish is not back after the reset of the BMC: %v %v", st, err)
		}
		l := b.Ledger()
		if len(l.Violations) > 0 || l.FailedLogins > 0 || strings.Count(strings.Join(line.said, ","), "mc reset cold") != 1 {
			t.Errorf("%v\n%+v", line.said, l)
		}
	})
}

// TestIPMIIsRefused: whatever could be under way unseen keeps IPMI silent, and the failure stays that of Redfish.
func TestIPMIIsRefused(t *testing.T) {
	firmware := step.Step{ID: "n1/001-firmware", Node: node, Kind: step.Firmware, Activation: step.HostReset, Args: step.Args{Component: "bios",
		Rows: []string{"BIOS"}}, Want: step.Facts{"version": "2"}}
	for name, c := range map[string]struct {
		opt  bmc.IPMI
		do   func(ctx context.Context, d *bmc.Driver)
		s    step.Step
		says string
	}{
		"flash of this run": {do: func(ctx context.Context, d *bmc.Driver) {
			_, _ = d.Check(ctx, firmware, &step.Op{Sent: true}) // as the loop does after a resume
		}, s: powerTo("On", "Off"), says: "may be being written"},
		"flash, and the BMC": {do: func(ctx context.Context, d *bmc.Driver) {
			_, _ = d.Check(ctx, firmware, &step.Op{Sent: true})
		}, s: resetOf(step.BMCReset), says: "may be being written"},
		"journal":        {opt: bmc.IPMI{Busy: func() string { return "an earlier run" }}, s: resetOf(step.BMCReset), says: "an earlier run"},
		"detectors":      {opt: bmc.IPMI{Wet: true}, s: powerTo("Off", "On"), says: "leak detectors"},
		"several hosts":  {opt: bmc.IPMI{Shared: true}, s: powerTo("On", "Off"), says: "several hosts"},
		"aux cycle":      {s: resetOf(step.AuxCycle), says: "has no aux_cycle"},
		"graceful":       {s: func() step.Step { s := powerTo("On", "Off"); s.Args.Manner = step.Graceful; return s }(), says: "asked not to"},
		"graceful reset": {s: func() step.Step { s := resetOf(step.HostReset); s.Args.Manner = step.Graceful; return s }(), says: "asked not to"},
		"emergency":      {s: func() step.Step { s := powerTo("On", "Off"); s.Args.Manner = step.Emergency; return s }(), says: "over a leak"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHost(t, "idrac", asItIs, "redfish-dead!")
				d, line := ipmiDriver(t, h.r, c.opt)
				defer closing(t, d)
				if c.s.Want["power_state"] == "On" {
					if err := h.bmc().Poke(sim.Poke{Power: "Off"}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Minute)
				}
				if c.do != nil {
					c.do(t.Context(), d)
				}
				before := h.bmc().Truth().Power
				err := d.Act(t.Context(), c.s, quiet)
				if step.ClassOf(err) != step.Unreachable || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v (%s)", err, step.ClassOf(err))
				}
				for _, said := range line.said {
					if said != "chassis power status" {
						t.Errorf("it said %q", said)
					}
				}
				if l := h.bmc().Ledger(); h.bmc().Truth().Power != before || l.Resets["bmc_reset"] > 0 {
					t.Errorf("%+v", l)
				}
			})
		})
	}
}

// TestIPMIAfterAnAnswer: a BMC that answers is never spoken to by IPMI: not when it refuses the login, not when it refuses the verb,
// not after a leak was seen.
func TestIPMIAfterAnAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHost(t, "openbmc", asItIs)
		d, line := ipmiDriver(t, h.r, bmc.IPMI{})
		defer closing(t, d)
		if err := h.bmc().SetFaults("R92"); err != nil {
			t.Fatal(err)
		}
		if err := d.Act(t.Context(), resetOf(step.BMCReset), quiet); step.ClassOf(err) != step.Safety {
			t.Errorf("over a leak: %v", err)
		}
		if err := h.bmc().SetFaults("redfish-dead!"); err != nil {
			t.Fatal(err)
		}
		if err := d.Act(t.Context(), resetOf(step.BMCReset), quiet); step.ClassOf(err) != step.Unreachable || !strings.Contains(err.Error(), "a leak was seen") {
			t.Errorf("after the leak was seen: %v", err)
		}
		if len(line.said) > 0 {
			t.Errorf("it said %v", line.said)
		}
		if err := h.bmc().SetFaults(); err != nil { // so that it can log out
			t.Fatal(err)
		}
	})
	inBubble(t, func(t *testing.T) {
		h := newHost(t, "idrac", asItIs)
		l := &simLine{r: h.r}
		b := h.r.Bindings()[0]
		d, err := bmc.Open(t.Context(), bmc.Endpoint{URL: b.URL, Dial: h.r.DialContext, Trust: redfish.Trust{PinSHA256: b.PinSHA256}, IPMI: &bmc.IPMI{Line: l},
			Login: func(context.Context) (string, string, error) { return "admin", "wrong", nil }}, bmc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer closing(t, d)
		for range 2 {
			if err := d.Act(t.Context(), powerTo("On", "Off"), quiet); step.ClassOf(err) != step.Auth {
				t.Errorf("%v", err)
			}
			if err := h.bmc().SetFaults("redfish-dead!"); err != nil {
				t.Fatal(err)
			}
		}
		if len(l.said) > 0 || h.bmc().Ledger().FailedLogins > 2 {
			t.Errorf("%v, %+v", l.said, h.bmc().Ledger())
		}
	})
}

// TestIPMIVerbs: what a technician can say while Redfish is dead, and what not.
func TestIPMIVerbs(t *testing.T) {
	dev := rack.Device{Node: node, Via: bmc.ViaIPMI, Systems: []rack.System{{Host: true, PowerState: "On"}}}
	d := design("idrac")
	for _, c := range []struct {
		v     plan.Verb
		steps int
		says  string
	}{
		{v: plan.Verb{Do: plan.DoOff}, steps: 1}, {v: plan.Verb{Do: plan.DoOn}}, {v: plan.Verb{Do: plan.DoCycle}, steps: 1},
		{v: plan.Verb{Do: plan.DoReset}, steps: 1}, {v: plan.Verb{Do: plan.DoBMC}, steps: 1},
		{v: plan.Verb{Do: plan.DoCycle, Aux: true}, says: "bmc reset"}, {v: plan.Verb{Do: plan.DoLED, Value: "Lit"}, says: "bmc reset"},
		{v: plan.Verb{Do: plan.DoOff, Manner: step.Graceful}, says: "--graceful"}, {v: plan.Verb{Do: plan.DoInsert, Value: "x"}, says: "bmc reset"},
	} {
		p := plan.Say(d, rack.Observation{Devices: []rack.Device{dev}}, c.v, []string{node})
		n := 0
		for _, np := range p.Nodes {
			n += len(np.Steps)
		}
		if n != c.steps || (len(p.Report.Blocked) == 1) != (c.says != "") || c.says != "" && !strings.Contains(p.Report.Blocked[0].Detail, c.says) {
			t.Errorf("%s: %d steps, %+v", c.v, n, p.Report)
		}
	}
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, run func(t *testing.T)) { synctest.Test(t, run) }
