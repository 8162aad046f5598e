package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

type applyFlags struct {
	workspaceFlags
	approve  bool
	parallel int
	only     []string
	fresh    bool
	keepOn   bool
	watch    bool
	receiver receiverFlags
	acts     actFlags
}

func newApply(a *app) *cobra.Command {
	f := applyFlags{workspaceFlags: workspaceFlags{tell: true}}
	c := &cobra.Command{
		Use: "apply [FILE | DIR]", GroupID: "rack", Short: "Do a plan: stage everything, reset as seldom as possible, verify",
		Long: `Apply plans, asks, does it, and then reads everything again: it is finished when a new plan is empty. With a file of
metalwright plan -out it does exactly that plan and refuses when a device has moved meanwhile.

BMCs that still have what they left the factory with are claimed first, where the blueprint keeps their accounts in escrow: that is a plan
of its own, which is asked for, and what follows is read and planned after it.

An apply that was cut off is gone on with by the same command: what was begun is looked at first and never repeated blindly.
The first interrupt lets what is under way finish and starts nothing new; the second leaves at once.

While it runs, the events of the nodes' BMCs are followed: a leak, over-temperature or a power supply fault that a BMC tells, and
that a look at its source confirms, ends the run at once. With --watch all events are shown, and watching goes on after the run
until it is interrupted.` +
			codes(exitDone, exitError, exitStopped, exitMoved, exitInterrupted),
		Example: "  metalwright apply\n  metalwright apply lab.plan\n  metalwright apply lab --auto-approve --parallel 4\n" +
			"  metalwright apply lab --watch --event-receiver 10.20.0.5:8443\n  metalwright apply --act tpm_clear@a01-n1 --reason \"re-delivered\"",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file := ""
			if len(args) > 0 {
				if st, err := os.Stat(args[0]); err == nil && !st.IsDir() {
					file, args = args[0], nil
				}
			}
			w, err := a.load(&f.workspaceFlags, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			return a.apply(c.Context(), w, &f, file)
		},
	}
	f.add(c)
	f.addLLDP(c)
	c.Flags().StringVar(&f.mirror, "mirror", "", "URL that BMCs fetch firmware files from, where they take no push (default: this process serves them)")
	c.Flags().BoolVar(&f.approve, "auto-approve", false, "do not ask")
	c.Flags().IntVar(&f.parallel, "parallel", 0, "nodes at once, at most (default: as the rollout says)")
	c.Flags().StringSliceVar(&f.only, "node", nil, "only these nodes")
	c.Flags().BoolVar(&f.keepOn, "keep-power-on-leak", false, "a leak stops the run and leaves the wet node's power on (default: it is cut)")
	c.Flags().BoolVar(&f.fresh, "new-plan", false, "do not go on with an earlier run: plan anew")
	c.Flags().BoolVar(&f.watch, "watch", false, "show the events of the BMCs during the run, and after it until interrupted")
	f.receiver.add(c)
	f.acts.add(c)
	return c
}

func (a *app) apply(ctx context.Context, w *engine.Workspace, f *applyFlags, file string) error {
	var unclaimed error
	if file == "" {
		var err error
		if unclaimed, err = a.claimFirst(ctx, w, f); err != nil {
			return err
		}
	}
	if !f.fresh && file == "" {
		pending, err := w.Pending()
		if err != nil {
			return err
		}
		if pending != nil && len(f.acts.acts) > 0 {
			return errors.New("an earlier run was cut off: go on with it first (metalwright apply), or give --new-plan")
		}
		if pending != nil {
			a.say("resuming %s at step %d of %d: what was begun is looked at first, nothing is repeated", pending.Plan.Digest.Short(),
				min(pending.Done+1, pending.Of), pending.Of)
			return a.run(ctx, w, pending.Plan, f, func(opt engine.ApplyOptions) (engine.Applied, error) {
				return w.Resume(ctx, *pending, opt)
			})
		}
	}
	p, o, err := a.decide(ctx, w, f, file)
	if err != nil {
		return err
	}
	if p.Empty() {
		if p.Report.Clean() && len(f.only) == 0 {
			err = w.KeepSetups(o)
		}
		if unclaimed != nil {
			return errors.Join(err, withCode(exitStopped, unclaimed))
		}
		if f.watch && err == nil {
			err = a.watchOn(ctx, w, f, nil)
		}
		return errors.Join(err, planCode(p, false))
	}
	if !f.approve && file == "" {
		if err := a.ask(ctx, p); err != nil {
			return err
		}
	}
	return a.run(ctx, w, p, f, func(opt engine.ApplyOptions) (engine.Applied, error) {
		opt.Before = &o
		return w.Apply(ctx, p, opt)
	})
}

// decide makes the plan to apply: a new one, or that of a file when nothing has moved since.
func (a *app) decide(ctx context.Context, w *engine.Workspace, f *applyFlags, file string) (plan.Plan, rack.Observation, error) {
	var want engine.PlanFile
	if file != "" {
		var err error
		if want, err = engine.LoadPlan(file); err != nil {
			return plan.Plan{}, rack.Observation{}, err
		}
		if want.Plan.Design != w.Design.Digest() {
			return plan.Plan{}, rack.Observation{}, step.Fail(step.HasMoved, fmt.Errorf("the blueprint is no longer the one that %s was made from", file), "Plan again.")
		}
		for _, n := range want.Plan.Nodes {
			f.only = append(f.only, n.Name)
		}
	}
	asked, err := f.acts.read(w)
	if err != nil {
		return plan.Plan{}, rack.Observation{}, err
	}
	if file != "" {
		asked = want.Plan.Acts
	}
	p, o := w.Plan(ctx, engine.SurveyOptions{Only: f.only, Acts: asked, Progress: a.progress("read")})
	if err := ctx.Err(); err != nil {
		return p, o, err
	}
	if file != "" && p.Digest != want.Plan.Digest {
		if !a.json {
			a.showChanges(plan.Drift(p))
		}
		return p, o, step.Fail(step.HasMoved, fmt.Errorf("a device is no longer as plan %s expects", want.Plan.Digest.Short()), "Plan again.")
	}
	if a.json {
		return p, o, a.planEvent(p)
	}
	a.showPlan(w.Design, p)
	return p, o, nil
}

// planEvent is the first line of what --json prints of a run.
func (a *app) planEvent(p plan.Plan) error {
	return a.event(struct {
		Format int       `json:"format"`
		Event  string    `json:"event"`
		Plan   plan.Plan `json:"plan"`
	}{1, "plan", p})
}

func (a *app) ask(ctx context.Context, p plan.Plan) error {
	fmt.Fprintf(a.Err, "metalwright: type yes to do plan %s: ", p.Digest.Short())
	line, err := answer(ctx, bufio.NewReader(a.In))
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing was changed")
	}
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	if err != nil && line == "" {
		return errors.New("nobody answered; use --auto-approve, or apply a plan file")
	}
	return errors.New("not approved; nothing was changed")
}

// answer reads one line, unless an interrupt comes first: then the reader is left waiting, and ends with the process.
func answer(ctx context.Context, in *bufio.Reader) (string, error) {
	type line struct {
		text string
		err  error
	}
	c := make(chan line, 1)
	go func() {
		text, err := in.ReadString('\n')
		c <- line{text, err}
	}()
	select {
	case l := <-c:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// run does a plan with a live view, and says how it ended.
func (a *app) run(ctx context.Context, w *engine.Workspace, p plan.Plan, f *applyFlags, do func(engine.ApplyOptions) (engine.Applied, error)) error {
	a.gentle.Store(true)
	defer a.gentle.Store(false)
	pace := 1.0
	if s := w.Simulated(); s != nil {
		pace = s.Speed
	}
	recv, err := f.receiver.open(ctx, a, w)
	if err != nil {
		return err
	}
	if recv != nil {
		defer func() { _ = recv.Close() }()
	}
	v := a.newView(w.Design, p, pace)
	v.watch = f.watch
	start := time.Now()
	got, err := do(engine.ApplyOptions{KeepOn: f.keepOn, Parallel: f.parallel, Events: v.event, Stop: a.stop, Receiver: recv})
	v.close()
	if len(got.Result.Nodes) == 0 && err != nil {
		return err
	}
	a.showResult(got, p, time.Since(start))
	if got.NewKey {
		a.sayNewKey(w)
	}
	if f.watch && err == nil && ctx.Err() == nil {
		if ferr := a.watchOn(ctx, w, f, recv); ferr != nil {
			a.say("%v", ferr)
		}
	}
	return a.resultCode(ctx, w, got, p, err)
}

// watchOn goes on watching when there is nothing (more) to do, until it is interrupted.
func (a *app) watchOn(ctx context.Context, w *engine.Workspace, f *applyFlags, recv *engine.Receiver) (err error) {
	if recv == nil {
		if recv, err = f.receiver.open(ctx, a, w); err != nil {
			return err
		}
		if recv != nil {
			defer func() { _ = recv.Close() }()
		}
	}
	a.say("watching until interrupted")
	return a.follow(ctx, w, followFlags{only: f.only, all: true}, recv)
}

func (a *app) resultCode(ctx context.Context, w *engine.Workspace, got engine.Applied, p plan.Plan, err error) error {
	r := got.Result
	again, look := "metalwright apply"+dirArg(w.Dir), "metalwright plan"+dirArg(w.Dir)
	if p.Destroys {
		again = "metalwright destroy" + dirArg(w.Dir)
		look = again
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return withCode(exitStopped, err)
	case ctx.Err() != nil:
		return withCode(exitInterrupted, fmt.Errorf("left at once; to go on: %s", again))
	case r.Moved():
		return withCode(exitMoved, errors.New("a device moved: plan again"))
	case r.Stopped != "":
		return withCode(exitStopped, fmt.Errorf("%s; to go on: %s", r.Stopped, again))
	case !r.OK():
		return withCode(exitStopped, fmt.Errorf("%d of %s not as planned; to go on: %s", len(r.Nodes)-r.Count(apply.Done, apply.Skipped, apply.Degraded), count(len(r.Nodes), "node"), again))
	case !got.Settled:
		if !a.json {
			a.showChanges(plan.Drift(got.Replan))
			a.showReport(got.Replan)
		}
		why := "a new plan is not empty"
		if got.Replan.Empty() {
			why = "other nodes wait, are blocked or could not be read"
		}
		return withCode(exitStopped, fmt.Errorf("done what could be done; %s: %s", why, look))
	}
	return nil
}

func (a *app) showResult(got engine.Applied, p plan.Plan, elapsed time.Duration) {
	if a.json {
		_ = a.event(struct {
			Format  int          `json:"format"`
			Event   string       `json:"event"`
			Result  apply.Result `json:"result"`
			Settled bool         `json:"settled"`
		}{1, "result", got.Result, got.Settled})
		return
	}
	a.showNodes(got.Result, elapsed)
	switch {
	case got.Settled && p.Destroys:
		a.printf("a new plan is empty: nothing is left to undo\n")
	case got.Settled:
		a.printf("a new plan is empty: the rack is as the design says\n")
	}
}

// showNodes says how each node of a run ended, and how many did so.
func (a *app) showNodes(r apply.Result, elapsed time.Duration) {
	for _, n := range r.Nodes {
		a.printf("%s %s %s   %s, %d of %s, %s\n", mark(n.Word), n.Node, n.Word, resetWords(n.Resets), n.Steps, count(n.Of, "step"), n.Elapsed.Round(time.Second))
		if len(n.Recovered) > 0 {
			what := "recovered by"
			if n.Word == apply.Failed || n.Word == apply.Blocked { // the device came back, and the action failed all the same
				what = "tried, without help:"
			}
			a.printf("    %s %s\n", what, strings.Join(n.Recovered, ", then "))
		}
		if n.Text != "" {
			at := ""
			if !n.Origin.IsZero() {
				at = "  (asked for at " + n.Origin.Short() + ")"
			}
			a.printf("    %s%s\n", n.Text, at)
		}
		if n.Advice != "" {
			a.printf("    %s\n", n.Advice)
		}
	}
	a.printf("done %d, skipped %d, degraded %d, blocked %d, failed %d in %s\njournal %s\n", r.Count(apply.Done), r.Count(apply.Skipped),
		r.Count(apply.Degraded), r.Count(apply.Blocked), r.Count(apply.Failed), elapsed.Round(time.Second), r.Journal)
}

func mark(w apply.Word) string {
	switch w {
	case apply.Done:
		return "✓"
	case apply.Skipped:
		return "="
	case apply.Degraded, apply.Blocked:
		return "!"
	}
	return "✗"
}
