package apply

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

var (
	drawnSeeds = flag.Int("drawn.seeds", 12, "how many seeds are drawn for the real driver")
	drawnFrom  = flag.Uint64("drawn.from", 1, "the first of them")
	drawnSeed  = flag.Uint64("drawn.seed", 0, "run this seed alone")
	drawnWith  = flag.String("drawn.faults", "", "play these faults, whatever a seed draws: to find which of them it is")
)

// drawnCount is what a run of TestSoakDrawn has done.
type drawnCount struct{ lives, writeCuts, requestCuts atomic.Int64 }

var drawn drawnCount

// TestSoakDrawn draws rack, design and faults by seed, and runs them on the real driver against the simulated rack: once undisturbed, then
// killed at writes of the journal and at requests to the BMC, each time gone on with to the end. Racks as they are delivered are claimed
// before and rotated after.
func TestSoakDrawn(t *testing.T) {
	if *drawnSeed != 0 {
		runDrawn(t, *drawnSeed)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	const lanes = 4
	t.Run("lanes", func(t *testing.T) {
		for lane := range uint64(lanes) {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := lane; i < uint64(*drawnSeeds); i += lanes {
					runDrawn(t, *drawnFrom+i)
				}
			})
		}
	})
	t.Logf("seeds %d to %d: %d lives, %d cuts at writes of the journal, %d at requests", *drawnFrom, *drawnFrom+uint64(*drawnSeeds)-1, drawn.lives.Load(),
		drawn.writeCuts.Load(), drawn.requestCuts.Load())
}

// runDrawn runs one seed: undisturbed, then with cuts.
func runDrawn(t *testing.T, seed uint64) {
	t.Helper()
	d, err := draw(seed)
	if err != nil {
		t.Fatal(err)
	}
	if *drawnWith != "" {
		d.faults = strings.Split(*drawnWith, ",")
	}
	length := map[string]extent{}
	for _, cut := range []string{"", "write", "request"} {
		var bad []string
		bubble(t, func() { bad = d.live(cut, length) })
		if len(bad) > 0 {
			t.Errorf("seed %d (%s), cut at %s:\n%s\nto replay: go test ./internal/apply -run TestSoakDrawn -args -drawn.seed %d", seed, d,
				cut, strings.Join(bad, "\n"), seed)
			return
		}
	}
}

// extent is how long an undisturbed phase was.
type extent struct{ writes, requests int }

// phase is one plan of a seed.
type phase struct {
	name string
	plan plan.Plan
	last bool // after it the Design is reached
}

// live lives through all phases of a seed on a rack of its own. cut says where each is killed: "", "write" of the journal, or "request".
func (d drawing) live(cut string, length map[string]extent) (bad []string) {
	whole, err := d.twinPlan()
	if err != nil {
		return []string{"plan: " + err.Error()}
	}
	r, err := sim.New(d.design, sim.Options{Seed: d.seed, Faults: d.faults, Fetch: fetchImage, Factory: d.factory, Power: d.power})
	if err != nil {
		return []string{err.Error()}
	}
	defer func() {
		if err := r.Close(); err != nil {
			bad = append(bad, err.Error())
		}
	}()
	w := &simWorld{rack: r, design: d.design, whole: whole, ledger: Ledger{Refused: map[string]int{}}}
	phases := []phase{{name: "apply", plan: whole, last: true}}
	if d.factory {
		w.claims = newClaims(r)
		phases = []phase{{name: "claim", plan: d.rotation(r, 0)}, phases[0], {name: "rotate", plan: d.rotation(r, 1), last: true}}
	}
	for _, p := range phases {
		if p.plan.Empty() {
			continue
		}
		if bad := d.livePhase(w, p, cut, length); len(bad) > 0 {
			return append([]string{"in phase " + p.name}, append(bad, w.String())...)
		}
	}
	return nil
}

// livePhase runs one plan to its end.
func (d drawing) livePhase(w *simWorld, p phase, cut string, length map[string]extent) []string {
	w.plan, w.phase = p.plan, !p.last
	s := soakOn(w, d.seed, variant{})
	s.story = "wire"
	node := p.plan.Nodes[roll(d.seed, p.name+"/node", len(p.plan.Nodes))].Name
	b := w.rack.BMC(node)
	before := b.Ledger().Requests
	var cuts []int
	known := length[p.name]
	switch cut {
	case "write":
		cuts = []int{1 + roll(d.seed, p.name+"/write", max(known.writes, 1))}
		if chance(d.seed, p.name+"/again", 1, 2) {
			cuts = append(cuts, 1+roll(d.seed, p.name+"/write again", max(known.writes, 1)))
		}
		drawn.writeCuts.Add(int64(len(cuts)))
	case "request":
		drawn.requestCuts.Add(1)
		s.arm = func(die func()) { // of the first life
			s.arm = nil
			b.OnCut(die)
			b.CutAt(1+roll(d.seed, p.name+"/request", max(known.requests, 1)), chance(d.seed, p.name+"/late", 1, 2))
		}
		cuts = []int{0} // a life that may end before its time
	}
	s.after = func() {
		b.CutAt(0, false)
		drawn.lives.Add(1)
		if w.claims == nil {
			return
		}
		for _, n := range w.rack.Nodes() {
			if why := w.claims.reachable(n); why != "" {
				s.violate("%s", why)
			}
		}
	}
	bad := s.run(cuts)
	if w.claims != nil {
		bad = append(bad, d.leaks(s, w.claims)...)
	}
	if cut == "" {
		length[p.name] = extent{s.disk.Calls(), b.Ledger().Requests - before}
	}
	return bad
}

// leaks looks for passwords in the journals.
func (d drawing) leaks(s *soak, c *claims) []string {
	var bad []string
	names, err := s.disk.List("journal")
	if err != nil {
		return []string{err.Error()}
	}
	for _, name := range names {
		text, err := s.disk.ReadFile("journal/" + name)
		if err != nil {
			bad = append(bad, err.Error())
		}
		for _, p := range c.passwords() {
			if strings.Contains(string(text), p) {
				bad = append(bad, "a password stands in journal "+name)
			}
		}
	}
	return bad
}

// twinPlan plans on a twin of the rack on which nothing goes wrong. It is claimed first, where that is what a rack needs.
func (d drawing) twinPlan() (plan.Plan, error) {
	twin, err := sim.New(d.design, sim.Options{Seed: d.seed, Fetch: fetchImage, Factory: d.factory, Power: d.power})
	if err != nil {
		return plan.Plan{}, err
	}
	var c *claims
	if d.factory {
		c = newClaims(twin)
		for _, np := range d.rotation(twin, 0).Nodes {
			drv, oerr := openAs(twin, bmc.NewPool(), np.Name, twin.DialContext, c.access(np.Name, immortal))
			if oerr == nil {
				oerr = drv.Act(context.Background(), np.Steps[0], func(step.Op) error { return nil })
				oerr = errors.Join(oerr, drv.Close(context.Background()))
			}
			err = errors.Join(err, oerr)
		}
	}
	if err != nil {
		return plan.Plan{}, errors.Join(err, twin.Close())
	}
	p, err := planAs(d.design, twin, c)
	return p, errors.Join(err, twin.Close())
}

// rotation is the plan of a new password for every node whose escrow holds a generation.
func (d drawing) rotation(r *sim.Rack, generation int) plan.Plan {
	o := rack.Observation{Format: 1, Taken: time.Now()}
	var nodes []string
	for _, n := range d.design.Nodes {
		user, _ := r.FactoryCredentials(n.Name)
		a := &rack.AccountService{MinLength: 16, MaxLength: 20, Factory: user, Generation: generation, Accounts: []rack.Account{{Username: n.BMC.Username}}}
		o.Devices = append(o.Devices, rack.Device{Address: string(n.Address), Node: n.Name, Accounts: a})
		nodes = append(nodes, n.Name)
	}
	slices.Sort(nodes)
	return plan.Say(d.design, o, plan.Verb{Do: plan.DoRotate}, nodes)
}
