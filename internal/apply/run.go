package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

// run is one Run under way.
type run struct {
	begun
	req    Request
	limits *limits

	watched watched

	hard     context.Context // done: leave at once
	abort    context.CancelCauseFunc
	soft     context.Context // done: start nothing new
	stop     context.CancelCauseFunc
	startedA time.Time

	mu         sync.Mutex
	results    map[string]NodeResult
	signatures map[string]map[string]bool // nodes by failure signature
	events     sync.Mutex
}

func newRun(ctx context.Context, req Request, b begun) *run {
	r := &run{begun: b, req: req, limits: newLimits(req), results: map[string]NodeResult{},
		signatures: map[string]map[string]bool{}, startedA: time.Now()}
	r.hard, r.abort = context.WithCancelCause(ctx)
	r.soft, r.stop = context.WithCancelCause(r.hard)
	return r
}

func (r *run) cancel() {
	r.stop(nil)
	r.abort(nil)
}

var (
	errOperator = errors.New("stopped by the operator")
	errLeft     = errors.New("left part-way") // of a node: not ended, resume goes on
)

// watch turns what happens outside into the two stops, until over.
func (r *run) watch(over <-chan struct{}) {
	var lost <-chan struct{}
	if r.held != nil && !r.req.hooks.noLeaseAct {
		lost = r.held.Lost()
	}
	stop := r.req.Stop
	for {
		select {
		case <-stop:
			r.halt(errOperator)
			stop = nil
		case <-lost:
			r.fatal(r.held.Check())
			lost = nil
		case <-over:
			return
		}
	}
}

// halt ends the run softly: what is under way is finished or safely left, nothing new is started. The first cause stays.
func (r *run) halt(cause error) {
	if r.soft.Err() == nil {
		r.stop(cause)
		r.emit(Event{Phase: "stop", Percent: -1, Note: cause.Error()})
	}
}

// fatal ends the run at once: it could not be recorded, or is no longer ours. The hard stop comes first and takes the soft one
// with it: the other way round, who waits for the soft one could end the run in between, as if an operator had stopped it.
func (r *run) fatal(cause error) { r.abort(cause) }

// cause is why the run stops, or nil. The hard stop brings the soft one about a moment later: in between only it has a cause.
func (r *run) cause() error {
	if err := context.Cause(r.soft); err != nil {
		return err
	}
	return context.Cause(r.hard)
}

// record writes to the journal. A record that cannot be written ends the run.
func (r *run) record(rec journal.Record) error {
	write := r.journal.Append
	if r.req.hooks.record != nil {
		write = func(rec journal.Record) error { return r.req.hooks.record(r.journal, rec) }
	}
	err := write(rec)
	if err != nil {
		r.fatal(err)
	}
	return err
}

// broken is the error that keeps the run from being recorded, or nil.
func (r *run) broken() error {
	if r.req.hooks.record != nil {
		return nil
	}
	return r.journal.Err()
}

// opening records who runs this, under which leases, and which of them had been broken.
func (r *run) opening() error {
	if err := r.record(journal.Record{Kind: journal.Operator, Text: r.req.Who.String()}); err != nil {
		return err
	}
	names := strings.Join(leaseNames(r.plan), ", ")
	if err := r.record(journal.Record{Kind: journal.Lock, Text: names}); err != nil {
		return err
	}
	if r.held == nil {
		return r.gate(journal.Accepted, "")
	}
	for _, b := range r.held.Breaks() {
		text := fmt.Sprintf("lease %s of %s was broken by %s: %s", b.Lease.Name, b.Lease.Holder, b.By, b.Reason)
		if err := r.record(journal.Record{Kind: journal.Operator, Text: text}); err != nil {
			return err
		}
	}
	if err := r.held.Journalled(); err != nil {
		return err
	}
	return r.gate(journal.Accepted, "")
}

// gate records that a part of the run was left in good order, once in the life of a journal; the site's key signs the head
// there.
func (r *run) gate(result, text string) error {
	if result == journal.Accepted && r.replay.Accepted || result == journal.Passed && slices.Contains(r.replay.Passed, text) {
		return nil
	}
	return r.record(journal.Record{Kind: journal.Gate, Result: result, Text: text})
}

// closing records how the run ended.
func (r *run) closing() error {
	if err := r.journal.Err(); err != nil {
		return err
	}
	if cause := context.Cause(r.hard); cause != nil && step.ClassOf(cause) == step.Internal {
		return cause
	}
	end := journal.Finished
	for _, n := range r.plan.Nodes {
		res, ok := r.results[n.Name] // no node is under way any more
		if !ok {
			if err := r.noteUnseen(n); err != nil {
				return err
			}
		}
		switch {
		case !ok || res.Left:
			end = journal.Left
		case res.Word == Failed || res.Word == Blocked:
			if end == journal.Finished {
				end = journal.Failed
			}
		}
	}
	text := ""
	if cause := r.cause(); cause != nil {
		text = cause.Error()
	}
	return r.record(journal.Record{Kind: journal.Gate, Result: end, Text: text})
}

// noteUnseen says of the open intents of a node that was not started again why they have no outcome.
func (r *run) noteUnseen(n plan.NodePlan) error {
	for _, id := range r.replay.OpenSteps(n.Name) {
		rec := journal.Record{Kind: journal.Note, Node: n.Name, Step: id, Text: "not looked at again: the run stopped before"}
		if err := r.record(rec); err != nil {
			return err
		}
	}
	return nil
}

// result puts together how it ended.
func (r *run) result(elapsed time.Duration) Result {
	res := Result{Plan: r.plan.Digest, Journal: r.journal.Path(), Head: r.journal.Head(), Elapsed: elapsed}
	cause := r.cause()
	if cause != nil {
		res.Stopped = cause.Error()
		if errors.Is(cause, context.Canceled) {
			res.Stopped = errOperator.Error()
		}
	}
	for _, n := range r.plan.Nodes {
		nr, ok := r.results[n.Name]
		if !ok {
			nr = NodeResult{Node: n.Name, Address: n.Address, Word: Blocked, Left: true, Of: len(n.Steps),
				Text: "not started: " + res.Stopped}
		}
		res.Resumable = res.Resumable || nr.Left
		res.Nodes = append(res.Nodes, nr)
	}
	return res
}

// waves runs the nodes wave by wave.
func (r *run) waves() {
	for i, w := range r.allWaves() {
		failed := r.wave(w, i)
		if r.soft.Err() != nil {
			return
		}
		if failed > w.AllowFailed && !r.req.hooks.noQuota && w.OnError != "continue" {
			r.halt(fmt.Errorf("%d of %d nodes of wave %s failed, allowed are %d", failed, len(w.Nodes), w.Name, w.AllowFailed))
			return
		}
		if r.gate(journal.Passed, "wave "+w.Name) != nil {
			return // the run has ended: it could not be recorded
		}
	}
}

// allWaves are the plan's waves, and one more for nodes that stand in none.
func (r *run) allWaves() []plan.Wave {
	in := map[string]bool{}
	for _, w := range r.plan.Waves {
		for _, n := range w.Nodes {
			in[n] = true
		}
	}
	rest := plan.Wave{Name: "rest"}
	for _, n := range r.plan.Nodes {
		if !in[n.Name] {
			rest.Nodes = append(rest.Nodes, n.Name)
		}
	}
	if len(rest.Nodes) == 0 {
		return r.plan.Waves
	}
	return append(slices.Clone(r.plan.Waves), rest)
}

// wave runs one wave to its end and counts the nodes that failed. When more failed than may, no further node is started.
//
// What an earlier process left part-way is gone on with even when something had failed: to leave it would mean to repeat it
// later. Only then is that failure judged, and may end the run.
func (r *run) wave(w plan.Wave, index int) int {
	var partWay, open []plan.NodePlan
	var before []NodeResult
	for _, name := range w.Nodes { // what had ended before counts before anything is started
		np, ok := r.nodePlan(name)
		if !ok {
			continue
		}
		if res, ended := r.ended(np); ended {
			before = append(before, res)
			if res.Class == step.Safety { // nothing more may be done in its reach
				r.judge(res, np, w, index)
			}
		} else if r.replay.PartWay(name) {
			partWay = append(partWay, np)
		} else {
			open = append(open, np)
		}
	}
	if !slices.ContainsFunc(before, failedOne) {
		partWay, open = nil, append(partWay, open...)
	}
	r.nodes(partWay, w, index, func() bool { return true })
	for _, res := range before {
		np, _ := r.nodePlan(res.Node)
		r.judge(res, np, w, index)
	}
	r.nodes(open, w, index, func() bool { return w.OnError == "continue" || r.failures(w) <= w.AllowFailed })
	return r.failures(w)
}

func failedOne(res NodeResult) bool { return res.Word == Failed || res.Word == Blocked }

// nodes runs nodes of one wave side by side, as long as one more may be started.
func (r *run) nodes(list []plan.NodePlan, w plan.Wave, index int, may func() bool) {
	width := len(list)
	for _, m := range []int{w.MaxParallel, r.req.Parallel} {
		if m > 0 {
			width = min(width, m)
		}
	}
	slots := make(chan struct{}, max(width, 1))
	var nodes sync.WaitGroup
	defer nodes.Wait()
	for _, np := range list {
		r.emit(Event{Wave: w.Name, Node: np.Name, Phase: "waiting", Of: len(np.Steps), Percent: -1})
		select {
		case slots <- struct{}{}:
		case <-r.soft.Done():
		}
		if r.soft.Err() != nil || !may() {
			return
		}
		nodes.Go(func() {
			defer func() { <-slots }()
			r.watched.enter(np.Name)
			res := newNode(r, np, w, index).run()
			r.mu.Lock()
			r.results[np.Name] = res
			r.mu.Unlock()
			r.watched.over(np.Name)
			r.judge(res, np, w, index)
		})
	}
}

func (r *run) nodePlan(name string) (plan.NodePlan, bool) {
	for _, n := range r.plan.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return plan.NodePlan{}, false
}

// ended takes over the result of a node that had ended before this process: it is not touched again. One that failed stays
// failed, for trying it anew is a new plan: a third login on a BMC with a wrong password may lock it.
func (r *run) ended(np plan.NodePlan) (NodeResult, bool) {
	end, ok := r.replay.Nodes[np.Name]
	if !ok {
		return NodeResult{}, false
	}
	res := NodeResult{Node: np.Name, Address: np.Address, Word: Word(end.Result), Of: len(np.Steps), Step: end.Step,
		Class: end.Class, Text: end.Text, Messages: end.Messages}
	for _, s := range np.Steps {
		if p := r.replay.Steps[s.ID]; p.Result == string(Done) || p.Result == string(Skipped) {
			res.Steps++
		}
	}
	r.mu.Lock()
	r.results[np.Name] = res
	r.mu.Unlock()
	return res, true
}

func (r *run) failures(w plan.Wave) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, name := range w.Nodes {
		if res, ok := r.results[name]; ok && !res.Left && failedOne(res) {
			n++
		}
	}
	return n
}

// judge stops the run when a failure is more than one node's.
func (r *run) judge(res NodeResult, np plan.NodePlan, w plan.Wave, index int) {
	switch res.Class {
	case step.Safety:
		r.halt(safetyStop(res.Node, res.Text))
		return
	case step.Rejected, step.Recipe, step.Unsupported:
	default:
		return // about this node alone
	}
	if res.Left || r.req.hooks.noQuota {
		return
	}
	sig := signature(res, np)
	r.mu.Lock()
	if r.signatures[sig] == nil {
		r.signatures[sig] = map[string]bool{}
	}
	r.signatures[sig][res.Node] = true
	nodes := slices.Sorted(maps.Keys(r.signatures[sig]))
	r.mu.Unlock()
	limit := r.req.Quotas.RecipeNodes
	if index == 0 && w.Name == "canary" {
		limit = r.req.Quotas.RecipeCanaries
	}
	if len(nodes) >= limit {
		r.halt(step.Fail(step.Recipe, fmt.Errorf("the same failure on %s: %s", strings.Join(nodes, ", "), res.Text), ""))
	}
}

// signature is what two failures have in common when they are one: what was done, why it failed, in the BMC's own ids.
func signature(res NodeResult, np plan.NodePlan) string {
	parts := []string{string(res.Class)}
	for _, s := range np.Steps {
		if s.ID == res.Step {
			parts = append(parts, string(s.Kind), s.Args.Component, s.Activation.String())
		}
	}
	return strings.Join(append(parts, slices.Sorted(slices.Values(res.Messages))...), "|")
}

// emit hands an event to whoever watches, one at a time.
func (r *run) emit(e Event) {
	if r.req.Events == nil {
		return
	}
	e.Time = time.Now()
	r.events.Lock()
	defer r.events.Unlock()
	r.req.Events(e)
}
