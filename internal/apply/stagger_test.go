package apply

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// switchboard is hosts that are switched on and cycled, and the moments at which they get power.
type switchboard struct {
	mu   sync.Mutex
	rng  *rand.Rand
	ons  map[string][]time.Time // by domain
	down map[string]bool
	offs int // hosts that were taken down and are not up again
}

// switchDriver is one host. It is slow by chance: before it asks, and until it is answered.
type switchDriver struct {
	b      *switchboard
	domain string
	fails  bool
	done   map[step.ID]bool
}

func (d *switchDriver) Check(_ context.Context, s step.Step, _ *step.Op) (step.State, error) {
	st := step.State{Standing: step.Ready, Percent: -1}
	if d.done[s.ID] {
		st.Standing = step.Done
	}
	return st, nil
}

func (d *switchDriver) slow() {
	d.b.mu.Lock()
	x := time.Duration(d.b.rng.Int64N(int64(4 * time.Second)))
	d.b.mu.Unlock()
	time.Sleep(x)
}

func (d *switchDriver) powerOn() {
	d.b.mu.Lock()
	d.b.ons[d.domain] = append(d.b.ons[d.domain], time.Now())
	d.b.mu.Unlock()
}

func (d *switchDriver) Act(_ context.Context, s step.Step, record func(step.Op) error) error {
	op := step.Op{Step: s.ID, Baseline: step.Facts{}, Started: time.Now()}
	d.slow()
	if err := record(op); err != nil {
		return err
	}
	if d.fails {
		return step.Fail(step.HardwareBad, fmt.Errorf("it does not come up"), "")
	}
	if s.Kind == step.Reset { // off, a wait, and on again
		op.Sent = true
		if err := record(op); err != nil {
			return err
		}
		d.b.count(1)
		d.slow()
		op.Baseline = step.Facts{"comes_on": true}
		if err := record(op); err != nil {
			return err
		}
	}
	d.powerOn()
	if s.Kind == step.Reset {
		d.b.count(-1)
	}
	d.slow()
	op.Sent = true
	d.done[s.ID] = true
	return record(op)
}

func (b *switchboard) count(n int) {
	b.mu.Lock()
	b.offs += n
	b.mu.Unlock()
}

// wired is a plan for nodes in domains: half of them are switched on, half are cycled.
func wired(domains map[string]float64, each int, waves ...[]string) plan.Plan {
	p := plan.Plan{Format: plan.Format}
	for _, name := range slices.Sorted(keysOf(domains)) {
		d := plan.PowerDomain{Name: name, StaggerS: domains[name]}
		for i := range each {
			n := fmt.Sprintf("%s-n%02d", name, i)
			s := step.Step{ID: step.ID(n + "/010-power-on"), Node: n, Kind: step.Power, Activation: step.None, Want: step.Facts{"power_state": "On"}}
			if i%2 == 1 {
				s = step.Step{ID: step.ID(n + "/010-reset"), Node: n, Kind: step.Reset, Activation: step.HostPowerCycle}
			}
			p.Nodes = append(p.Nodes, plan.NodePlan{Name: n, Address: rack.Address("node." + n), Steps: []step.Step{s},
				Holds: []plan.Hold{{Name: "rack/" + name}}})
			d.Nodes = append(d.Nodes, n)
		}
		if d.StaggerS > 0 { // else nobody wrote anything down
			p.Power = append(p.Power, d)
		}
	}
	for i, w := range waves {
		p.Waves = append(p.Waves, plan.Wave{Name: fmt.Sprint(i + 1), Nodes: w, MaxParallel: len(w)})
	}
	p.Digest = p.ComputeDigest()
	return p
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (b *switchboard) request(p plan.Plan, pace float64) Request {
	domain := func(node string) string { return node[:len(node)-4] }
	return Request{Plan: p, Locks: NewMemoryLocks(), Who: ThisProcess("anna"), FS: &journal.Memory{}, Dir: "journal", Pace: pace,
		Drivers: func(_ context.Context, node string) (Driver, func(), error) {
			return &switchDriver{b: b, domain: domain(node), fails: b.down[node], done: map[step.ID]bool{}}, func() {}, nil
		}}
}

// TestStagger: power-ons and cycles of one domain are never nearer than its gap, however slow a BMC is in between; those of another
// domain do not wait for it; without anything written down the gap is 3 s.
func TestStagger(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			b := &switchboard{rng: rand.New(rand.NewPCG(seed, 1)), ons: map[string][]time.Time{}}
			gaps := map[string]float64{"a01": 2, "a02": 5, "a03": 0}
			begin := time.Now()
			res, err := Run(t.Context(), b.request(wired(gaps, 9), 1))
			if err != nil || !res.OK() {
				t.Fatalf("%v: %+v", err, res)
			}
			for domain, gap := range map[string]time.Duration{"a01": 2 * time.Second, "a02": 5 * time.Second, "a03": 3 * time.Second} {
				at := b.ons[domain]
				slices.SortFunc(at, time.Time.Compare)
				if len(at) != 9 {
					t.Fatalf("seed %d: %d power-ons in %s", seed, len(at), domain)
				}
				for i := range at[1:] {
					if d := at[i+1].Sub(at[i]); d < gap {
						t.Errorf("seed %d: two power-ons of %s are %s apart, want %s", seed, domain, d, gap)
					}
				}
				if d := at[0].Sub(begin); d > 10*time.Second { // it did not wait for the others
					t.Errorf("seed %d: the first of %s came after %s", seed, domain, d)
				}
			}
		})
	}
}

// TestStaggerFollowsTheSimulator: a rack whose minutes are shorter has shorter gaps.
func TestStaggerFollowsTheSimulator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &switchboard{rng: rand.New(rand.NewPCG(1, 1)), ons: map[string][]time.Time{}}
		p := wired(map[string]float64{"a01": 4}, 5)
		if res, err := Run(t.Context(), b.request(p, 100)); err != nil || !res.OK() {
			t.Fatalf("%v: %+v", err, res)
		}
		at := b.ons["a01"]
		slices.SortFunc(at, time.Time.Compare)
		for i := range at[1:] {
			if d := at[i+1].Sub(at[i]); d < 40*time.Millisecond {
				t.Errorf("%s apart, want 40 ms", d)
			}
		}
	})
}

// TestStaggerStops: who waits for its turn when the operator stops the run is not switched on, and the run can be gone on with.
func TestStaggerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &switchboard{rng: rand.New(rand.NewPCG(1, 1)), ons: map[string][]time.Time{}}
		stop := make(chan struct{})
		req := b.request(wired(map[string]float64{"a01": 5}, 12), 1)
		req.Stop = stop
		go func() {
			time.Sleep(12 * time.Second)
			close(stop)
		}()
		res, err := Run(t.Context(), req)
		if err != nil || !res.Resumable {
			t.Fatalf("%v: %+v", err, res)
		}
		if n := len(b.ons["a01"]); n == 0 || n > 4 {
			t.Errorf("%d of 12 were switched on in 12 s", n)
		}
		if b.offs != 0 { // a cycle that had begun is ended
			t.Errorf("%d hosts were left off in mid-cycle", b.offs)
		}
	})
}

// TestWavesShareNoDomain: the second wave of a domain begins when the first has ended, and not at all when it failed.
func TestWavesShareNoDomain(t *testing.T) {
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := &switchboard{rng: rand.New(rand.NewPCG(3, 1)), ons: map[string][]time.Time{}, down: map[string]bool{"a01-n01": fails}}
			first, second := []string{"a01-n00", "a01-n01", "a01-n02"}, []string{"a01-n03", "a01-n04", "a01-n05"}
			req := b.request(wired(map[string]float64{"a01": 2}, 6, first, second), 1)
			var over, began time.Time
			req.Events = func(e Event) {
				if slices.Contains(first, e.Node) && (e.Phase == "done" || e.Phase == "failed") {
					over = time.Now()
				}
				if slices.Contains(second, e.Node) && began.IsZero() {
					began = time.Now()
				}
			}
			res, err := Run(t.Context(), req)
			if err != nil || res.OK() == fails {
				t.Fatalf("%v: %+v", err, res)
			}
			if fails != began.IsZero() || !fails && began.Before(over) {
				t.Errorf("fails %v: the first wave was over at %s, the second began at %s", fails, over, began)
			}
		})
	}
}
