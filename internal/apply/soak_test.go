package apply

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

var (
	soakSeeds = flag.Int("soak.seeds", 100, "how many seeds the soak runs over")
	soakCuts  = flag.Int("soak.cuts", 0, "at how many moments of its journal a seed is cut; 0: after every write")
	soakWire  = flag.Int("soak.wire", 12, "how many seeds run on the real driver and the simulated rack")
	soakSeed  = flag.Uint64("soak.seed", 0, "run this seed alone")
)

// stories are what a seed may tell besides its faults that end.
var stories = []string{"", "", "", "", "auth", "moved", "safety", "refused", "recipe", "crowd", "full disk", "two operators", "taken over", "stop", "wedged"}

func storyOf(seed uint64) string { return stories[seed%uint64(len(stories))] }

// variant breaks the loop, or the disk under its journal.
type variant struct {
	hooks func() hooks
	lies  bool // the disk does not sync
}

// soak is one seed under way.
type soak struct {
	story string
	seed  uint64
	v     variant
	world World
	disk  *journal.Memory
	store *memoryStore
	pid   int
	alive map[int]bool
	width int                              // nodes at once; 0: as the seed says
	tap   func(verb, string, []byte) error // asked at every moment of writing the journal; nil: none
	die   func() error                     // ends the life under way as kill -9 does
	arm   func(die func())                 // told how to end a life when it begins; nil: nobody wants to know
	after func()                           // told that a life has ended; nil: nobody wants to know

	recorded map[string]bool // nodes whose end was in the journal when the last life began
	mu       sync.Mutex
	bad      []string
}

// newSoak makes the soak of a seed on a rack in memory.
func newSoak(seed uint64, v variant) *soak {
	special := storyOf(seed)
	if special == "full disk" || special == "two operators" || special == "taken over" || special == "stop" {
		special = ""
	}
	return soakOn(newFakeRack(seed, special), seed, v)
}

func soakOn(w World, seed uint64, v variant) *soak {
	return &soak{seed: seed, story: storyOf(seed), v: v, disk: &journal.Memory{NoSync: v.lies}, store: &memoryStore{}, alive: map[int]bool{},
		recorded: map[string]bool{}, world: w}
}

func (s *soak) violate(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad = append(s.bad, fmt.Sprintf(format, args...))
}

func (s *soak) locks(dead func() bool) *Locks {
	return &Locks{store: mortal{s.store, dead}, alive: func(h Holder) bool { return s.alive[h.PID] }}
}

func immortal() bool { return false }

// life runs the program once; cut > 0 kills it at that write or sync of its journal. It says whether it was killed.
func (s *soak) life(ctx context.Context, cut int, stop <-chan struct{}) (Result, error, bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	drivers, kill := s.world.Process()
	s.pid++
	pid := s.pid
	s.alive[pid] = true
	var killed atomic.Bool
	s.die = func() error {
		killed.Store(true)
		kill()
		cancel()
		return errKilled
	}
	if s.arm != nil {
		s.arm(func() { _ = s.die() })
	}
	start := s.disk.Calls()
	s.disk.Before = func(n int, _ string) error {
		if killed.Load() || cut > 0 && n-start == cut {
			return s.die()
		}
		return nil
	}
	width := s.width
	if width == 0 {
		width = 1 + roll(s.seed, "width", 8)
	}
	req := Request{Plan: s.world.Plan(), Drivers: drivers, Locks: s.locks(killed.Load), Who: Holder{Operator: "anna", Host: "here", PID: pid},
		FS: s.disk, Dir: "journal", Seed: s.seed, Events: s.event, Stop: stop, Parallel: width}
	if s.tap != nil {
		req.FS = tap{s.disk, s.tap}
	}
	if s.v.hooks != nil {
		req.hooks = s.v.hooks()
	}
	covered.life(s)
	latest, err := journal.Latest(s.disk, "journal")
	if err != nil {
		return Result{}, err, false
	}
	if latest != "" && s.story == "auth" {
		rep, err := journal.Load(s.disk, latest)
		if err != nil {
			return Result{}, err, false
		}
		s.recorded = map[string]bool{} // anew: a power cut may have taken what a killed life had only written
		for name := range rep.Nodes {
			s.recorded[name] = true
		}
	}
	req.Resume = latest
	refused := s.world.Ledger().Refused
	res, err := Run(ctx, req)
	if err != nil && res.Journal == "" && latest != "" {
		rep, lerr := journal.Load(s.disk, latest)
		if lerr == nil && !rep.Resumable() { // cut off after its last line: there is nothing to go on with
			res, err = resultOf(rep), nil
		}
	}
	for name, n := range s.world.Ledger().Refused { // a failed login that is on record is not tried again
		if s.recorded[name] && n != refused[name] {
			s.violate("%s: logged in on again after the password was refused", name)
		}
	}
	delete(s.alive, pid)
	if s.after != nil {
		s.after()
	}
	return res, err, killed.Load()
}

// resultOf is the Result of a run whose journal has ended.
func resultOf(rep journal.Replay) Result {
	res := Result{Plan: rep.Plan.Digest, Journal: rep.Path, Head: rep.Head}
	for _, np := range rep.Plan.Nodes {
		end, ok := rep.Nodes[np.Name]
		n := NodeResult{Node: np.Name, Word: Word(end.Result), Class: end.Class, Text: end.Text, Left: !ok}
		res.Nodes = append(res.Nodes, n)
	}
	return res
}

// event holds every claim of "done" against the truth at that moment.
func (s *soak) event(e Event) {
	if e.Step == "" || e.Phase != string(Done) && e.Phase != string(Skipped) {
		return
	}
	if why := s.world.Real(e.Step); why != "" {
		s.violate("%s was called %s: %s", e.Step, e.Phase, why)
	}
}

// bubbleContext has no end: a bubble whose goroutines all wait for ever is told by the test itself.
var bubbleContext = context.Background()

// run lives through the cuts and then to the end, and returns what is wrong.
func (s *soak) run(cuts []int) []string {
	uncut := s.pid == 0 && len(cuts) == 0
	ctx, cancel := context.WithTimeout(bubbleContext, 1000*time.Hour)
	defer cancel()
	var res Result
	var err error
	killed := false
	for _, cut := range cuts {
		if res, err, killed = s.life(ctx, cut, nil); !killed {
			break
		}
		s.disk.Crash(roll(s.seed, fmt.Sprint("keep", cut), 300))
		time.Sleep(time.Duration(roll(s.seed, fmt.Sprint("pause", cut), 600)) * time.Second)
	}
	if killed || len(cuts) == 0 {
		res, err, _ = s.life(ctx, 0, nil)
	}
	if err != nil {
		s.violate("the run ended with an error: %v", err)
		return s.bad
	}
	s.judge(res, uncut)
	return s.bad
}

// judge holds the end against what the world expects.
func (s *soak) judge(res Result, uncut bool) {
	stopped := s.story == "safety" || s.story == "recipe"
	// A process that was killed may leave a flash to the device, and one that is stopped at once does not wait for it.
	s.bad = append(s.bad, s.world.Violations(!stopped || s.pid == 1)...)
	for _, n := range res.Nodes {
		word, class := s.world.Expect(n.Node)
		if n.Left && stopped {
			continue
		}
		if n.Word != word && !(uncut && n.Word == Skipped) || n.Class != class {
			s.violate("%s ended %s (%s) %s, want %v (%s)", n.Node, n.Word, n.Class, n.Text, word, class)
		}
		if n.Word != Done && n.Word != Skipped {
			continue
		}
		for _, np := range s.world.Plan().Nodes {
			for _, st := range np.Steps {
				if why := s.world.Real(st.ID); np.Name == n.Node && why != "" && st.Kind != step.Reset {
					s.violate("%s is %s, and %s: %s", n.Node, n.Word, st.ID, why)
				}
			}
		}
	}
	if s.story == "recipe" {
		s.judgeRecipe(res)
	}
	s.judgeJournal(res)
}

func (s *soak) judgeRecipe(res Result) {
	failed := res.Count(Failed)
	if res.Stopped == "" || failed > 3+1 { // two at a time: one more may be under way when the third fails
		s.violate("recipe: %d nodes failed alike and the run stopped with %q", failed, res.Stopped)
	}
}

func (s *soak) judgeJournal(res Result) {
	text, err := s.disk.ReadFile(res.Journal)
	if err != nil {
		s.violate("%v", err)
		return
	}
	records, head, err := journal.Read(bytes.NewReader(text))
	if err != nil || head != res.Head {
		s.violate("journal: %v; head %.8s, told %.8s", err, head, res.Head)
	}
	if err := journal.Audit(records, s.world.Plan().Digest); err != nil {
		s.violate("journal: %v", err)
	}
	s.judgeErases(records, res)
	if l := s.world.Ledger(); l.Opened != l.Closed && s.pid == 1 {
		s.violate("%d drivers were opened and %d closed", l.Opened, l.Closed)
	}
}

// bubble runs f in virtual time.
func bubble(t *testing.T, f func()) { synctest.Test(t, func(*testing.T) { f() }) }

// trySeed runs everything there is to run with one seed, until something is wrong: its story, and a life after each of n cuts
// (0: of every one).
func trySeed(t *testing.T, seed uint64, v variant, n int) (bad []string, how string) {
	var s *soak
	var cuts *[]cut
	writes := 0
	bubble(t, func() {
		s = newSoak(seed, v)
		cuts = s.cutter()
		if bad = s.run(nil); len(bad) > 0 {
			how = "not cut\n" + s.world.String()
		}
		writes = s.disk.Calls()
	})
	covered.seed(s)
	if len(bad) > 0 {
		return bad, how
	}
	switch storyOf(seed) {
	case "full disk":
		bad, how = tryFullDisk(t, seed, v, writes)
	case "two operators", "taken over":
		bad, how = tryOperators(t, seed, v)
	case "stop":
		bad, how = tryStop(t, seed, v)
	}
	if len(bad) > 0 {
		return bad, how
	}
	return tryCuts(t, s, *cuts, n)
}

func replayCommand(seed uint64) string {
	return fmt.Sprintf("go test ./internal/apply -run TestSoak -soak.seed %d", seed)
}

// TestSoak runs seeded fault schedules, with a crash after every journal write, in virtual time.
func TestSoak(t *testing.T) {
	if *soakSeed != 0 {
		if bad, how := trySeed(t, *soakSeed, variant{}, *soakCuts); len(bad) > 0 {
			t.Fatalf("seed %d (%s): %s\n%s", *soakSeed, storyOf(*soakSeed), strings.Join(bad, "\n"), how)
		}
		t.Log(covered)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // short-lived racks by the ten thousand: memory is cheaper than its sweeping
	const lanes = 8
	t.Run("lanes", func(t *testing.T) {
		for lane := range uint64(lanes) {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for seed := lane + 1; seed <= uint64(*soakSeeds); seed += lanes {
					if bad, how := trySeed(t, seed, variant{}, *soakCuts); len(bad) > 0 {
						t.Fatalf("seed %d (%s): %s\n%s\nto replay: %s", seed, storyOf(seed), strings.Join(bad, "\n"), how, replayCommand(seed))
					}
				}
			})
		}
	})
	t.Log(covered)
	if *soakSeeds >= len(stories)*4 {
		for _, gap := range covered.gaps() {
			t.Error(gap)
		}
	}
}
