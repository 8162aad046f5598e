package apply

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// flights counts the acts that are under way, by node.
type flights struct {
	mu  sync.Mutex
	now map[string]int
}

func (f *flights) add(node string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now[node] += n
}

// flown is a driver whose acts are counted.
type flown struct {
	Driver
	f    *flights
	node string
}

func (d flown) Act(ctx context.Context, s step.Step, record func(step.Op) error) error {
	d.f.add(d.node, 1)
	defer d.f.add(d.node, -1)
	return d.Driver.Act(ctx, s, record)
}

// wholeRack is the rack of all dialects with every node in one wave, and a request to apply its plan.
func wholeRack(seed uint64, faults ...string) (*simWorld, *flights, Request, error) {
	w, err := newSimWorld(seed, []string{"dell", "smc", "hpe", "lenovo", "dgx", "gb200"}, faults...)
	if err != nil {
		return nil, nil, Request{}, err
	}
	w.plan.Waves = nil
	w.plan.Digest = w.plan.ComputeDigest()
	f := &flights{now: map[string]int{}}
	drivers, _ := w.Process()
	return w, f, Request{Plan: w.plan, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{}, Dir: "journal", Seed: seed,
		Drivers: func(ctx context.Context, node string) (Driver, func(), error) {
			d, done, err := drivers(ctx, node)
			return flown{d, f, node}, done, err
		}}, nil
}

// wet is one run into which a leak strikes on gb200, and what was going on when the run stopped.
type wet struct {
	w      *simWorld
	struck time.Time
	ended  time.Time             // the wet node's part of the run
	begun  int                   // operations when the run stopped; -1: it did not
	then   map[string]sim.Ledger // at that moment
	flying map[string]int
}

// TestLeakStopsTheRun: the detectors of one tray become Critical in the middle of a run, at each of its changes and
// waits. The whole run stops: nothing is begun any more on any node, what is not under way sees no further write, and
// journal and result say why.
func TestLeakStopsTheRun(t *testing.T) {
	strikes := 0
	for nth := 1; nth <= 40; nth += 2 { // each is a whole rack: every other will do
		over := false
		synctest.Test(t, func(t *testing.T) {
			w, f, req, err := wholeRack(7)
			if err != nil {
				t.Fatal(err)
			}
			defer w.rack.Close()
			x := wet{w: w, begun: -1}
			looks, left := 0, nth
			req.Events = func(e Event) {
				if e.Phase == "stop" {
					f.mu.Lock()
					x.flying = maps.Clone(f.now) // first: what ends before the ledgers are read was under way
					f.mu.Unlock()
					x.begun, x.then = w.Ledger().Begun, w.rack.Ledger()
				}
				if e.Node == "gb200" && e.Step == "" && e.Phase == string(Done) {
					x.ended = e.Time
				}
				if !x.struck.IsZero() || e.Node != "gb200" || e.Phase != "act" && e.Phase != "wait" {
					return
				}
				if looks++; e.Phase == "act" || looks%20 == 0 { // waits are long
					if left--; left == 0 {
						x.struck = e.Time
						if err := w.rack.BMC("gb200").Poke(sim.Poke{Leak: true}); err != nil {
							t.Error(err)
						}
					}
				}
			}
			res, err := Run(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			// Nobody looks at a tray any more whose part has ended: the next survey will.
			if over = x.struck.IsZero() || x.begun < 0 && x.ended.Sub(x.struck) < time.Minute; over {
				return
			}
			strikes++
			if bad := x.check(req, res); len(bad) > 0 {
				t.Errorf("strike %d:\n%s\n%+v", nth, strings.Join(bad, "\n"), res)
			}
		})
		if over || t.Failed() {
			break
		}
	}
	if strikes < 5 {
		t.Errorf("only %d strikes", strikes)
	}
}

// check says what is wrong after a leak.
func (x wet) check(req Request, res Result) (bad []string) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	const detector = "Chassis_0_LeakDetector_1_ColdPlate"
	want(strings.Contains(res.Stopped, "safety: gb200: ") && strings.Contains(res.Stopped, detector), "stopped: %q", res.Stopped)
	for _, n := range res.Nodes {
		if n.Node == "gb200" {
			want(n.Class == step.Safety && n.Word == Blocked && strings.Contains(n.Text, detector) && n.Advice != "" && n.Step != "", "result %+v", n)
		} else {
			want(n.Class == step.NoFailure, "%s failed: %+v", n.Node, n)
		}
	}
	want(x.begun >= 0 && x.w.Ledger().Begun-x.begun <= 1, "operations begun: %d, and %d when the run stopped", x.w.Ledger().Begun, x.begun)
	for name, l := range x.w.rack.Ledger() {
		if name == "gb200" { // all that it gets is the power-off
			power := x.w.rack.BMC(name).Truth().Power
			want(l.Writes <= x.then[name].Writes+1, "the wet tray was written to %d times", l.Writes-x.then[name].Writes)
			want(power == "Off" && l.Boots == x.then[name].Boots, "the wet tray is %s, booted %d times: %+v", power, l.Boots-x.then[name].Boots, res)
		} else {
			want(x.flying[name] > 0 || l.Writes == x.then[name].Writes, "%s: %d writes after the stop with nothing under way", name, l.Writes-x.then[name].Writes)
		}
		want(l.SessionsOpen == 0, "%s: %d sessions left open", name, l.SessionsOpen)
	}
	want(len(x.w.Violations(false)) == 0, "harm: %v", x.w.Violations(false))

	text, err := req.FS.ReadFile(res.Journal)
	want(err == nil, "journal: %v", err)
	records, _, err := journal.Read(bytes.NewReader(text))
	want(err == nil, "journal: %v", err)
	want(slices.ContainsFunc(records, func(r journal.Record) bool {
		return r.Kind == journal.Outcome && r.Node == "gb200" && r.Class == step.Safety && strings.Contains(r.Text, detector)
	}), "no outcome of class safety in the journal")
	last := records[len(records)-1]
	want(last.Kind == journal.Gate && strings.Contains(last.Text, "safety: gb200: "), "the journal ends with %+v", last)
	return bad
}

// TestStuckJob: a configuration job that holds its settings for ever is deleted once and the settings are staged
// again, at the cost of one more reset; the journal has it.
func TestStuckJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := newSimWorld(3, []string{"dell"}, "stuck-job")
		if err != nil {
			t.Fatal(err)
		}
		defer w.rack.Close()
		drivers, _ := w.Process()
		req := Request{Plan: w.plan, Drivers: drivers, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{}, Dir: "journal", Seed: 3}
		res, err := Run(t.Context(), req)
		if err != nil || !res.OK() {
			t.Fatalf("%v: %+v", err, res)
		}
		if n := w.rack.Ledger()["dell"].FaultsFired["stuck-job"]; n != 1 {
			t.Errorf("it struck %d times", n)
		}
		if bad := w.Violations(true); len(bad) > 0 {
			t.Error(bad)
		}
		text, err := req.FS.ReadFile(res.Journal)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(`"stuck_job_deleted":"JID_`)) {
			t.Error("the journal does not say that a job was deleted")
		}
	})
}

// Who asks for it keeps the wet node's power on, and is told that it is.
func TestLeakKeepsPowerWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, req, err := wholeRack(7)
		if err != nil {
			t.Fatal(err)
		}
		defer w.rack.Close()
		req.KeepOn = true
		if err := w.rack.BMC("gb200").Poke(sim.Poke{Leak: true}); err != nil {
			t.Fatal(err)
		}
		before := w.rack.Ledger()["gb200"].Writes
		res, err := Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range res.Nodes {
			if n.Node == "gb200" && (n.Class != step.Safety || !strings.Contains(n.Text, "left on, as asked")) {
				t.Errorf("%+v", n)
			}
		}
		if got := w.rack.Ledger()["gb200"].Writes; got != before {
			t.Errorf("it was written to %d times", got-before)
		}
	})
}
