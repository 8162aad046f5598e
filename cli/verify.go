package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

func newVerify(a *app) *cobra.Command {
	var f workspaceFlags
	var only []string
	c := &cobra.Command{
		Use: "verify [DIR]", GroupID: "rack", Short: "Read everything again: finished means that a new plan is empty",
		Long: `Verify reads every node, plans, and holds the acceptance blocks against what was read. It changes nothing. Differences from the
design are drift.` + codes(exitDone, exitError, exitChanges, exitStopped, exitInterrupted),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			p, o := w.Plan(c.Context(), engine.SurveyOptions{Only: only, Progress: a.progress("read")})
			if err := c.Context().Err(); err != nil {
				return err
			}
			drift, accepted := plan.Drift(p), engine.Accept(w.Design, o)
			if a.json {
				err = a.printJSON(struct {
					Format     int                       `json:"format"`
					Plan       string                    `json:"plan"`
					Drift      []plan.Change             `json:"drift"`
					Report     plan.Report               `json:"report"`
					Acceptance []engine.AcceptanceResult `json:"acceptance"`
				}{1, string(p.Digest), drift, p.Report, accepted})
				if err != nil {
					return err
				}
			} else {
				a.showDrift(p, drift)
				a.showReport(p)
				a.showAcceptance(accepted)
			}
			return verifyCode(p, accepted)
		},
	}
	f.add(c)
	f.addLLDP(c)
	c.Flags().StringSliceVar(&only, "node", nil, "only these nodes")
	return c
}

func verifyCode(p plan.Plan, accepted []engine.AcceptanceResult) error {
	if len(p.Report.Unreadable) > 0 {
		return withCode(exitStopped, errors.New("not every node could be read"))
	}
	if !p.Empty() {
		return withCode(exitChanges, nil)
	}
	if !p.Report.Clean() {
		return withCode(exitError, errors.New("the report is not clean: not verified"))
	}
	for _, r := range accepted {
		if !r.Accepted {
			return withCode(exitError, fmt.Errorf("%s is not met by %s, %d allowed", r.Address, count(len(r.NotMet), "node"), r.Allowed))
		}
	}
	return nil
}

func (a *app) showDrift(p plan.Plan, drift []plan.Change) {
	resets := map[string]int{}
	for _, n := range p.Nodes {
		for c, k := range n.Resets {
			resets[c] += k
		}
	}
	a.showChanges(drift)
	if len(drift) == 0 && p.Empty() {
		a.printf("✓ no drift: a new plan is empty\n")
		return
	}
	a.printf("%s in %s; %s would repair it\n", count(len(drift), "change"), strings.Join(planSize(p, 0), " and "), resetWords(resets))
}

func (a *app) showChanges(changes []plan.Change) {
	ofSwitch, shown := map[string]int{}, map[string]int{}
	for _, c := range changes {
		if c.Kind == step.Switch {
			ofSwitch[c.Node]++
		}
	}
	for _, c := range changes {
		if shown[c.Node]++; c.Kind == step.Switch && shown[c.Node] > maxSwitchLines { // a new switch has hundreds
			if shown[c.Node] == maxSwitchLines+1 {
				a.printf("… %s: %d settings more, listed by metalwright switch status --switch %s --diff\n", c.Node, ofSwitch[c.Node]-maxSwitchLines, c.Node)
			}
			continue
		}
		a.fact("", fmt.Sprintf("~ %s %s %s  %v -> %v", c.Node, c.Kind, c.Name, word(c.From), word(c.To)), c.Origin)
	}
}

func (a *app) showReport(p plan.Plan) {
	first := slices.DeleteFunc(slices.Clone(p.Report.Waiting), func(n plan.Note) bool { return n.Rule != plan.RuleUnclaimed })
	hands := slices.DeleteFunc(slices.Clone(p.Report.Waiting), func(n plan.Note) bool { return n.Rule == plan.RuleUnclaimed })
	a.showNotes("claim first", "~", first)
	a.showNotes("needs hands", "!", hands)
	a.showNotes("blocked", "✗", p.Report.Blocked)
	a.showNotes("could not be read", "?", p.Report.Unreadable)
}

func (a *app) showAcceptance(list []engine.AcceptanceResult) {
	for _, r := range list {
		word := "✓ met"
		if !r.Accepted {
			word = "✗ not met"
		}
		a.printf("%s  %s: %s as asked, %d short, %d allowed\n", word, r.Address, count(len(r.Met), "node"), len(r.NotMet), r.Allowed)
		for _, n := range r.NotMet {
			a.printf("    %s\n", n)
		}
		for _, n := range r.NotMeasured {
			a.printf("    - not measured by this version: %s\n", n)
		}
	}
}
