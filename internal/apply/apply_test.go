package apply

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

// quiet is a rack on which nothing goes wrong, and a request to apply its plan.
func quiet(seed uint64) (*fakeRack, Request) {
	w := newFakeRack(seed, "quiet")
	drivers, _ := w.Process()
	return w, Request{Plan: w.Plan(), Drivers: drivers, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{},
		Dir: "journal", Seed: seed}
}

// wholePlan is a seed of which every node has every kind of step: special racks have no random parts.
const wholePlan = 2

func TestRunToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, req := quiet(wholePlan)
		var events []Event
		req.Events = func(e Event) { events = append(events, e) }
		res, err := Run(t.Context(), req)
		if err != nil || !res.OK() || res.Resumable || res.Moved() || res.Count(Done) != len(w.plan.Nodes) {
			t.Fatalf("%v: %+v", err, res)
		}
		for i, n := range res.Nodes {
			if n.Steps != n.Of || n.Resets["host_reset"] != 1 || n.Resets["bmc_reset"] != 1 || n.Elapsed <= 0 {
				t.Errorf("node %d: %+v", i, n)
			}
		}
		if bad := w.Violations(true); len(bad) > 0 {
			t.Error(bad)
		}
		phases := map[string]bool{}
		for _, e := range events {
			phases[e.Phase] = true
			if e.Step != "" && (e.Of == 0 || e.Index == 0 || e.Wave == "") {
				t.Fatalf("event without its place: %+v", e)
			}
		}
		for _, p := range []string{"waiting", "connect", "look", "act", "wait", "done"} {
			if !phases[p] {
				t.Errorf("no event of phase %q", p)
			}
		}
		first, last := events[1], events[len(events)-1]
		if first.Remaining <= last.Remaining {
			t.Errorf("remaining goes from %s to %s", first.Remaining, last.Remaining)
		}
	})
}

// TestCanaryFirst: no other node is touched before the canary has ended, nor after it has failed.
func TestCanaryFirst(t *testing.T) {
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, req := quiet(wholePlan)
			canary := w.plan.Waves[0].Nodes[0]
			w.nodes[canary].fault.unreachable = fails
			ended := false
			req.Events = func(e Event) {
				switch {
				case e.Node == canary && e.Step == "" && e.Phase != "waiting" && e.Phase != "connect":
					ended = true
				case e.Node != canary && e.Node != "" && !ended:
					t.Errorf("%s: %s before the canary has ended", e.Node, e.Phase)
				}
			}
			res, err := Run(t.Context(), req)
			if err != nil || res.OK() == fails {
				t.Fatalf("%v: %+v", err, res)
			}
			if fails && (res.Count(Failed) != 1 || !strings.Contains(res.Stopped, "canary") || !res.Resumable || w.Ledger().Effects > 0) {
				t.Errorf("after the canary failed: %+v", res)
			}
		})
	}
}

// TestFailsAlone: a node whose BMC has no power fails, with what to do; the others go on.
func TestFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, req := quiet(wholePlan)
		bad := w.plan.Nodes[len(w.plan.Nodes)-1]
		w.nodes[bad.Name].fault.unreachable = true
		res, err := Run(t.Context(), req)
		if err != nil || res.Stopped != "" || res.Resumable || res.Count(Failed) != 1 || res.Count(Done) != len(res.Nodes)-1 {
			t.Fatalf("%v: %+v", err, res)
		}
		n := res.Nodes[len(res.Nodes)-1]
		if n.Class != step.Unreachable || n.Advice == "" || n.Step != bad.Steps[0].ID || !strings.Contains(n.Text, "no route") {
			t.Errorf("%+v", n)
		}
	})
}

// TestStop: a flash that is under way is waited for, a reset is left to the device, and nothing new is started.
func TestStop(t *testing.T) {
	for _, c := range []struct {
		kind  step.Kind
		phase string
		until step.Kind // the kind of the step that the run is at when it ends
	}{{step.Firmware, "wait", step.Reset}, {step.Reset, "wait", step.Reset}, {step.BIOS, "act", step.BIOS}} {
		synctest.Test(t, func(t *testing.T) {
			w, req := quiet(wholePlan)
			stop := make(chan struct{})
			req.Stop = stop
			var when time.Time
			req.Events = func(e Event) {
				if e.Kind == c.kind && e.Phase == c.phase && when.IsZero() && e.Elapsed > 30*time.Second {
					when = time.Now()
					close(stop)
				}
			}
			res, err := Run(t.Context(), req)
			if err != nil || !res.Resumable || res.Stopped != errOperator.Error() || when.IsZero() {
				t.Fatalf("%v: %+v", err, res)
			}
			if c.kind == step.Reset && time.Since(when) > 10*time.Second {
				t.Errorf("a reset that the device carries on with was waited for %s", time.Since(when))
			}
			if bad := w.Violations(true); len(bad) > 0 {
				t.Error(bad)
			}
			rep, err := journal.Load(req.FS, res.Journal)
			if err != nil || rep.Ended != journal.Left || !rep.Resumable() {
				t.Errorf("journal ended %q: %v", rep.Ended, err)
			}
			req.Stop, req.Resume, req.Events = nil, res.Journal, nil
			if res, err = Run(t.Context(), req); err != nil || !res.OK() {
				t.Errorf("resumed: %v: %+v", err, res)
			}
			if bad := w.Violations(true); len(bad) > 0 {
				t.Error(bad)
			}
		})
	}
}

// TestCancel leaves at once, and the journal can be gone on with.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, req := quiet(wholePlan)
		ctx, cancel := context.WithCancel(t.Context())
		var when time.Time
		req.Events = func(e Event) {
			if e.Kind == step.Firmware && e.Phase == "wait" && when.IsZero() {
				when = time.Now()
				cancel()
			}
		}
		res, err := Run(ctx, req)
		if err != nil || !res.Resumable || time.Since(when) > time.Second {
			t.Fatalf("after %s: %v: %+v", time.Since(when), err, res)
		}
		req.Resume, req.Events = res.Journal, nil
		if res, err = Run(t.Context(), req); err != nil || !res.OK() {
			t.Errorf("resumed: %v: %+v", err, res)
		}
		if bad := w.Violations(true); len(bad) > 0 {
			t.Error(bad)
		}
	})
}

// TestRefusedToBegin: what must not be begun is refused before anything is written or changed.
func TestRefusedToBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, req := quiet(wholePlan)
		forged := req
		forged.Plan.Nodes = slices.Clone(forged.Plan.Nodes[1:])
		if _, err := Run(t.Context(), forged); step.ClassOf(err) != step.HasMoved {
			t.Errorf("a plan that is not its digest's: %v", err)
		}
		res, err := Run(t.Context(), req)
		if err != nil || !res.OK() {
			t.Fatal(err)
		}
		again := req
		again.Resume = res.Journal
		if _, err := Run(t.Context(), again); step.ClassOf(err) != step.HasMoved {
			t.Errorf("a run that has finished was resumed: %v", err)
		}
		_, other := quiet(3)
		other.FS, other.Resume = req.FS, res.Journal
		if _, err := Run(t.Context(), other); step.ClassOf(err) != step.HasMoved {
			t.Errorf("a journal of another plan was resumed: %v", err)
		}
		if bad := w.Violations(true); len(bad) > 0 {
			t.Error(bad)
		}
	})
}

// TestBreakIsJournalled: the reason for which a lease was broken stands in the journal of the next run.
func TestBreakIsJournalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, req := quiet(wholePlan)
		h, err := req.Locks.Acquire(Holder{Operator: "ben", Host: "gone"}, []Want{{Name: "node/n1"}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		h.abandon()
		var locked *LockedError
		if _, err := Run(t.Context(), req); !errors.As(err, &locked) || locked.Lease.Holder.Operator != "ben" {
			t.Fatalf("a held rack: %v", err)
		}
		if _, err := req.Locks.Break("node/n1", req.Who, "the host burned down"); err != nil {
			t.Fatal(err)
		}
		res, err := Run(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := req.FS.ReadFile(res.Journal)
		if err != nil || !bytes.Contains(text, []byte("the host burned down")) {
			t.Errorf("the reason is not in the journal: %v", err)
		}
	})
}

// TestPace: with a pace of 4, as of a simulator whose minutes are shorter, every wait is a quarter; but however fast its
// minutes pass, requests take real time.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := quiet(wholePlan)
		np := w.plan.Nodes[0]
		for _, pace := range []float64{4, 10000} {
			req := Request{Pace: pace}
			n := newNode(&run{req: req, limits: newLimits(req)}, np, w.plan.Waves[0], 0)
			for _, s := range np.Steps {
				n.steps[s.ID].op = &step.Op{}
				got, want := n.patience(s), patienceOf(s)
				want.dead, want.still = max(want.dead/time.Duration(pace), shortestPatience), max(want.still/time.Duration(pace), shortestStill)
				if got.dead != want.dead || got.still != want.still {
					t.Errorf("%s at pace %v: %+v, want %+v", s.Kind, pace, got, want)
				}
			}
			if d := n.backoff(1); d > 7*time.Second/time.Duration(pace) {
				t.Errorf("backoff of %s at pace %v", d, pace)
			}
		}
	})
}
