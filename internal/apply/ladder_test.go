package apply

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

// settingsWorld is one node whose firmware is nobody's business.
func settingsWorld(seed uint64, node string, faults ...string) (*simWorld, error) {
	d, err := labDesign([]string{node})
	if err != nil {
		return nil, err
	}
	d.Nodes[0].Firmware, d.Firmware = nil, nil
	return newSimWorldOf(d, seed, faults...)
}

// TestLadder: on each dialect, each wedge is got past by the rung that it needs and by none above it; the journal has the
// rung as an intent and an outcome, the planned resets are counted apart, and the rack is as planned in the end.
func TestLadder(t *testing.T) {
	for _, c := range []struct{ fault, node, last string }{
		{"job-queue-full", "dell", "clearing the job queue"},
		{"wedged-bmc", "dell", "BMC reset"}, {"wedged-bmc", "hpe", "BMC reset"}, {"wedged-bmc", "smc", "BMC reset"},
		{"wedged-bmc", "lenovo", "BMC reset"}, {"wedged-bmc", "dgx", "BMC reset"}, {"wedged-bmc", "gb200", "BMC reset"},
		{"wedged-host", "dell", "cold cycle"}, {"wedged-host", "hpe", "cold cycle"}, {"wedged-host", "smc", "cold cycle"},
		{"wedged-host", "lenovo", "cold cycle"}, {"wedged-host", "dgx", "cold cycle"},
		{"wedged-aux", "hpe", "aux cycle"}, {"wedged-aux", "lenovo", "aux cycle"},
	} {
		t.Run(c.fault+" "+c.node, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, err := settingsWorld(3, c.node, c.fault)
				if err != nil {
					t.Fatal(err)
				}
				defer w.rack.Close()
				drivers, _ := w.Process()
				var seen []string
				req := Request{Plan: w.plan, Drivers: drivers, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{}, Dir: "journal", Seed: 3,
					Events: func(e Event) {
						if e.Phase == "recover" {
							seen = append(seen, e.Note)
						}
					}}
				res, err := Run(t.Context(), req)
				if err != nil || !res.OK() {
					t.Fatalf("%v: %+v\n%v", err, res, seen)
				}
				n := res.Nodes[0]
				if len(n.Recovered) == 0 || n.Recovered[len(n.Recovered)-1] != c.last || len(seen) == 0 {
					t.Errorf("recovered %v, seen %v", n.Recovered, seen)
				}
				for class, k := range n.Resets {
					if k > w.plan.Nodes[0].Resets[class] {
						t.Errorf("a rung was counted among the resets: %v, planned %v", n.Resets, w.plan.Nodes[0].Resets)
					}
				}
				if f := w.rack.Ledger()[c.node].FaultsFired[c.fault]; f != 1 {
					t.Errorf("it struck %d times", f)
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
				for _, kind := range []journal.Kind{journal.Intent, journal.Dispatched, journal.Outcome} {
					if !slices.ContainsFunc(records, func(r journal.Record) bool {
						return r.Kind == kind && strings.Contains(string(r.Step), "/recover-")
					}) {
						t.Errorf("no %s of a rung in the journal", kind)
					}
				}
				rungs := map[string]int{}
				for _, r := range records {
					if r.Kind == journal.Outcome && strings.Contains(string(r.Step), "/recover-") {
						if rungs[string(r.Step)]++; rungs[string(r.Step)] > 1 {
							t.Errorf("%s was taken twice", r.Step)
						}
					}
				}
				if bad := w.rack.Ledger()[c.node].Violations; len(bad) > 0 {
					t.Error(bad)
				}
			})
		})
	}
}

// TestNoRungOverAFlash: settings are refused while an image waits, accepted, for its reset. No rung is taken: the node fails.
func TestNoRungOverAFlash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := newSimWorld(3, []string{"dell"}, "wedged-bmc")
		if err != nil {
			t.Fatal(err)
		}
		defer w.rack.Close()
		drivers, _ := w.Process()
		res, err := Run(t.Context(), Request{Plan: w.plan, Drivers: drivers, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{},
			Dir: "journal", Seed: 3})
		if err != nil || res.OK() {
			t.Fatalf("%v: %+v", err, res)
		}
		n := res.Nodes[0]
		if l := w.rack.Ledger()["dell"]; n.Class != step.Transient || len(n.Recovered) > 0 || l.Resets["bmc_reset"] != n.Resets["bmc_reset"] || l.FaultsFired["wedged-bmc"] != 1 {
			t.Errorf("%+v\n%+v", n, l)
		}
	})
}

// TestNoHostRungWithoutConsent: only a setting that needs no host reset is left to do, and a cold cycle would help. It is
// not taken, for the plan never said that this host goes down; the BMC reset is.
func TestNoHostRungWithoutConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := settingsWorld(3, "dell", "wedged-host")
		if err != nil {
			t.Fatal(err)
		}
		defer w.rack.Close()
		np := &w.plan.Nodes[0]
		np.Steps = slices.DeleteFunc(np.Steps, func(s step.Step) bool { return s.Kind != step.BootOrder })
		if len(np.Steps) == 0 {
			t.Fatal("no boot order to set")
		}
		for i := range np.Steps {
			np.Steps[i].Activation, np.Steps[i].After = step.None, nil
		}
		w.plan.Digest = w.plan.ComputeDigest()
		drivers, _ := w.Process()
		res, err := Run(t.Context(), Request{Plan: w.plan, Drivers: drivers, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{},
			Dir: "journal", Seed: 3})
		if err != nil || res.OK() {
			t.Fatalf("%v: %+v", err, res)
		}
		l := w.rack.Ledger()["dell"]
		if n := res.Nodes[0]; !slices.Equal(n.Recovered, []string{"BMC reset"}) || l.Boots != 0 || l.Resets["bmc_reset"] != 1 || l.Resets["host_power_cycle"] != 0 {
			t.Errorf("%+v\n%+v", n, l)
		}
	})
}
