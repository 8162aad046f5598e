package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// handFlags are those of every ad hoc verb: which nodes, by a blueprint's folder or by address.
type handFlags struct {
	workspaceFlags
	loginFlags
}

func (f *handFlags) add(c *cobra.Command) {
	f.workspaceFlags.add(c)
	c.Flags().StringArrayVar(&f.urls, "bmc", nil, "address of a BMC, instead of a node (may be repeated)")
	c.Flags().StringVar(&f.username, "username", "", "account of the BMCs given with --bmc")
	c.Flags().StringVar(&f.passwordEnv, "password-env", "", "environment variable that holds the password")
	c.Flags().StringVar(&f.pin, "pin", "", "SHA-256 of the public key of the certificate to expect")
	c.Flags().BoolVar(&f.trustNew, "trust-new", false, "accept and record an unknown certificate; a changed one is refused")
	c.MarkFlagsMutuallyExclusive("pin", "trust-new")
}

// open gives the workspace and the names of the nodes that a verb is about.
func (f *handFlags) open(a *app, args []string) (*engine.Workspace, []string, error) {
	if len(f.urls) > 0 {
		if len(args) > 0 {
			return nil, nil, fmt.Errorf("%q: with --bmc no node is named", args[0])
		}
		return f.byAddress(a)
	}
	if len(args) == 0 {
		return nil, nil, errors.New("name a node, or a BMC with --bmc URL")
	}
	w, err := a.load(&f.workspaceFlags, nil)
	if err != nil {
		return nil, nil, err
	}
	var known, nodes []string
	for _, n := range w.Design.Nodes {
		known = append(known, n.Name)
	}
	for _, arg := range args {
		n, ok := w.Design.Node(arg)
		if !ok {
			return nil, nil, errors.Join(fmt.Errorf("there is no node %q in the blueprint.%s", arg, diag.DidYouMean(arg, known)), w.Close())
		}
		if !slices.Contains(nodes, n.Name) {
			nodes = append(nodes, n.Name)
		}
	}
	return w, nodes, nil
}

func (f *handFlags) byAddress(a *app) (*engine.Workspace, []string, error) {
	if f.username == "" || f.passwordEnv == "" {
		return nil, nil, errors.New("--username and --password-env are needed with --bmc; a password is never given on the command line")
	}
	if os.Getenv(f.passwordEnv) == "" {
		return nil, nil, fmt.Errorf("no password: --password-env names %q, which is not set", f.passwordEnv)
	}
	w, err := engine.AdHoc(a.options(&f.workspaceFlags, f.dir), engine.ByAddress{URLs: f.urls, Username: f.username, PasswordEnv: f.passwordEnv,
		Pin: f.pin, TrustNew: f.trustNew})
	if err != nil {
		return nil, nil, err
	}
	var nodes []string
	for _, n := range w.Design.Nodes {
		nodes = append(nodes, n.Name)
	}
	return w, nodes, nil
}

// verbFlags are those of a verb that changes something.
type verbFlags struct {
	handFlags
	yes      bool
	approve  bool
	fresh    bool
	parallel int
}

func (f *verbFlags) add(c *cobra.Command) {
	f.handFlags.add(c)
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask before a host goes down or a BMC restarts")
	c.Flags().BoolVar(&f.approve, "auto-approve", false, "the same as --yes")
	c.Flags().BoolVar(&f.fresh, "new-plan", false, "do not go on with the same verb that was cut off: begin anew")
	c.Flags().IntVar(&f.parallel, "parallel", 0, "nodes at once, at most (default 8)")
}

var verbCodes = codes(exitDone, exitError, exitStopped, exitMoved, exitInterrupted)

// verb makes the command of one verb; make gives the verb and the nodes that the arguments name.
func (a *app) verb(use, short, long, example string, f *verbFlags, make func(args []string) (plan.Verb, []string, error)) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long + verbCodes, Example: example,
		RunE: func(c *cobra.Command, args []string) error {
			v, args, err := make(args)
			if err != nil {
				return err
			}
			w, nodes, err := f.open(a, args)
			if err != nil {
				return err
			}
			_, err = a.sayVerb(c.Context(), w, f, v, nodes)
			return errors.Join(err, w.Close())
		}}
	f.add(c)
	return c
}

// sayVerb plans a verb, asks where something goes down, does it, and says how it ended.
func (a *app) sayVerb(ctx context.Context, w *engine.Workspace, f *verbFlags, v plan.Verb, nodes []string) (apply.Result, error) {
	if !f.fresh {
		pending, err := w.PendingVerb(v, nodes)
		if err != nil {
			return apply.Result{}, err
		}
		if pending != nil {
			a.say("resuming %s of %s: what was begun is looked at first, nothing is repeated", v, pending.Plan.Digest.Short())
			return a.doVerb(ctx, w, f, pending.Plan, func(opt engine.ApplyOptions) (apply.Result, error) {
				return w.ResumeVerb(ctx, v, *pending, opt)
			})
		}
	}
	if v.Consent != nil {
		v.Consent.Owner = w.Who().Operator
	}
	p, o := w.Say(ctx, v, nodes)
	if err := ctx.Err(); err != nil {
		return apply.Result{}, err
	}
	if a.json {
		if err := a.planEvent(p); err != nil {
			return apply.Result{}, err
		}
	} else {
		a.showVerb(p, nodes)
	}
	refused := len(p.Report.Blocked) + len(p.Report.Unreadable)
	switch {
	case refused > 0: // all or nothing: half of what was asked for is not what was asked for
		return apply.Result{}, fmt.Errorf("%s: %s of %d cannot do this; nothing was changed", v, count(refused, "node"), len(nodes))
	case p.Empty():
		return apply.Result{}, nil
	}
	if !f.yes && !f.approve {
		if err := a.askVerb(ctx, p); err != nil {
			return apply.Result{}, err
		}
	}
	return a.doVerb(ctx, w, f, p, func(opt engine.ApplyOptions) (apply.Result, error) {
		opt.Before = &o
		return w.Do(ctx, v, p, opt)
	})
}

// nodesWith lists the nodes of a plan with such a step.
func nodesWith(p plan.Plan, is func(step.Step) bool) []string {
	var out []string
	for _, n := range p.Nodes {
		if slices.ContainsFunc(n.Steps, is) {
			out = append(out, n.Name)
		}
	}
	return out
}

// askVerb asks before a host or BMC goes away, and before something that waits is thrown away.
func (a *app) askVerb(ctx context.Context, p plan.Plan) error {
	down, drops, lost := nodesWith(p, plan.Interrupts), nodesWith(p, plan.Drops), nodesWith(p, plan.Loses)
	switch {
	case len(down) > 0:
		fmt.Fprintf(a.Err, "metalwright: %s takes down what runs on %s; type yes to do it: ", p.Verb, strings.Join(down, ", "))
	case len(drops) > 0:
		fmt.Fprintf(a.Err, "metalwright: %s throws away what waits on %s; type yes to do it: ", p.Verb, strings.Join(drops, ", "))
	case len(lost) > 0:
		fmt.Fprintf(a.Err, "metalwright: %s loses data on %s; type yes to do it: ", p.Verb, strings.Join(lost, ", "))
	default:
		return nil
	}
	line, err := answer(ctx, bufio.NewReader(a.In))
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing was changed")
	}
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	if err != nil && line == "" {
		return errors.New("nobody answered; use --yes")
	}
	return errors.New("not approved; nothing was changed")
}

// showVerb writes what a verb will do, a line or two a node.
func (a *app) showVerb(p plan.Plan, nodes []string) {
	a.printf("plan %s  %s\n", p.Digest.Short(), p.Verb)
	width := 0
	for _, n := range nodes {
		width = max(width, len(n))
	}
	for _, name := range nodes {
		head := fmt.Sprintf("  %-*s  ", width, name)
		said := false
		for _, n := range p.Nodes {
			if n.Name != name {
				continue
			}
			for _, s := range n.Steps {
				for _, line := range describe(s) {
					a.hang(head, line)
					said = true
				}
			}
		}
		for _, notes := range [][]plan.Note{p.Report.Blocked, p.Report.Unreadable, p.Report.Warnings} {
			for _, n := range notes {
				if n.Node == name {
					a.hang(head, "! "+n.Detail)
					said = true
				}
			}
		}
		if !said {
			a.printf("%s= nothing to do: it is so already\n", head)
		}
	}
}

// doVerb runs a plan with a live view, and says how it ended.
func (a *app) doVerb(ctx context.Context, w *engine.Workspace, f *verbFlags, p plan.Plan,
	do func(engine.ApplyOptions) (apply.Result, error),
) (apply.Result, error) {
	a.gentle.Store(true)
	defer a.gentle.Store(false)
	pace := 1.0
	if s := w.Simulated(); s != nil {
		pace = s.Speed
	}
	view := a.newView(w.Design, p, pace)
	start := time.Now()
	r, err := do(engine.ApplyOptions{Parallel: f.parallel, Events: view.event, Stop: a.stop})
	view.close()
	if w.NewKey() {
		a.sayNewKey(w)
	}
	if len(r.Nodes) == 0 && err != nil {
		return r, err
	}
	if a.json {
		if jerr := a.event(struct {
			Format int          `json:"format"`
			Event  string       `json:"event"`
			Result apply.Result `json:"result"`
		}{1, "result", r}); jerr != nil {
			return r, jerr
		}
	} else {
		a.showNodes(r, time.Since(start))
	}
	switch {
	case ctx.Err() != nil:
		return r, withCode(exitInterrupted, errors.New("left at once; the same command goes on with it"))
	case err != nil:
		return r, withCode(exitStopped, err)
	case r.Moved():
		return r, withCode(exitMoved, errors.New("a device moved: say it again"))
	case r.Stopped != "":
		return r, withCode(exitStopped, fmt.Errorf("%s; the same command goes on with it", r.Stopped))
	case !r.OK():
		return r, withCode(exitStopped, fmt.Errorf("%d of %s not as asked", len(r.Nodes)-r.Count(apply.Done, apply.Skipped, apply.Degraded),
			count(len(r.Nodes), "node")))
	}
	return r, nil
}

// glance looks at nodes for a command that only reads, and shows what it finds. Nodes that could not be read are told
// behind it, with exit code 3.
func (a *app) glance(ctx context.Context, f *handFlags, args []string, look engine.Look, show func([]rack.Device) error) error {
	w, nodes, err := f.open(a, args)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	o := w.Glance(ctx, nodes, look)
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(map[string]any{"format": 1, "devices": o.Devices, "gaps": o.Gaps})
	} else if len(o.Devices) > 0 {
		err = show(o.Devices)
	}
	if err != nil {
		return err
	}
	return a.unread(o)
}

// unread says what could not be read.
func (a *app) unread(o rack.Observation) error {
	for _, g := range o.Gaps {
		a.say("%s: %s", strings.TrimSpace(g.Address+" "+g.Path), strings.TrimSuffix(g.Reason, "."))
	}
	if len(o.Gaps) > 0 {
		return withCode(exitStopped, fmt.Errorf("%s: not everything could be read", count(len(o.Gaps), "gap")))
	}
	return nil
}

// reading makes a command that only reads.
func (a *app) reading(use, short, long, example string, look engine.Look, show func([]rack.Device) error) *cobra.Command {
	var f handFlags
	c := &cobra.Command{Use: use, Short: short, Long: long + codes(exitDone, exitError, exitStopped, exitInterrupted), Example: example,
		RunE: func(c *cobra.Command, args []string) error { return a.glance(c.Context(), &f, args, look, show) }}
	f.add(c)
	return c
}

// hostOf is the host of a device that was glanced at: there is always one.
func hostOf(d rack.Device) rack.System {
	s, _ := d.Host()
	return s
}

// nodesOnly takes the arguments as nodes.
func nodesOnly(v plan.Verb) func([]string) (plan.Verb, []string, error) {
	return func(args []string) (plan.Verb, []string, error) { return v, args, nil }
}

// parent is a word that has verbs under it.
func parent(use, short, long, example string, under ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, GroupID: "hand", Short: short, Long: long, Example: example}
	c.AddCommand(under...)
	return c
}
