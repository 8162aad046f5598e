package apply

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// simSentry listens to a simulated BMC by the real driver.
type simSentry struct{ *bmc.Driver }

func (s simSentry) Listen(ctx context.Context, tell func(rack.Event), state func(rack.Hearing)) error {
	return s.Driver.Listen(ctx, bmc.ListenOptions{State: state}, tell)
}

// story is one run of the rack of all dialects whose events are followed, into which something happens once.
type story struct {
	t   *testing.T
	w   *simWorld
	req Request
	res Result
	log []Event

	mu    sync.Mutex
	done  bool
	begun int // operations when the run stopped; -1: it did not
	power map[string]string
}

// tellStory runs the rack, and lets strike happen at the first event that is a moment for it.
func tellStory(t *testing.T, when func(Event) bool, strike func(w *simWorld) error, change func(*Request)) *story {
	t.Helper()
	w, _, req, err := wholeRack(11)
	if err != nil {
		t.Fatal(err)
	}
	pool := bmc.NewPool()
	req.Watch = &Watch{Open: func(_ context.Context, name string) (Sentry, func(), error) {
		d, err := openSim(w.rack, pool, name, w.rack.DialContext)
		if err != nil {
			return nil, nil, err
		}
		return simSentry{d}, func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = d.Close(ctx)
		}, nil
	}}
	if change != nil {
		change(&req)
	}
	s := &story{t: t, w: w, begun: -1}
	moments := make(chan struct{}, 1)
	over := make(chan struct{})
	var struck sync.WaitGroup
	struck.Go(func() { // not in Events: what happens there must not wait for a BMC
		select {
		case <-moments:
			if err := strike(w); err != nil {
				t.Error(err)
			}
		case <-over:
		}
	})
	req.Events = func(e Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log = append(s.log, e)
		if e.Phase == "stop" {
			s.begun, s.power = w.Ledger().Begun, map[string]string{}
			for name, tr := range w.rack.Truth() {
				s.power[name] = tr.Power
			}
		}
		if !s.done && when(e) {
			s.done = true
			moments <- struct{}{}
		}
	}
	s.req = req
	s.res, err = Run(t.Context(), req)
	close(over)
	struck.Wait()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	for name, l := range w.rack.Ledger() {
		if l.SessionsOpen != 0 {
			t.Errorf("%s: %d sessions are left open", name, l.SessionsOpen)
		}
	}
	if bad := w.Violations(false); len(bad) > 0 {
		t.Errorf("harm: %v", bad)
	}
	return s
}

func (s *story) result(name string) NodeResult {
	for _, n := range s.res.Nodes {
		if n.Node == name {
			return n
		}
	}
	s.t.Fatalf("no result of %s", name)
	return NodeResult{}
}

func (s *story) journal() string {
	s.t.Helper()
	text, err := s.req.FS.ReadFile(s.res.Journal)
	if err != nil {
		s.t.Fatal(err)
	}
	records, _, err := journal.Read(bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := journal.Audit(records, s.res.Plan); err != nil {
		s.t.Error(err)
	}
	return string(text)
}

func (s *story) saw(phase, node string) int {
	n := 0
	for _, e := range s.log {
		if e.Phase == phase && (node == "" || e.Node == node) {
			n++
		}
	}
	return n
}

// stopped holds what is the same after every peril.
func (s *story) stopped(node, what string) {
	s.t.Helper()
	if !strings.Contains(s.res.Stopped, "safety: "+node+": ") || !strings.Contains(s.res.Stopped, what) {
		s.t.Errorf("stopped: %q, want %s of %s", s.res.Stopped, what, node)
	}
	if s.res.OK() {
		s.t.Error("the run is called good")
	}
	if n := s.w.Ledger().Begun - s.begun; s.begun < 0 || n > 1 {
		s.t.Errorf("%d operations were begun after the stop", n)
	}
	if j := s.journal(); !strings.Contains(j, "safety: "+what) && !strings.Contains(j, what) {
		s.t.Error("the journal does not say why")
	}
}

func act(node string, n int) func(Event) bool {
	seen := 0
	return func(e Event) bool {
		if e.Node == node && e.Phase == "act" {
			seen++
		}
		return seen == n
	}
}

func ended(node string) func(Event) bool {
	return func(e Event) bool { return e.Node == node && e.Step == "" && e.Phase == string(Done) }
}

func poke(node string, p sim.Poke) func(*simWorld) error {
	return func(w *simWorld) error { return w.rack.BMC(node).Poke(p) }
}

// TestHeatStopsTheRun: over-temperature that a BMC tells, and that its sensor shows, ends the run at once; nothing is switched on or
// off for it, and what is being flashed is finished.
func TestHeatStopsTheRun(t *testing.T) {
	for _, node := range []string{"dell", "lenovo", "dgx", "gb200"} {
		for _, nth := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s %d", node, nth), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := tellStory(t, act(node, nth), poke(node, sim.Poke{Hot: true}), nil)
					defer s.w.rack.Close()
					s.stopped(node, "over-temperature")
					n := s.result(node)
					if n.Class != step.Safety || n.Word != Blocked || n.Left || !strings.Contains(n.Text, "its power was left as it is") || n.Advice == "" {
						t.Errorf("%+v", n)
					}
					if strings.Contains(s.journal(), "safety-off") {
						t.Error("power was cut for heat")
					}
					for _, o := range s.res.Nodes {
						if o.Node != node && o.Class != step.NoFailure {
							t.Errorf("%+v", o)
						}
					}
				})
			})
		}
	}
}

// TestSupplyFaultStopsWhatSharesIt: every node that hangs on the same power is ended for safety, unless it was done; others are left.
func TestSupplyFaultStopsWhatSharesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		share := []string{"dell", "lenovo", "hpe"}
		s := tellStory(t, act("dell", 2), poke("dell", sim.Poke{DeadSupply: 1}), func(r *Request) {
			r.Watch.Shares = func(name string) []string { return share }
		})
		defer s.w.rack.Close()
		s.stopped("dell", "power supply")
		for _, n := range s.res.Nodes {
			shares := strings.Contains(strings.Join(share, " "), n.Node)
			switch {
			case n.Word == Done || n.Word == Skipped:
			case shares && (n.Class != step.Safety || n.Left):
				t.Errorf("it shares the power: %+v", n)
			case !shares && (n.Class != step.NoFailure || !n.Left):
				t.Errorf("it has nothing to do with it: %+v", n)
			case shares && n.Node != "dell" && !strings.Contains(n.Text, "of dell, which it shares its power with"):
				t.Errorf("%+v", n)
			}
		}
	})
}

// A leak in a node whose part of the run has ended still takes its power away.
func TestLeakOfANodeThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tellStory(t, ended("gb200"), poke("gb200", sim.Poke{Leak: true}), nil)
		defer s.w.rack.Close()
		s.stopped("gb200", "leak detector")
		n := s.result("gb200")
		if n.Class != step.Safety || n.Word != Blocked || !strings.Contains(n.Text, "its power was cut") {
			t.Errorf("%+v", n)
		}
		if p := s.w.rack.BMC("gb200").Truth().Power; p != "Off" {
			t.Errorf("the wet tray is %s", p)
		}
		if !strings.Contains(s.journal(), "gb200/safety-off") {
			t.Error("the journal does not have the power-off")
		}
	})
}

// A leak in the middle of a node's part is its own to see to, at once: it is told by event before any look would find it.
func TestLeakByEvent(t *testing.T) {
	for _, nth := range []int{1, 2, 4} {
		synctest.Test(t, func(t *testing.T) {
			s := tellStory(t, act("gb200", nth), poke("gb200", sim.Poke{Leak: true}), nil)
			defer s.w.rack.Close()
			s.stopped("gb200", "leak detector")
			if n := s.result("gb200"); n.Class != step.Safety || n.Word != Blocked {
				t.Errorf("%+v", n)
			}
			if p := s.w.rack.BMC("gb200").Truth().Power; p != "Off" {
				t.Errorf("strike %d: the wet tray is %s: %+v", nth, p, s.result("gb200"))
			}
		})
	}
}

// An event alone stops nothing: its source says that all is well, and the run goes on to its end.
func TestEventAloneStopsNothing(t *testing.T) {
	for node, what := range map[string][]string{"gb200": {"leak", "hot", "supply"}, "dell": {"hot", "supply"}} {
		synctest.Test(t, func(t *testing.T) {
			s := tellStory(t, act(node, 2), func(w *simWorld) error {
				var errs []error
				for _, tell := range what {
					errs = append(errs, w.rack.BMC(node).Poke(sim.Poke{Tell: tell}))
				}
				return errors.Join(append(errs, w.rack.BMC(node).Poke(sim.Poke{Flood: 100}))...)
			}, nil)
			defer s.w.rack.Close()
			if !s.res.OK() {
				t.Errorf("%+v", s.res)
			}
			if n := s.saw("cleared", node); n != len(what) {
				t.Errorf("%s: %d events were found untrue, want %d", node, n, len(what))
			}
			if bad := s.w.Violations(true); len(bad) > 0 {
				t.Error(bad)
			}
		})
	}
}

// A leak that was told and that nothing can be read of stops the run, and cuts nothing.
func TestUnreadableLeakCutsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tellStory(t, act("dell", 2), poke("dell", sim.Poke{Tell: "leak"}), nil)
		defer s.w.rack.Close()
		s.stopped("dell", "its source cannot be read")
		if n := s.result("dell"); n.Class != step.Safety || !strings.Contains(n.Text, "its power was left as it is") {
			t.Errorf("%+v", n)
		}
		if strings.Contains(s.journal(), "safety-off") {
			t.Error("power was cut for an event alone")
		}
	})
}

// A sentry that cannot listen is told of, and does no harm.
func TestSentryThatCannotListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tellStory(t, func(Event) bool { return false }, nil, func(r *Request) {
			r.Watch.Open = func(context.Context, string) (Sentry, func(), error) { return nil, nil, errors.New("no way there") }
			r.Watch.Others = []string{"shelf1"}
		})
		defer s.w.rack.Close()
		if !s.res.OK() || s.saw("hearing", "shelf1") == 0 || s.saw("hearing", "dell") == 0 {
			t.Errorf("%+v", s.res)
		}
	})
}

// A power shelf tells of its own supplies: what hangs on it is ended, and the rest of the rack is left.
func TestFaultOfAShelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf, err := sim.New(rack.Design{Format: rack.DesignFormat, Racks: []rack.Rack{{Address: "rack.r1", Name: "r1"}},
			PowerShelves: []rack.PowerShelf{{Address: "power_shelf.ps1", Name: "ps1", Hardware: "shelf.s", Rack: "rack.r1"}},
			Hardware:     map[string]rack.Hardware{"shelf.s": {Key: "shelf.s", Kind: "shelf"}}}, sim.Options{Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		defer shelf.Close()
		s := tellStory(t, act("dgx", 2), func(*simWorld) error {
			return shelf.BMC("ps1").Poke(sim.Poke{Supplies: map[string]string{"1": "Critical"}})
		}, func(r *Request) {
			r.Watch.Others = []string{"ps1"}
			r.Watch.Shares = func(string) []string { return []string{"dgx", "gb200"} }
			nodes := r.Watch.Open
			r.Watch.Open = func(ctx context.Context, name string) (Sentry, func(), error) {
				if name != "ps1" {
					return nodes(ctx, name)
				}
				d, err := openSim(shelf, bmc.NewPool(), name, shelf.DialContext)
				return simSentry{d}, func() { _ = d.Close(context.WithoutCancel(ctx)) }, err
			}
		})
		defer s.w.rack.Close()
		s.stopped("ps1", "power supply")
		for _, n := range s.res.Nodes {
			hangs := n.Node == "dgx" || n.Node == "gb200"
			if n.Word != Done && n.Word != Skipped && hangs != (n.Class == step.Safety) {
				t.Errorf("%+v", n)
			}
		}
		if n := s.result("dgx"); !strings.Contains(n.Text, "of ps1, which it shares its power with") {
			t.Errorf("%+v", n)
		}
		if l := shelf.BMC("ps1").Ledger(); l.SessionsOpen != 0 || l.Writes != 0 {
			t.Errorf("the shelf: %+v", l)
		}
	})
}
