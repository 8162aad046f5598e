package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/bmclibx"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	ipmiOn     = "    ipmi { enabled = true }\n"
	ipmiWaiver = `
waiver "ipmi" {
  rule    = "bmc.creds"
  targets = [node.dell]
  owner   = "ops"
  reason  = "the BMC caps passwords at 20"
  expires = "2000-03-01" # a bubble begins in 2000
}
`
)

// withIPMI is one Dell with a line in its bmc block.
func withIPMI(line, body string) string {
	return siteText + strings.Replace(nodeText("dell", "dell_r750", 1, body), "  bmc {\n", "  bmc {\n"+line, 1)
}

// simLine is the simulator's IPMI, where ipmitool would be.
type simLine struct {
	d    *desk
	node string
}

func (l simLine) say(command string) (string, error) {
	user, pass := l.d.rack.Credentials(l.node)
	text, err := l.d.rack.BMC(l.node).IPMI(user, pass, command)
	if err != nil {
		err = fmt.Errorf("%w: %w", bmclibx.ErrNoIPMI, err)
	}
	return text, err
}

func (l simLine) Power(context.Context) (string, error) {
	text, err := l.say("chassis power status")
	return map[string]string{"Chassis Power is on": "On", "Chassis Power is off": "Off"}[text], err
}

func (l simLine) Say(_ context.Context, v bmclibx.IPMIVerb) error {
	_, err := l.say("chassis power " + string(v))
	return err
}

func (l simLine) ResetBMC(context.Context) error {
	_, err := l.say("mc reset cold")
	return err
}

// openIPMI is open with the simulator's IPMI.
func (d *desk) openIPMI() *engine.Workspace {
	d.t.Helper()
	cat, err := embedded()
	if err != nil {
		d.t.Fatal(err)
	}
	w, diags := engine.Load(engine.Options{Dir: d.dir, Catalog: &cat, Bindings: d.bindings, Dial: d.dialer(), LookupEnv: d.env,
		Operator: d.operator, Log: d.logger(), IPMI: func(node string) bmc.IPMILine { return simLine{d, node} }})
	if diags.HasErrors() {
		d.t.Fatal(diags.Err())
	}
	d.t.Cleanup(func() { d.close(w) })
	return w
}

// TestIPMIPolicy: a policy that wants longer passwords than IPMI has room for wins over the blueprint, also where it only warns; a
// waiver lets IPMI be; what IPMI has no room for is an error.
func TestIPMIPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		on   bool
		says string
	}{
		"off":      {text: withIPMI("    ipmi { enabled = false }\n", "")},
		"warned":   {text: withIPMI(ipmiOn, ""), says: "warning: IPMI 2.0 takes passwords of 20 bytes at most, and policies.au.baseline wants"},
		"waived":   {text: withIPMI(ipmiOn, "") + ipmiWaiver, on: true, says: "warning: IPMI 2.0"},
		"error":    {text: strings.Replace(withIPMI(ipmiOn, ""), "au.baseline", "au.protected", 1), says: "error: IPMI 2.0"},
		"user":     {text: strings.Replace(withIPMI(ipmiOn, "")+ipmiWaiver, `"admin"`, `"metalwright-admin"`, 1), on: true, says: `error: IPMI 2.0 takes a user name of 16`},
		"password": {text: withIPMI(ipmiOn+"    account {\n      length = 30\n    }\n", "") + ipmiWaiver, on: true, says: "error: IPMI 2.0 takes a password of 20"},
		"path":     {text: withIPMI("    ipmi {\n      enabled = true\n      path    = \"ipmitool\"\n    }\n", "") + ipmiWaiver, on: true, says: "never looked for on PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			d := bareDesk(t, c.text)
			cat, err := embedded()
			if err != nil {
				t.Fatal(err)
			}
			w, diags := engine.Load(engine.Options{Dir: d.dir, Catalog: &cat, Now: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})
			defer d.close(w)
			var said strings.Builder
			for _, x := range diags {
				fmt.Fprintf(&said, "%s: %s\n", strings.ToLower(fmt.Sprint(x.Severity)), x.Detail)
			}
			n, ok := w.Design.Node("dell")
			if !ok || (n.BMC.IPMI != nil) != c.on || !strings.Contains(said.String(), c.says) {
				t.Errorf("IPMI %+v\n%s", n.BMC.IPMI, said.String())
			}
		})
	}
}

// TestIPMITool: ipmitool is missing where the blueprint says that it is. That is said by the plan, and nothing of the node is planned.
func TestIPMITool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "ipmitool")
		d := newDesk(t, withIPMI(fmt.Sprintf("    ipmi {\n      enabled = true\n      path    = %q\n    }\n", missing), dellBIOS)+ipmiWaiver, sim.Options{})
		p, _ := d.plan(t.Context())
		if !p.Empty() || len(p.Report.Blocked) != 1 || p.Report.Blocked[0].Rule != "ipmi.tool" || !strings.Contains(p.Report.Blocked[0].Detail, missing) {
			t.Errorf("%+v", p.Report)
		}
		for _, mode := range []os.FileMode{0o600, 0o700} {
			if err := os.WriteFile(missing, []byte("#!/bin/sh\nexit 1\n"), mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(missing, mode); err != nil {
				t.Fatal(err)
			}
			if p, _ = d.plan(t.Context()); p.Empty() != (mode == 0o600) {
				t.Errorf("mode %o: %+v", mode, p.Report)
			}
		}
		d.quiet()
	})
}

// TestIPMIByHand: Redfish is dead, and a technician switches the host off and on, cycles it, and restarts the BMC: after that Redfish
// answers again. What needs more is refused with the reason. The journal tells the way.
func TestIPMIByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, withIPMI(ipmiOn, "")+ipmiWaiver, sim.Options{Faults: []string{"redfish-dead!"}})
		say := func(v plan.Verb) (plan.Plan, apply.Result) {
			t.Helper()
			w := d.openIPMI()
			defer d.close(w)
			p, o := w.Say(t.Context(), v, []string{"dell"})
			if p.Empty() {
				return p, apply.Result{}
			}
			res, err := w.Do(t.Context(), v, p, engine.ApplyOptions{Before: &o})
			if err != nil || !res.OK() {
				t.Fatalf("%s: %v %+v", v, err, res)
			}
			return p, res
		}
		if p, _ := say(plan.Verb{Do: plan.DoLED, Value: "Lit"}); len(p.Report.Blocked) != 1 || !strings.Contains(p.Report.Blocked[0].Detail, "does not answer Redfish") {
			t.Errorf("%+v", p.Report)
		}
		for _, v := range []plan.Verb{{Do: plan.DoOff}, {Do: plan.DoOn}, {Do: plan.DoCycle}, {Do: plan.DoBMC}} {
			_, res := say(v)
			text, err := os.ReadFile(res.Journal)
			if err != nil || !strings.Contains(string(text), `"via":"ipmi"`) {
				t.Errorf("%s: the journal does not tell the way: %v", v, err)
			}
			if v.Do == plan.DoCycle && res.Nodes[0].Resets["host_power_cycle"] != 1 || v.Do == plan.DoBMC && res.Nodes[0].Resets["bmc_reset"] != 1 {
				t.Errorf("%s: counted %v", v, res.Nodes[0].Resets)
			}
		}
		if l := d.rack.Ledger()["dell"]; l.Resets["bmc_reset"] != 1 || l.Resets["host_power_cycle"] != 2 || l.FailedLogins > 0 {
			t.Errorf("%+v", l)
		}
		if o := d.survey(t.Context()); len(o.Devices) != 1 || len(o.Gaps) > 0 {
			t.Errorf("Redfish is not back: %v", o.Gaps)
		}
		d.quiet()
	})
}

// TestIPMIKnowsTheJournals: a process was killed while its image was in flight, and Redfish is dead. Another process knows of the
// image by the journal alone, and says nothing by IPMI; hours later it may.
func TestIPMIKnowsTheJournals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := withIPMI(ipmiOn, "") + ipmiWaiver + firmwareText("dell", "dell_r750")
		d := newDesk(t, text, sim.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		w := d.openIPMI()
		p, o := w.Plan(ctx, engine.SurveyOptions{})
		res, _ := w.Apply(ctx, p, engine.ApplyOptions{Before: &o, Events: func(e apply.Event) {
			if e.Phase == "wait" && e.Kind == step.Firmware {
				cancel()
			}
		}})
		d.close(w)
		if res.Result.OK() || d.rack.Ledger()["dell"].Pushes == 0 {
			t.Fatalf("it was not cut off in a flash: %+v", res.Result)
		}
		d.faults("dell", "redfish-dead!")
		v := plan.Verb{Do: plan.DoBMC}
		say := func() apply.NodeResult {
			t.Helper()
			w := d.openIPMI()
			defer d.close(w)
			p, o := w.Say(t.Context(), v, []string{"dell"})
			res, err := w.Do(t.Context(), v, p, engine.ApplyOptions{Before: &o})
			if err != nil {
				t.Fatal(err)
			}
			return res.Nodes[0]
		}
		if n := say(); n.Word != apply.Failed || n.Class != step.Unreachable || !strings.Contains(n.Text, "firmware that was begun at") {
			t.Errorf("%+v", n)
		}
		if l := d.rack.Ledger()["dell"]; l.Resets["bmc_reset"] > 0 || len(l.Violations) > 0 {
			t.Errorf("%+v", l)
		}
		wait(t, 5)
		if n := say(); n.Word != apply.Done || n.Resets["bmc_reset"] != 1 {
			t.Errorf("hours later: %+v", n)
		}
	})
}

// wait lets hours pass in a bubble.
func wait(t *testing.T, hours int) {
	t.Helper()
	select {
	case <-time.After(time.Duration(hours) * time.Hour):
	case <-t.Context().Done():
	}
}
