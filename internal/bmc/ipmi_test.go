package bmc

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/bmc/bmclibx"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// fakeLine is IPMI to a fake BMC.
type fakeLine struct {
	said []string
	on   func(verb string)
	err  error
}

func (l *fakeLine) Power(context.Context) (string, error) { return "On", l.err }

func (l *fakeLine) Say(_ context.Context, v bmclibx.IPMIVerb) error {
	l.said = append(l.said, string(v))
	if l.on != nil {
		l.on(string(v))
	}
	return nil
}

func (l *fakeLine) ResetBMC(context.Context) error { return errors.New("nobody asked for this") }

// R66: on a SR650 V4 a restart by Redfish cuts the power of the DPU. Where IPMI is on the host is restarted by it, though Redfish
// answers; when no session is to be had nothing is restarted at all. Where it is off, and on other models, Redfish does it.
func TestRestartByIPMI(t *testing.T) {
	for name, c := range map[string]struct {
		model    string
		line     *fakeLine
		byIPMI   bool
		fails    bool
		redfish  int
		baseline any
	}{
		"opted in":      {model: "ThinkSystem SR650 V4", line: &fakeLine{}, byIPMI: true, baseline: ViaIPMI},
		"no session":    {model: "ThinkSystem SR650 V4", line: &fakeLine{err: fmt.Errorf("%w: refused", bmclibx.ErrNoIPMI)}, fails: true},
		"off":           {model: "ThinkSystem SR650 V4", redfish: 1},
		"another model": {model: "ThinkSystem SR675 V3", line: &fakeLine{}, redfish: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("Acme") // a vendor whose restarts are no off and on
				f.set(sysPath, c.model, "Model")
				restart := func() { f.set(sysPath, "2026-02-02T00:00:00Z", "LastResetTime") }
				posts := 0
				f.on["POST "+sysPath+"/Reset"] = func(obj) (*redfish.Response, error) {
					posts++
					restart()
					return &redfish.Response{}, nil
				}
				d := f.driver(Options{})
				if c.line != nil {
					c.line.on = func(string) { restart() }
					d.c.ipmi, d.ep.IPMI = c.line, &IPMI{}
				}
				s := step.Step{ID: "n/20-host_reset", Node: "n", Kind: step.Reset, Activation: step.HostReset, Args: step.Args{System: sysPath}}
				var j journal
				err := d.Act(t.Context(), s, j.record)
				if (err != nil) != c.fails || posts != c.redfish {
					t.Fatalf("%v; %d restarts by Redfish", err, posts)
				}
				said := 0
				if c.line != nil {
					said = len(c.line.said)
				}
				if (said == 1) != c.byIPMI || c.byIPMI && c.line.said[0] != "reset" {
					t.Errorf("by IPMI: %+v", c.line)
				}
				if c.fails {
					if len(j.ops) > 0 {
						t.Errorf("an intent without a session: %+v", j.ops)
					}
					return
				}
				if op := j.last(); op == nil || !op.Sent || op.Baseline["via"] != c.baseline {
					t.Errorf("%+v", j.ops)
				}
				mustCheck(t, d, s, j.last(), step.Done)
			})
		})
	}
}
