package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/survey"
)

// Look names what a glance reads beyond identity and power.
type Look = bmc.Look

// The looks.
const (
	LookBoot     = bmc.LookBoot
	LookMedia    = bmc.LookMedia
	LookLED      = bmc.LookLED
	LookJobs     = bmc.LookJobs
	LookAux      = bmc.LookAux
	LookDumps    = bmc.LookDumps
	LookAccounts = bmc.LookAccounts
	LookDisks    = bmc.LookDisks

	LookCertificates = bmc.LookCertificates
)

// lookFor is what a verb rests on.
func lookFor(v plan.Verb) Look {
	switch v.Do {
	case plan.DoBoot:
		return LookBoot
	case plan.DoInsert, plan.DoEject:
		return LookMedia
	case plan.DoLED:
		return LookLED
	case plan.DoDump:
		return LookDumps
	case plan.DoClear:
		return LookJobs
	case plan.DoRotate:
		return LookAccounts
	case plan.DoSpare, plan.DoUnspare, plan.DoImport, plan.DoClearFC:
		return LookDisks
	case plan.DoCertificate:
		return LookCertificates
	}
	if v.Aux {
		return LookAux
	}
	return 0
}

// glancer reads the little of one node that a verb rests on.
type glancer struct {
	*bmc.Driver
	look Look
}

// Read implements survey.Reader.
func (g glancer) Read(ctx context.Context) (rack.Device, []rack.Gap, error) {
	dev, err := g.Glance(ctx, g.look)
	return dev, nil, err
}

// Glance reads a few resources of some nodes. What could not be read is a gap. It changes nothing.
func (w *Workspace) Glance(ctx context.Context, nodes []string, look Look) rack.Observation {
	var targets []survey.Target
	for _, n := range w.Design.Nodes {
		if slices.Contains(nodes, n.Name) {
			targets = append(targets, survey.Target{Address: string(n.Address), Node: n.Name, Endpoint: w.Bindings[n.Name].URL,
				Open: func(ctx context.Context) (survey.Reader, error) {
					d, err := w.driver(ctx, n.Name)
					if err != nil {
						return nil, err
					}
					return glancer{d, look}, nil
				}})
		}
	}
	return survey.Run(ctx, targets, survey.Options{})
}

// Say looks at nodes and plans a verb for them. The observation it rests on comes with it.
func (w *Workspace) Say(ctx context.Context, v plan.Verb, nodes []string) (plan.Plan, rack.Observation) {
	var refused []plan.Note
	if v.Do == plan.DoInsert {
		refused = w.outside(v.Value, nodes)
	}
	allowed := slices.DeleteFunc(slices.Clone(nodes), func(name string) bool {
		return slices.ContainsFunc(refused, func(n plan.Note) bool { return n.Node == name })
	})
	w.hold(ctx, allowed...)
	v.Now = w.opt.Now
	o := w.glanceFor(ctx, v, allowed)
	p := plan.Say(w.Design, o, v, allowed)
	if v.Do == plan.DoOn && p.Refused() { // what was not looked at counts as on: perhaps it is not
		o = joined(o, w.Glance(ctx, w.sharing(allowed), 0))
		p = plan.Say(w.Design, o, v, allowed)
	}
	p.Report.Blocked = append(p.Report.Blocked, refused...)
	return p, o
}

// resumeVerbFor is how long a verb that was cut off is gone on with. Later the same words mean to do it anew: a power
// cycle of last week is not the one that is asked for today.
const resumeVerbFor = 30 * time.Minute

// PendingVerb finds a run of the same verb on the same nodes that was cut off a short while ago, when no other run has
// touched these nodes since; nil when there is none.
func (w *Workspace) PendingVerb(v plan.Verb, nodes []string) (*Pending, error) {
	runs, err := journal.Runs(w.opt.JournalFS, w.journalDir())
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Backward(runs) {
		rep, err := journal.Load(w.opt.JournalFS, path)
		if err != nil {
			return nil, fmt.Errorf("read the latest journal: %w", err)
		}
		if !slices.ContainsFunc(rep.Plan.Nodes, func(n plan.NodePlan) bool { return slices.Contains(nodes, n.Name) }) {
			continue
		}
		strange := slices.ContainsFunc(rep.Plan.Nodes, func(n plan.NodePlan) bool { return !slices.Contains(nodes, n.Name) })
		if strange || rep.Plan.Verb != v.String() || !rep.Resumable() || time.Since(rep.Begun) > resumeVerbFor {
			return nil, nil
		}
		p := &Pending{Journal: path, Plan: rep.Plan}
		p.Done, p.Of = rep.Done()
		return p, nil
	}
	return nil, nil
}

// Do runs a plan of Say. Afterwards the nodes are looked at once more, for the record.
func (w *Workspace) Do(ctx context.Context, v plan.Verb, p plan.Plan, opt ApplyOptions) (apply.Result, error) {
	if err := w.keepRun(p, opt.Before); err != nil {
		return apply.Result{}, err
	}
	return w.do(ctx, v, apply.Request{Plan: p}, opt)
}

// ResumeVerb goes on with a verb that was cut off.
func (w *Workspace) ResumeVerb(ctx context.Context, v plan.Verb, p Pending, opt ApplyOptions) (apply.Result, error) {
	for _, n := range p.Plan.Nodes {
		w.hold(ctx, n.Name)
	}
	return w.do(ctx, v, apply.Request{Plan: p.Plan, Resume: p.Journal}, opt)
}

func (w *Workspace) do(ctx context.Context, v plan.Verb, req apply.Request, opt ApplyOptions) (apply.Result, error) {
	req, made, err := w.signed(w.request(ctx, req, opt))
	if err != nil {
		return apply.Result{}, err
	}
	w.newKey = w.newKey || made
	res, err := apply.Run(ctx, req)
	if err != nil || ctx.Err() != nil {
		return res, errors.Join(err, ctx.Err())
	}
	var nodes []string
	for _, n := range res.Nodes {
		nodes = append(nodes, n.Node)
	}
	after := w.glanceFor(ctx, v, nodes)
	return res, writeJSON(filepath.Join(w.runDir(res.Plan), "after.json"), after)
}

// NewKey tells whether a verb of this process has made the signing key: its public half has to be handed out.
func (w *Workspace) NewKey() bool { return w.newKey }

// Logs reads every log of one node.
func (w *Workspace) Logs(ctx context.Context, node string, opt bmc.LogOptions, take func(bmc.LogEntry) error) ([]bmc.Log, error) {
	w.hold(ctx, node)
	d, err := w.driver(ctx, node)
	if err != nil {
		return nil, err
	}
	defer w.closeDriver(ctx, d.Close)
	return d.Logs(ctx, opt, take)
}

// FetchDump writes the diagnostic data of one node to out: what the run of this journal had collected, or, with no
// journal, the archive at path.
func (w *Workspace) FetchDump(ctx context.Context, node, path, run string, out io.Writer) (int64, error) {
	d, err := w.driver(ctx, node)
	if err != nil {
		return 0, err
	}
	defer w.closeDriver(ctx, d.Close)
	if path != "" {
		return d.FetchDump(ctx, step.Step{}, nil, path, out)
	}
	rep, err := journal.Load(w.opt.JournalFS, run)
	if err != nil {
		return 0, err
	}
	for _, n := range rep.Plan.Nodes {
		for _, s := range n.Steps {
			if n.Name == node && s.Kind == step.Dump {
				return d.FetchDump(ctx, s, rep.Steps[s.ID].Op, "", out)
			}
		}
	}
	return 0, fmt.Errorf("journal %s collected nothing of %s", filepath.Base(run), node)
}
