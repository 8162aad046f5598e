package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
)

func newShelf(a *app) *cobra.Command {
	const long = `Shelf looks at the power shelves of a blueprint and switches their rails. Everything that hangs on the rails of a shelf, and on no
other that carries it, loses its power with them, its BMC too. It is the same engine as apply: a plan with a digest, the lease of the
whole rack, a journal.`
	return parent("shelf", "Look at power shelves and switch their rails", long,
		"  metalwright shelf status\n  metalwright shelf cycle a01-ps1 --every-tray",
		a.shelfStatus(),
		a.shelfVerb(plan.DoShelfOn, "on SHELF...", "Switch the rails of power shelves on",
			"On switches the rails of shelves on, where their controllers can. Nothing that hangs on them is switched on with them.",
			"  metalwright shelf on a01-ps1"),
		a.shelfVerb(plan.DoShelfOff, "off SHELF...", "Switch the rails of power shelves off",
			"Off takes the power from the rails of shelves, one after the other. The plan names every node on them, and whether the other shelves\n"+
				"carry what is on; without --every-tray nothing is done.", "  metalwright shelf off a01-ps1 --every-tray"),
		a.shelfVerb(plan.DoShelfCycle, "cycle SHELF...", "Take the power from the rails of power shelves and give it back",
			"Cycle takes the power from the rails of shelves and gives it back, one after the other: an AC cycle for whatever no other shelf\n"+
				"carries. The plan names every node on them; without --every-tray nothing is done. Hosts stay off afterwards.",
			"  metalwright shelf cycle a01-ps1 --every-tray --yes"))
}

// shelves gives the workspace and the shelves that the arguments name; all of them when none is named and that may be.
func (a *app) shelves(f *workspaceFlags, args []string, all bool) (*engine.Workspace, []string, error) {
	w, err := a.load(f, nil)
	if err != nil {
		return nil, nil, err
	}
	var known, names []string
	for _, s := range w.Design.PowerShelves {
		known = append(known, s.Name)
	}
	for _, arg := range args {
		s, ok := w.Design.Shelf(arg)
		if !ok {
			return nil, nil, errors.Join(fmt.Errorf("there is no power shelf %q in the blueprint.%s", arg, diag.DidYouMean(arg, known)), w.Close())
		}
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	switch {
	case len(names) > 0:
	case len(known) == 0:
		return nil, nil, errors.Join(errors.New("the blueprint has no power shelf"), w.Close())
	case all:
		names = known
	default:
		return nil, nil, errors.Join(errors.New("name a power shelf"), w.Close())
	}
	return w, names, nil
}

func (a *app) shelfStatus() *cobra.Command {
	var f workspaceFlags
	c := &cobra.Command{Use: "status [SHELF]...", Short: "Show power shelves: supplies, what they can give and give",
		Long: "Status reads the power shelves of the blueprint, or those that are named: which supplies work, what they can give and what they give.\n" +
			"It changes nothing." + codes(exitDone, exitError, exitStopped, exitInterrupted),
		Example: "  metalwright shelf status\n  metalwright shelf status a01-ps1 --json",
		RunE: func(c *cobra.Command, args []string) error {
			w, names, err := a.shelves(&f, args, true)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			o := w.GlanceShelves(c.Context(), names)
			if err := c.Context().Err(); err != nil {
				return err
			}
			if a.json {
				if err := a.printJSON(map[string]any{"format": 1, "devices": o.Devices, "gaps": o.Gaps}); err != nil {
					return err
				}
			} else {
				a.showShelves(w.Design, o)
			}
			return a.unread(o)
		}}
	f.add(c)
	return c
}

// shelfVerb makes one verb for shelves. It takes no --bmc: what hangs on a shelf stands in the blueprint alone.
func (a *app) shelfVerb(do plan.Do, use, short, long, example string) *cobra.Command {
	f := &verbFlags{}
	var every bool
	c := &cobra.Command{Use: use, Short: short, Long: long + verbCodes, Example: example,
		RunE: func(c *cobra.Command, args []string) error {
			w, names, err := a.shelves(&f.workspaceFlags, args, false)
			if err != nil {
				return err
			}
			_, err = a.sayVerb(c.Context(), w, f, plan.Verb{Do: do, EveryTray: every}, names)
			return errors.Join(err, w.Close())
		}}
	f.workspaceFlags.add(c)
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask before rails go down")
	c.Flags().BoolVar(&f.approve, "auto-approve", false, "the same as --yes")
	c.Flags().BoolVar(&f.fresh, "new-plan", false, "do not go on with the same verb that was cut off: begin anew")
	if do != plan.DoShelfOn {
		c.Flags().BoolVar(&every, "every-tray", false, "everything that hangs on these rails may lose its power")
	}
	return c
}
