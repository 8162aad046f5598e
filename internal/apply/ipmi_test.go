package apply

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/bmclibx"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// simIPMI is the simulator's IPMI, where ipmitool would be.
type simIPMI struct {
	r    *sim.Rack
	node string
}

func (l *simIPMI) say(command string) (string, error) {
	user, pass := l.r.Credentials(l.node)
	text, err := l.r.BMC(l.node).IPMI(user, pass, command)
	if err != nil {
		err = fmt.Errorf("%w: %w", bmclibx.ErrNoIPMI, err)
	}
	return text, err
}

func (l *simIPMI) Power(context.Context) (string, error) {
	text, err := l.say("chassis power status")
	return map[string]string{"Chassis Power is on": "On", "Chassis Power is off": "Off"}[text], err
}

func (l *simIPMI) Say(_ context.Context, v bmclibx.IPMIVerb) error {
	_, err := l.say("chassis power " + string(v))
	return err
}

func (l *simIPMI) ResetBMC(context.Context) error {
	_, err := l.say("mc reset cold")
	return err
}

// TestLadderByIPMI: on each dialect Redfish dies at the first write. Where IPMI is on the BMC is restarted by it, as the rung of the
// ladder that it is, once; the run goes on and ends as planned. Where it is off the node fails as unreachable.
func TestLadderByIPMI(t *testing.T) {
	for _, name := range []string{"dell", "hpe", "smc", "lenovo", "dgx", "gb200"} {
		for _, on := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s ipmi %v", name, on), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, err := settingsWorld(3, name, "redfish-dead")
					if err != nil {
						t.Fatal(err)
					}
					defer w.rack.Close()
					if on {
						w.ipmi = &simIPMI{}
					}
					drivers, _ := w.Process()
					req := Request{Plan: w.plan, Drivers: drivers, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{}, Dir: "journal", Seed: 3}
					res, err := Run(t.Context(), req)
					if err != nil {
						t.Fatal(err)
					}
					n, l := res.Nodes[0], w.rack.Ledger()[name]
					if len(l.Violations) > 0 || l.FaultsFired["redfish-dead"] != 1 {
						t.Errorf("%+v", l)
					}
					if !on {
						if res.OK() || n.Class != step.Unreachable || l.IPMI > 0 || l.Resets["bmc_reset"] > 0 {
							t.Errorf("%+v\n%+v", n, l)
						}
						return
					}
					if !res.OK() || !slices.Equal(n.Recovered, []string{"BMC reset"}) || l.Resets["bmc_reset"] != n.Resets["bmc_reset"]+1 {
						t.Errorf("%+v\n%+v", n, l)
					}
					text, err := req.FS.ReadFile(res.Journal)
					if err != nil {
						t.Fatal(err)
					}
					records, _, err := journal.Read(bytes.NewReader(text))
					if err == nil {
						err = journal.Audit(records, w.plan.Digest)
					}
					if err != nil {
						t.Fatal(err)
					}
					if !slices.ContainsFunc(records, func(r journal.Record) bool {
						return r.Kind == journal.Dispatched && strings.Contains(string(r.Step), "/recover-2-bmc_reset") && r.Op.Baseline["via"] == bmc.ViaIPMI
					}) {
						t.Error("the journal does not say that it was by IPMI")
					}
				})
			})
		}
	}
}

// TestNoIPMIOverAFlash: Redfish dies while an image of this run waits for its reset. IPMI says nothing: the flash cannot be seen.
func TestNoIPMIOverAFlash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := newSimWorld(3, []string{"dell"}, "redfish-dead")
		if err != nil {
			t.Fatal(err)
		}
		defer w.rack.Close()
		w.ipmi = &simIPMI{}
		drivers, _ := w.Process()
		res, err := Run(t.Context(), Request{Plan: w.plan, Drivers: drivers, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{},
			Dir: "journal", Seed: 3})
		if err != nil || res.OK() {
			t.Fatalf("%v: %+v", err, res)
		}
		n, l := res.Nodes[0], w.rack.Ledger()["dell"]
		if n.Class != step.Unreachable || len(n.Recovered) > 0 || l.FaultsFired["redfish-dead"] != 1 || l.Pushes == 0 || len(l.Violations) > 0 {
			t.Errorf("%+v\n%+v", n, l)
		}
	})
}
