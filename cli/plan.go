package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
)

func newPlan(a *app) *cobra.Command {
	f := workspaceFlags{tell: true}
	var out string
	var detailed bool
	var only []string
	var acts actFlags
	c := &cobra.Command{
		Use: "plan [DIR]", GroupID: "rack", Short: "Show what would change, with resets, minutes and needs of hands",
		Long: `Plan reads every node and shows what would have to change so that the rack is as the blueprint says. It changes nothing.
BMCs that are not claimed yet are shown with their claim: what follows cannot be read before that.
With -out the plan is kept; metalwright apply FILE does exactly that plan, or refuses when a device has moved meanwhile.` +
			codes(exitDone, exitError, exitChanges, exitStopped, exitInterrupted) + "\n\nCode 2 is returned only with --detailed-exitcode.",
		Example: "  metalwright plan\n  metalwright plan lab -out lab.plan\n  metalwright plan --json --detailed-exitcode\n  metalwright plan --act boot_once=Pxe@a01-n1 -out boot.plan",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			asked, err := acts.read(w)
			if err != nil {
				return err
			}
			claim, _ := w.PlanClaim(c.Context(), only)
			p, o := w.Plan(c.Context(), engine.SurveyOptions{Only: only, Acts: asked, Progress: a.progress("read")})
			if err := c.Context().Err(); err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(planJSON(p, claim))
			} else {
				if claims(claim) {
					a.showClaim(claim)
				}
				a.showPlan(w.Design, p)
				if !p.Empty() || !claim.Empty() {
					a.say("to do it: metalwright apply%s", dirArg(w.Dir))
				}
			}
			if out != "" {
				err = errors.Join(err, engine.SavePlan(out, p, o))
			}
			if err != nil {
				return err
			}
			return bothCode(p, claim, detailed)
		},
	}
	f.add(c)
	f.addLLDP(c)
	c.Flags().StringVar(&out, "out", "", "keep the plan in this file")
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "end with 2 when there are changes")
	c.Flags().StringSliceVar(&only, "node", nil, "only these nodes")
	acts.add(c)
	return c
}

// planJSON is a plan as it is printed: with that of the claims that come first, where there are any.
func planJSON(p, claim plan.Plan) any {
	if !claims(claim) {
		return p
	}
	return struct {
		plan.Plan
		Claim plan.Plan `json:"claim"`
	}{p, claim}
}

// bothCode is planCode of a plan and of the claims that come before it: with claims to do, something can be done.
func bothCode(p, claim plan.Plan, detailed bool) error {
	switch {
	case len(claim.Report.Unreadable) > 0:
		return planCode(claim, detailed)
	case claim.Empty() || len(p.Report.Unreadable) > 0:
		return planCode(p, detailed)
	case detailed:
		return withCode(exitChanges, nil)
	}
	return nil
}

// planCode says by exit code how a plan stands: what waits, is blocked or unreadable is an error, as nothing is silent.
func planCode(p plan.Plan, detailed bool) error {
	switch {
	case len(p.Report.Unreadable) > 0:
		return withCode(exitStopped, errors.New("not every node could be read"))
	case detailed && !p.Empty():
		return withCode(exitChanges, nil)
	case p.Empty() && !p.Report.Clean():
		return withCode(exitError, errors.New("nothing can be done while the report is not clean"))
	}
	return nil
}

func dirArg(dir string) string {
	if dir == "." {
		return ""
	}
	return " " + dir
}

// progress draws a counter on a terminal and is silent elsewhere.
func (a *app) progress(verb string) func(done, total int) {
	if !a.tty || a.json {
		return nil
	}
	return func(done, total int) {
		a.printf("\r\x1b[K%s %d of %d", verb, done, total)
		if done == total {
			a.printf("\r\x1b[K")
		}
	}
}
