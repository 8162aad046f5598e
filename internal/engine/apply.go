package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/evidence"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// ApplyOptions tune a run.
type ApplyOptions struct {
	Parallel int                 // nodes at once; 0 = as the plan's waves say
	Events   func(apply.Event)   // live view; nil = none
	Stop     <-chan struct{}     // closed: finish or safely leave what is under way, start nothing new
	Before   *rack.Observation   // what the plan rests on, kept for the evidence
	Settle   func(done, all int) // progress of the closing survey; nil = none
	Receiver *Receiver           // of events that BMCs push; nil = their streams and looks have to do
	KeepOn   bool                // a node that becomes unsafe (a leak) keeps its power; else it is taken away
}

// Applied is how an apply ended: the run, then the closing survey and its plan, which must be empty.
type Applied struct {
	Result  apply.Result
	After   rack.Observation
	Replan  plan.Plan
	Settled bool // the closing plan is empty and its report clean
	NewKey  bool // the signing key was made just now: its public half has to be handed out
}

// Pending is an earlier run that was cut off and can be gone on with.
type Pending struct {
	Journal string
	Plan    plan.Plan
	Done    int // steps with an outcome
	Of      int
}

// Pending finds an earlier run of this Design that did not end and that something is gained by going on with; nil when there is
// none. When a node of it had failed, that is so only while another was left part-way: the rest needs a new plan. A new plan is
// also what a run needs that was stopped for safety: everything is read before anything is done. A run that destroys is never gone
// on with: it led away from the Design, and a new plan of either kind begins from what is there.
func (w *Workspace) Pending() (*Pending, error) {
	runs, err := journal.Runs(w.opt.JournalFS, w.journalDir())
	if err != nil {
		return nil, err
	}
	later := map[string]bool{} // nodes that a younger run was about: what an older one left of them counts no more
	for _, path := range slices.Backward(runs) {
		rep, err := journal.Load(w.opt.JournalFS, path)
		if err != nil {
			return nil, fmt.Errorf("read the latest journal: %w", err)
		}
		if leavesAlone(rep.Plan) {
			continue
		}
		overtaken := false
		for _, n := range rep.Plan.Nodes {
			overtaken = overtaken || later[n.Name]
			later[n.Name] = true
		}
		if !overtaken && !rep.Plan.Destroys && rep.Plan.Verb == "" && rep.Resumable() && rep.Plan.Design == w.Design.Digest() && worthResuming(rep) {
			p := &Pending{Journal: path, Plan: rep.Plan}
			p.Done, p.Of = rep.Done()
			return p, nil
		}
		if !slices.ContainsFunc(w.Design.Nodes, func(n rack.Node) bool { return !later[n.Name] }) {
			break
		}
	}
	return nil, nil
}

// leavesAlone tells whether a run was a verb that changes nothing which an apply rests on: a light, a collection of logs.
func leavesAlone(p plan.Plan) bool {
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			if s.Kind != step.LED && s.Kind != step.Dump {
				return false
			}
		}
	}
	return p.Verb != ""
}

func worthResuming(rep journal.Replay) bool {
	partWay := false
	for _, n := range rep.Plan.Nodes {
		partWay = partWay || rep.PartWay(n.Name)
	}
	for _, n := range rep.Nodes {
		if n.Class == step.Safety {
			return false
		}
	}
	return partWay || !rep.Stuck()
}

// Apply runs a plan, then surveys and plans again.
func (w *Workspace) Apply(ctx context.Context, p plan.Plan, opt ApplyOptions) (Applied, error) {
	if err := w.keepRun(p, opt.Before); err != nil {
		return Applied{}, err
	}
	return w.run(ctx, apply.Request{Plan: p}, opt)
}

// Resume goes on with a run that was cut off.
func (w *Workspace) Resume(ctx context.Context, p Pending, opt ApplyOptions) (Applied, error) {
	return w.run(ctx, apply.Request{Plan: p.Plan, Resume: p.Journal}, opt)
}

// request is a run of this workspace.
func (w *Workspace) request(ctx context.Context, req apply.Request, opt ApplyOptions) apply.Request {
	req.Drivers = w.driverOf
	req.Locks, req.Who, req.FS, req.Dir = w.Locks(), w.who(), w.opt.JournalFS, w.journalDir()
	req.Parallel, req.Pace, req.Events, req.Stop, req.KeepOn = opt.Parallel, w.pace(), opt.Events, opt.Stop, opt.KeepOn
	req.Seed = uint64(time.Now().UnixNano()) // only spreads waits
	return req
}

// signed makes the gates of a run signed ones, with the key of this workspace, which is made on first use.
func (w *Workspace) signed(req apply.Request) (signed apply.Request, made bool, err error) {
	signer, made, err := evidence.OpenKey(w.KeyFile())
	if err != nil {
		return req, false, step.Fail(step.Internal, err, "Nothing was changed on any node.")
	}
	req.Sign = signer.SignGate
	return req, made, nil
}

func (w *Workspace) run(ctx context.Context, req apply.Request, opt ApplyOptions) (Applied, error) {
	req, made, err := w.signed(w.request(ctx, req, opt))
	if err != nil {
		return Applied{}, err
	}
	req.Watch = w.watch(req.Plan, opt.Receiver)
	res, err := apply.Run(ctx, req)
	out := Applied{Result: res, NewKey: made}
	if err != nil || ctx.Err() != nil {
		return out, errors.Join(err, ctx.Err())
	}
	out.Replan, out.After = w.Plan(ctx, SurveyOptions{Progress: opt.Settle})
	out.Settled = out.Replan.Empty() && out.Replan.Report.Clean()
	if out.Settled && !req.Plan.Destroys {
		err = w.KeepSetups(out.After)
	}
	return out, errors.Join(err, writeJSON(filepath.Join(w.runDir(res.Plan), "after.json"), out.After))
}

// closeDriver logs out even when the run was cancelled: a session that stays open takes a slot of the BMC.
func (w *Workspace) closeDriver(ctx context.Context, closeSession func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := closeSession(ctx); err != nil {
		w.opt.Log.Warn("log out", "error", w.Redact(err.Error()))
	}
}

// keepRun keeps what evidence needs of a run: the plan, the design and what was read before.
func (w *Workspace) keepRun(p plan.Plan, before *rack.Observation) error {
	dir := w.runDir(p.Digest)
	err := errors.Join(writeJSON(filepath.Join(dir, "plan.json"), p), writeJSON(filepath.Join(dir, "design.json"), w.Design))
	if before != nil {
		err = errors.Join(err, writeJSON(filepath.Join(dir, "before.json"), before))
	}
	if err != nil {
		return step.Fail(step.Internal, fmt.Errorf("keep the plan: %w", err), "Nothing was changed on any node. Make room in "+w.opt.StateDir+".")
	}
	return nil
}

func (w *Workspace) journalDir() string { return filepath.Join(w.opt.StateDir, "journal") }

func (w *Workspace) runDir(d rack.Digest) string {
	return filepath.Join(w.opt.StateDir, "runs", d.Short())
}

// Locks are the leases of this workspace.
func (w *Workspace) Locks() *apply.Locks {
	return apply.NewLocks(filepath.Join(w.opt.StateDir, "locks"))
}

// JournalDir is where the journals of this workspace stand.
func (w *Workspace) JournalDir() string { return w.journalDir() }

// Who is the operator of this process, as leases and journals name it.
func (w *Workspace) Who() apply.Holder { return w.who() }

func (w *Workspace) who() apply.Holder {
	name := w.opt.Operator
	if name == "" {
		name = "unknown"
		if u, err := user.Current(); err == nil {
			name = u.Username
		} else if s := os.Getenv("USER"); s != "" {
			name = s
		}
	}
	return apply.ThisProcess(name)
}

// Destroy runs a plan of PlanDestroy. It is settled when nothing is left of it, and every node could be asked.
func (w *Workspace) Destroy(ctx context.Context, p plan.Plan, opt ApplyOptions) (Applied, error) {
	got, err := w.Apply(ctx, p, opt)
	var before rack.Observation
	if opt.Before != nil {
		before = *opt.Before
	}
	if cerr := w.keepCertificates(before); err == nil {
		err = cerr
	}
	if err != nil || ctx.Err() != nil {
		return got, err
	}
	got.Replan, got.After = w.PlanDestroy(ctx)
	got.Settled = got.Replan.Empty() && got.Replan.Report.Clean()
	return got, nil
}
