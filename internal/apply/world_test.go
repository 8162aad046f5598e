package apply

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// World is what the soak runs on: a rack that behaves like hardware, in virtual time, and knows the truth about itself.
type World interface {
	Plan() plan.Plan
	// Process is a new life of the program: kill ends it as kill -9 does, so that nothing of it reaches a device any more.
	Process() (drivers func(context.Context, string) (Driver, func(), error), kill func())
	// Real says what is untrue about a step of which it is claimed that it is done, or "".
	Real(id step.ID) string
	// Expect is how a node must end, and with which failure class.
	Expect(node string) (Word, step.Class)
	// Freeze makes every side effect from now on a violation: the journal cannot be written.
	Freeze(bool)
	// Ledger is what the program has done to the rack so far.
	Ledger() Ledger
	// Violations are what the rack holds against the program, up to now; over says that no more runs follow.
	Violations(over bool) []string
	String() string
}

// Ledger counts what was done to a rack.
type Ledger struct {
	Begun          int            // acts that came as far as their first record
	Effects        int            // side effects
	Last           time.Time      // of them
	Opened, Closed int            // drivers, of processes that were not killed
	Refused        map[string]int // failed logins by node
}

// fakeRack is the World in memory.
type fakeRack struct {
	seed uint64
	plan plan.Plan

	mu         sync.Mutex
	nodes      map[string]*fakeNode
	violations []string
	uploads    int
	effects    int
	recorded   int
	affected   time.Time
	opened     int
	closed     int
	quiet      bool // nothing goes wrong
	frozen     bool // the journal cannot be written any more: no side effect may follow
}

// fakeNode is one node and its BMC.
type fakeNode struct {
	w     *fakeRack
	name  string
	fault nodeFault
	count map[string]int // of decisions, by name

	power      bool
	bios       map[string]any
	pending    map[string]any
	fw         map[string]string
	staged     map[string]string
	volumes    map[string]time.Time // when it is complete
	created    map[string]int
	volumeFrom time.Time
	settings   map[step.ID]bool // boot order, boot once, media
	drives     map[string]fakeDrive

	flash      string // component being written
	flashFrom  time.Time
	flashUntil time.Time
	flashTo    string
	flashBad   bool

	downFrom, bootUntil time.Time // host
	bmcFrom, bmcUntil   time.Time
	lastReset           map[string]time.Time
	activations         int

	pushes map[string]int
	resets map[string]int
	logins int // that failed

	ladder // of the recovery
}

// fork copies the rack as it stands, with no process at it.
func (w *fakeRack) fork() *fakeRack {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &fakeRack{seed: w.seed, plan: w.plan, nodes: make(map[string]*fakeNode, len(w.nodes)), violations: slices.Clone(w.violations),
		effects: w.effects, recorded: w.recorded, affected: w.affected, opened: w.opened, closed: w.closed, quiet: w.quiet, frozen: w.frozen}
	for name, n := range w.nodes {
		x := *n
		x.w = c
		x.count, x.bios, x.pending, x.fw = maps.Clone(n.count), maps.Clone(n.bios), maps.Clone(n.pending), maps.Clone(n.fw)
		x.staged, x.volumes, x.created = maps.Clone(n.staged), maps.Clone(n.volumes), maps.Clone(n.created)
		x.settings, x.lastReset = maps.Clone(n.settings), maps.Clone(n.lastReset)
		x.pushes, x.resets = maps.Clone(n.pushes), maps.Clone(n.resets)
		x.taken, x.drives = maps.Clone(n.taken), cloneDrives(n.drives)
		c.nodes[name] = &x
	}
	return c
}

// nodeFault is what is wrong with a node for good, or once.
type nodeFault struct {
	auth      bool   // wrong password
	moved     bool   // somebody changed the BIOS since the plan
	refuses   string // component whose image it does not take
	vanish    bool   // R18: the task of a staged image is gone, and the device cannot say
	lazy      bool   // R20: the first activation does not take
	deaf      bool   // the first PATCH of the BIOS is accepted and ignored
	blind     bool   // does not say when it was reset
	drops     bool   // a BMC reset drops pending settings
	flaps     bool   // shows the new version while it is still writing
	badFlash  string // component whose first flash fails at its end
	safety    bool   // a leak
	transient int    // percent of looks that fail
	// unreachable: its BMC has no power
	unreachable bool
	wedge       string    // the rung that it takes until the BIOS may be written
	wedgeAt     step.Kind // what it refuses: the BIOS, or, with images staged, a volume
	asleep      bool      // the host is off before
}

// roll decides something about a node, the same way for the same seed whatever else goes on: a number below n.
func (n *fakeNode) roll(what string, mod int) int {
	n.count[what]++
	return roll(n.w.seed, fmt.Sprintf("%s/%s/%d", n.name, what, n.count[what]), mod)
}

func roll(seed uint64, what string, mod int) int {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s", seed, what)
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return int(x % uint64(mod))
}

// newFakeRack makes a rack of the seed and a plan for it. special names the story to tell; "" picks faults that end.
func newFakeRack(seed uint64, special string) *fakeRack {
	w := &fakeRack{seed: seed, nodes: map[string]*fakeNode{}, quiet: special == "quiet"}
	count := 1 + roll(seed, "nodes", 3)
	switch special {
	case "crowd", "recipe":
		count = 6 // more than may be pushed to at once, and than may fail alike
	case "quiet":
		count = 3
	}
	p := plan.Plan{Format: plan.Format, Design: rack.DigestOf(seed)}
	canary := plan.Wave{Name: "canary", OnError: "halt"}
	rest := plan.Wave{Name: "1", OnError: "halt", AllowFailed: 1, MaxParallel: 1 + roll(seed, "parallel", 4)}
	for i := range count {
		name := fmt.Sprintf("n%d", i+1)
		n := &fakeNode{w: w, name: name, count: map[string]int{}, power: true, bios: map[string]any{}, fw: map[string]string{},
			staged: map[string]string{}, volumes: map[string]time.Time{}, created: map[string]int{}, settings: map[step.ID]bool{},
			lastReset: map[string]time.Time{}, pushes: map[string]int{}, resets: map[string]int{}, ladder: ladder{taken: map[step.ID]int{}}}
		w.nodes[name] = n
		n.fault = w.faults(i, count, special)
		p.Nodes = append(p.Nodes, n.makePlan(special))
		if i == 0 && special != "crowd" {
			canary.Nodes = append(canary.Nodes, name)
		} else {
			rest.Nodes = append(rest.Nodes, name)
		}
	}
	if special == "crowd" || special == "recipe" {
		rest.MaxParallel = count
	}
	if special == "recipe" {
		rest.AllowFailed, rest.OnError, rest.MaxParallel = count, "continue", 2
	}
	p.Waves = []plan.Wave{rest}
	if len(canary.Nodes) > 0 {
		p.Waves = []plan.Wave{canary, rest}
	}
	p.Digest = p.ComputeDigest()
	w.plan = p
	return w
}

// faults picks what is wrong with node i.
func (w *fakeRack) faults(i, count int, special string) nodeFault {
	r := func(what string, n int) bool { return roll(w.seed, fmt.Sprintf("%d/%s", i, what), n) == 0 }
	f := nodeFault{vanish: r("vanish", 4), lazy: r("lazy", 4), deaf: r("deaf", 4), blind: r("blind", 4), drops: r("drops", 3),
		flaps: r("flaps", 2), transient: 5 * roll(w.seed, "transient", 3)}
	if r("bad flash", 4) {
		f.badFlash = "bios"
	}
	last := i == count-1
	switch special {
	case "quiet":
		return nodeFault{}
	case "auth":
		f.auth = last
	case "moved":
		f.moved = last
	case "safety":
		f.safety = last
	case "wedged":
		if last {
			f.wedge = fakeRungs[roll(w.seed, "rung", len(fakeRungs))]
			f.deaf = false
			f.wedgeAt = []step.Kind{step.BIOS, step.BIOS, step.Volume}[roll(w.seed, "wedge at", 3)]
			f.asleep = roll(w.seed, "asleep", 3) == 0
		}
	case "refused":
		if last {
			f.refuses = "bios"
		}
	case "recipe":
		if i > 0 {
			f.refuses = "bios"
		}
	}
	return f
}

// makePlan puts the device as it is before, and returns what is to be done to it.
func (n *fakeNode) makePlan(special string) plan.NodePlan {
	np := plan.NodePlan{Address: rack.Address(fmt.Sprintf("node.gpu[%q]", n.name)), Name: n.name, Resets: map[string]int{}}
	seq := 0
	add := func(s step.Step) step.ID {
		seq += 10
		s.ID, s.Node, s.Address, s.EstimatedS = step.ID(fmt.Sprintf("%s/%03d-%s", n.name, seq, s.Kind)), n.name, np.Address, 60
		np.Steps = append(np.Steps, s)
		return s.ID
	}
	has := func(what string, mod int) bool { return special != "" || roll(n.w.seed, n.name+what, mod) != 0 }
	image := func(component string, a step.Activation) step.ID {
		n.fw[component] = "1"
		return add(step.Step{Kind: step.Firmware, Activation: a, Expect: step.Facts{"version": "1"}, Want: step.Facts{"version": "2"},
			Args: step.Args{Component: component}})
	}
	n.bios["A"], n.bios["B"] = "off", int64(1)
	if has("bmc", 2) {
		id := image("bmc", step.BMCReset)
		add(step.Step{Kind: step.Reset, Activation: step.BMCReset, Activates: []step.ID{id}})
		np.Resets[step.BMCReset.String()]++
	}
	if has("off", 4) && !n.fault.asleep {
		n.power = true
	} else {
		n.power, n.fault.lazy = false, false // what a power-on does not activate, it cannot activate once more
	}
	var staged []step.ID
	if has("bios", 5) {
		staged = append(staged, add(step.Step{Kind: step.BIOS, Activation: step.HostReset,
			Expect: step.Facts{"A": "off", "B": int64(1)}, Want: step.Facts{"A": "on", "B": int64(4)}}))
	}
	if has("biosfw", 3) {
		staged = append(staged, image("bios", step.HostReset))
	}
	if has("nic", 3) {
		staged = append(staged, image("nic", step.HostReset))
	}
	if has("volume", 2) {
		add(step.Step{Kind: step.Volume, Activation: step.None, Expect: step.Facts{"exists": false}, Want: step.Facts{"name": "boot"}})
	}
	if has("erase", 3) {
		n.planErases(add)
	}
	switch {
	case !n.power:
		add(step.Step{Kind: step.Power, Activation: step.None, Expect: step.Facts{"power_state": "Off"},
			Want: step.Facts{"power_state": "On"}, Activates: staged})
	case len(staged) > 0:
		add(step.Step{Kind: step.Reset, Activation: step.HostReset, Activates: staged})
		np.Resets[step.HostReset.String()]++
	}
	add(step.Step{Kind: step.BootOrder, Activation: step.None})
	for _, k := range plainKinds() {
		if !has(string(k), 8) { // one or two of them a node: all of them on each would only make a longer list
			add(step.Step{Kind: k, Activation: step.None})
		}
	}
	if n.fault.moved {
		n.bios["A"] = "auto"
	}
	return np
}

// plainKinds are the kinds of step that the rack in memory knows no more of than whether it was done, besides the boot order.
var plainKinds = sync.OnceValue(func() []step.Kind {
	own := []step.Kind{step.Power, step.BIOS, step.BootOrder, step.Volume, step.Erase, step.Firmware, step.Reset, step.ClearJobs}
	return slices.DeleteFunc(slices.Clone(stepKinds()), func(k step.Kind) bool { return slices.Contains(own, k) })
})

// Plan implements World.
func (w *fakeRack) Plan() plan.Plan { return w.plan }

func (w *fakeRack) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// fakeProcess is one life of the program, as the devices see it.
type fakeProcess struct {
	w      *fakeRack
	dead   chan struct{}
	logins map[string]int // that failed
}

// Process implements World.
func (w *fakeRack) Process() (func(context.Context, string) (Driver, func(), error), func()) {
	p := &fakeProcess{w: w, dead: make(chan struct{}), logins: map[string]int{}}
	return p.open, sync.OnceFunc(func() { close(p.dead) })
}

func (p *fakeProcess) killed() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

var errKilled = errors.New("this process is dead")

func (p *fakeProcess) open(_ context.Context, name string) (Driver, func(), error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.nodes[name]
	if p.killed() {
		return nil, nil, errKilled
	}
	if n.fault.auth {
		n.logins += 2 // a driver tries twice by itself
		if p.logins[name] += 2; p.logins[name] > 2 {
			w.violate("%s: %d failed logins by one process", name, p.logins[name])
		}
		return nil, nil, step.Fail(step.Auth, errors.New("the BMC refuses the password"), "Set the right password.")
	}
	if n.fault.unreachable {
		return nil, nil, step.Fail(step.Unreachable, errors.New("no route to host"), "See that it has power.")
	}
	if !w.quiet && n.roll("connect", 10) == 0 && n.count["connect faults"] < 2 {
		n.count["connect faults"]++
		return nil, nil, step.Fail(step.Unreachable, errors.New("no route to host"), "")
	}
	w.opened++
	return &fakeDriver{p, n}, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !p.killed() {
			w.closed++
		}
	}, nil
}

// advance lets the device get on with what it does by itself; n.w.mu is held.
func (n *fakeNode) advance() {
	now := time.Now()
	if n.flash != "" && !now.Before(n.flashUntil) {
		if !n.flashBad {
			n.staged[n.flash] = n.flashTo
		}
		n.flash, n.flashBad = "", false
	}
	if !n.bmcFrom.IsZero() && !now.Before(n.bmcUntil) {
		n.bmcFrom = time.Time{}
		n.lastReset["bmc"] = n.bmcUntil
		if v := n.staged["bmc"]; v != "" && n.takes() {
			n.fw["bmc"] = v
			delete(n.staged, "bmc")
		}
		if n.fault.drops {
			n.pending = nil
		}
	}
	if !n.downFrom.IsZero() && !now.Before(n.bootUntil) {
		n.downFrom = time.Time{}
		n.lastReset["host"] = n.bootUntil
		if n.takes() {
			maps.Copy(n.bios, n.pending)
			n.pending = nil
			for c, v := range n.staged {
				if c != "bmc" {
					n.fw[c] = v
					delete(n.staged, c)
				}
			}
		}
	}
}

// takes tells whether this activation works: of a lazy device, the first does not.
func (n *fakeNode) takes() bool {
	n.activations++
	return !n.fault.lazy || n.activations > 1
}

// Real implements World.
func (w *fakeRack) Real(id step.ID) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, np := range w.plan.Nodes {
		for _, s := range np.Steps {
			if s.ID == id {
				n := w.nodes[np.Name]
				n.advance()
				return n.untrue(s)
			}
		}
	}
	return "no such step"
}

func (n *fakeNode) untrue(s step.Step) string {
	switch s.Kind {
	case step.BIOS:
		for k, v := range s.Want {
			if n.bios[k] != v {
				return fmt.Sprintf("BIOS %s is %v, not %v", k, n.bios[k], v)
			}
		}
	case step.Firmware:
		if v := n.fw[s.Args.Component]; v != s.Want["version"] {
			return fmt.Sprintf("%s is %s, not %v", s.Args.Component, v, s.Want["version"])
		}
	case step.Volume:
		if at, ok := n.volumes["boot"]; !ok || time.Now().Before(at) {
			return "there is no volume"
		}
	case step.Erase:
		return n.notErased(s)
	case step.Power:
		if !n.power {
			return "the host is off"
		}
	case step.Reset:
		if !n.downFrom.IsZero() || !n.bmcFrom.IsZero() {
			return "the device is not back"
		}
	default:
		if !n.settings[s.ID] {
			return "not set"
		}
	}
	return ""
}

// Expect implements World.
func (w *fakeRack) Expect(node string) (Word, step.Class) {
	switch f := w.nodes[node].fault; {
	case f.auth:
		return Failed, step.Auth
	case f.moved:
		return Blocked, step.HasMoved
	case f.safety:
		return Blocked, step.Safety
	case w.nodes[node].lost():
		return Failed, step.Transient
	case f.refuses != "":
		return Failed, step.Rejected
	}
	return Done, step.NoFailure
}

// Freeze implements World.
func (w *fakeRack) Freeze(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = on
}

// Ledger implements World.
func (w *fakeRack) Ledger() Ledger {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := Ledger{Begun: w.recorded, Effects: w.effects, Last: w.affected, Opened: w.opened, Closed: w.closed, Refused: map[string]int{}}
	for name, n := range w.nodes {
		l.Refused[name] = n.logins
	}
	return l
}

// Violations implements World.
func (w *fakeRack) Violations(over bool) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := slices.Clone(w.violations)
	for _, np := range w.plan.Nodes {
		n := w.nodes[np.Name]
		n.advance()
		for c, got := range n.pushes {
			allowed := 1
			if n.fault.badFlash == c {
				allowed = 2
			}
			if got > allowed {
				out = append(out, fmt.Sprintf("%s: %s was pushed %d times", n.name, c, got))
			}
		}
		for class, got := range n.resets {
			allowed := np.Resets[class]
			if n.fault.lazy {
				allowed++
			}
			if got > allowed {
				out = append(out, fmt.Sprintf("%s: %d %s, planned were %d", n.name, got, class, np.Resets[class]))
			}
		}
		for id, got := range n.taken {
			if got > 1 {
				out = append(out, fmt.Sprintf("%s: the rung %s was taken %d times", n.name, id, got))
			}
		}
		for name, got := range n.created {
			if got > 1 {
				out = append(out, fmt.Sprintf("%s: volume %s was created %d times", n.name, name, got))
			}
		}
		out = append(out, n.eraseViolations()...)
		if over && n.flash != "" {
			out = append(out, fmt.Sprintf("%s: %s is still being written at the end", n.name, n.flash))
		}
	}
	return out
}

func (w *fakeRack) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		n := w.nodes[name]
		lines = append(lines, fmt.Sprintf("%s faults %+v pushes %v resets %v bios %v pending %v fw %v staged %v", name, n.fault,
			n.pushes, n.resets, n.bios, n.pending, n.fw, n.staged))
	}
	return strings.Join(lines, "\n")
}
