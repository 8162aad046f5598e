// Package apply is the one loop that changes hardware: look, journal the intent, act, look until it is real, journal the
// outcome; node by node in waves, within leases, quotas and limits, and resumable after a cut at any point.
package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Driver is the only seam through which hardware changes. It acts on one node.
type Driver interface {
	// Check says how a step stands; op is what Act recorded for it, or nil. It never changes the device.
	//
	// With an op, Working means that something of this step may still be happening; Ready means that what was begun has ended
	// without effect and may be tried again; Unknown means that the device answers but cannot say. An error of class
	// transient or unreachable is about this look only. Of a reset step, Check is about the reset itself: Ready = the
	// baseline of op has not changed, Working = the device is on its way down or up, Done = it was reset and is ready again;
	// whether what it activates became real, the loop checks step by step.
	Check(ctx context.Context, s step.Step, op *step.Op) (step.State, error)
	// Act makes the change once. It calls record before the side effect (Baseline, Sent false) and again right after the
	// answer (Handle, Sent true); when record fails, it does nothing more. It does not wait for the change to become real.
	Act(ctx context.Context, s step.Step, record func(step.Op) error) error
}

// Request is one run. Plan or Resume is required, and Locks, Who and Drivers.
type Request struct {
	Plan   plan.Plan
	Resume string // path of the journal to go on with; a Plan given with it must be the one it was begun with

	Drivers func(ctx context.Context, node string) (Driver, func(), error) // the function given back closes the driver
	Locks   *Locks
	Who     Holder
	FS      journal.FS // nil: the machine's disk
	Dir     string     // folder of journals

	Parallel int             // nodes at once, at most; 0: as the plan's waves say
	Pace     float64         // divides every wait: that of a simulator whose minutes are shorter; 0: 1
	Seed     uint64          // of the jitter of waits
	Events   func(Event)     // nil: none. Never called twice at a time; must not block
	Stop     <-chan struct{} // closed: finish or safely leave what is under way, start nothing new. Cancel ctx to leave at once
	Quotas   Quotas
	Watch    *Watch         // who follows what the devices tell of themselves; nil: nobody
	KeepOn   bool           // a node that becomes unsafe is left as it is; else its power is taken away
	Sign     journal.Signer // signs the head of the journal at each gate; nil: gates are not signed

	hooks hooks
}

// Word is how something ended, in one of five words.
type Word string

// The five results.
const (
	Done     Word = "done"     // as wanted
	Skipped  Word = "skipped"  // was so already
	Degraded Word = "degraded" // waived
	Blocked  Word = "blocked"  // needs hands, another plan, or the end of what stopped the run
	Failed   Word = "failed"   // did not work
)

// Result is how a run ended.
type Result struct {
	Plan      rack.Digest   `json:"plan"`
	Journal   string        `json:"journal"`
	Head      string        `json:"head"`              // hash of the journal's last line
	Nodes     []NodeResult  `json:"nodes"`             // in the order of the plan
	Stopped   string        `json:"stopped,omitempty"` // why the run ended early, for people
	Resumable bool          `json:"resumable"`         // the same journal can be gone on with
	Elapsed   time.Duration `json:"elapsed_ns"`
}

// OK tells whether every node is as planned.
func (r Result) OK() bool { return r.Stopped == "" && r.Count(Done, Skipped, Degraded) == len(r.Nodes) }

// Moved tells whether a device was no longer as planned: a new plan is needed.
func (r Result) Moved() bool {
	for _, n := range r.Nodes {
		if n.Class == step.HasMoved {
			return true
		}
	}
	return false
}

// Count counts the nodes that ended in one of the words.
func (r Result) Count(words ...Word) int {
	c := 0
	for _, n := range r.Nodes {
		for _, w := range words {
			if n.Word == w {
				c++
			}
		}
	}
	return c
}

// NodeResult is how one node ended.
type NodeResult struct {
	Node      string         `json:"node"`
	Address   rack.Address   `json:"address"`
	Word      Word           `json:"result"`
	Left      bool           `json:"left,omitempty"` // not ended: resume goes on with it
	Steps     int            `json:"steps"`          // that are done or were so
	Of        int            `json:"of"`
	Resets    map[string]int `json:"resets,omitempty"`    // issued by this process, by class
	Recovered []string       `json:"recovered,omitempty"` // rungs of the recovery ladder that this process took and the device came back from; not among Resets
	Elapsed   time.Duration  `json:"elapsed_ns"`
	Step      step.ID        `json:"step,omitempty"` // where it ended, unless done
	Class     step.Class     `json:"class,omitempty"`
	Text      string         `json:"text,omitempty"`
	Advice    string         `json:"advice,omitempty"`
	Messages  []string       `json:"messages,omitempty"`
	Origin    diag.Origin    `json:"origin,omitzero"` // the text that asked for the step
}

// Event is one thing that happened, for a live view.
type Event struct {
	Time      time.Time     `json:"time"`
	Wave      string        `json:"wave,omitempty"`
	Node      string        `json:"node,omitempty"`
	Phase     string        `json:"phase"` // waiting, connect, look, act, wait, recover, done, skipped, blocked, failed, stop; event, hearing, cleared
	Step      step.ID       `json:"step,omitempty"`
	Kind      step.Kind     `json:"kind,omitempty"`
	Index     int           `json:"index,omitempty"` // of the step, from 1
	Of        int           `json:"of,omitempty"`
	Percent   int           `json:"percent"` // -1: not told
	Elapsed   time.Duration `json:"elapsed_ns"`
	Remaining time.Duration `json:"remaining_ns"` // as planned
	Note      string        `json:"note,omitempty"`

	BMC     *rack.Event   `json:"bmc_event,omitempty"` // of phase event: what the device told; of cleared: what was not so
	Hearing *rack.Hearing `json:"hearing,omitempty"`   // of phase hearing: how the events of the device come
}

// Quotas bound how often the same thing may go wrong before the run pauses, since it is then our bug.
type Quotas struct {
	RecipeCanaries int // nodes of the canary wave with one signature; 0: 2
	RecipeNodes    int // nodes with one signature; 0: 3
}

// Run applies a plan, or goes on with a journal, and returns when nothing is under way any more. What goes wrong on a node is
// in the Result; an error says why the run could not begin, or could not be recorded and so stopped before its next side
// effect; the Result is valid with it once the journal had begun.
func Run(ctx context.Context, req Request) (Result, error) {
	req = req.withDefaults()
	b, err := req.begin()
	if err != nil {
		return Result{}, err
	}
	r := newRun(ctx, req, b)
	defer r.cancel()
	watched := make(chan struct{})
	defer func() { <-watched }()
	over := make(chan struct{})
	defer close(over)
	go func() {
		defer close(watched)
		r.watch(over)
	}()
	start := time.Now()
	b.journal.SignGates(req.Sign)
	err = r.opening()
	if err == nil {
		stop := r.watchOver()
		r.waves()
		stop()
		err = r.closing()
	}
	res := r.result(time.Since(start))
	err = errors.Join(err, b.journal.Close())
	if b.held != nil {
		err = errors.Join(err, b.held.Release())
	}
	return res, err
}

func (req Request) withDefaults() Request {
	if req.FS == nil {
		req.FS = journal.Disk{}
	}
	if req.Pace <= 0 {
		req.Pace = 1
	}
	if req.Quotas.RecipeCanaries == 0 {
		req.Quotas.RecipeCanaries = 2
	}
	if req.Quotas.RecipeNodes == 0 {
		req.Quotas.RecipeNodes = 3
	}
	return req
}

// begun is a run that may start: the plan, its journal and the leases on its nodes.
type begun struct {
	plan    plan.Plan
	journal *journal.Journal
	replay  journal.Replay // empty for a new run
	held    *Held
}

// begin verifies the chain of the journal to go on with, takes the leases under a higher token, and only then opens it for
// writing: who comes second is told who came first.
func (req Request) begin() (begun, error) {
	b := begun{plan: req.Plan}
	if req.Resume != "" {
		rep, err := journal.Load(req.FS, req.Resume)
		if err == nil {
			err = req.mayResume(rep)
		}
		if err != nil {
			return b, err
		}
		b.replay, b.plan = rep, rep.Plan
	}
	if b.plan.ComputeDigest() != b.plan.Digest {
		return b, step.Fail(step.HasMoved, errors.New("the plan is not the one that its digest names"), "Plan again.")
	}
	var err error
	token := b.replay.Token + 1
	if !req.hooks.noLease {
		if b.held, err = req.Locks.Acquire(req.Who, Leases(b.plan), b.replay.Token); err == nil {
			token = b.held.Token()
		}
	}
	switch {
	case err != nil:
	case req.Resume != "":
		err = b.reopen(req, token)
	default:
		b.journal, err = journal.Create(req.FS, req.Dir, b.plan, token)
	}
	if err != nil {
		if b.journal != nil {
			err = errors.Join(err, b.journal.Close())
		}
		if b.held != nil {
			err = errors.Join(err, b.held.Release())
		}
	}
	return b, err
}

// mayResume says why a journal cannot be gone on with, or nil.
func (req Request) mayResume(rep journal.Replay) error {
	switch {
	case req.Plan.Digest != "" && req.Plan.Digest != rep.Plan.Digest:
		return step.Fail(step.HasMoved, fmt.Errorf("journal %s is of plan %s, not %s", req.Resume, rep.Plan.Digest.Short(),
			req.Plan.Digest.Short()), "Plan again.")
	case !rep.Resumable():
		return step.Fail(step.HasMoved, fmt.Errorf("the run of journal %s has ended (%s)", req.Resume, rep.Ended), "Plan again.")
	}
	return nil
}

// reopen opens the journal to go on with for writing, under leases that are held. Another process may have written to it since
// it was read.
func (b *begun) reopen(req Request, token uint64) error {
	j, rep, err := journal.Open(req.FS, req.Resume)
	if err != nil {
		return err
	}
	b.journal, b.replay = j, rep
	if err := req.mayResume(rep); err != nil {
		return err
	}
	return j.Resume(max(token, rep.Token+1))
}

// Leases are the leases that a run of p takes, in their order: what its nodes stand in, and the nodes.
func Leases(p plan.Plan) []Want {
	var wants []Want
	for _, n := range p.Nodes {
		for _, h := range n.Holds {
			wants = append(wants, Want(h))
		}
		wants = append(wants, Want{Name: "node/" + n.Name})
	}
	return inOrder(wants)
}

// leaseNames are their names, for the record.
func leaseNames(p plan.Plan) []string {
	var names []string
	for _, w := range Leases(p) {
		name := w.Name
		if w.Shared {
			name += " (shared)"
		}
		names = append(names, name)
	}
	return names
}
