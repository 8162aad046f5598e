package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
)

func newDestroy(a *app) *cobra.Command {
	var f applyFlags
	c := &cobra.Command{
		Use: "destroy [DIR]", GroupID: "rack", Short: "Undo what on_destroy asks for; by default nothing",
		Long: `Destroy does what on_destroy of each node and volume says: keep (the default) leaves everything as it is. Data is lost only where
the blueprint asks for it and the node carries consent { data_loss = true … }; without it the node is blocked.` +
			codes(exitDone, exitError, exitStopped, exitMoved, exitInterrupted),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f.workspaceFlags, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			return a.destroy(c.Context(), w, &f)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.approve, "auto-approve", false, "do not ask")
	return c
}

func (a *app) destroy(ctx context.Context, w *engine.Workspace, f *applyFlags) error {
	p, o := w.PlanDestroy(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.json {
		if err := a.planEvent(p); err != nil {
			return err
		}
	} else {
		a.showPlan(w.Design, p)
	}
	if len(p.Report.Blocked) > 0 {
		return errors.New("blocked; nothing was changed")
	}
	if p.Empty() {
		return planCode(p, false)
	}
	if !f.approve {
		if err := a.ask(ctx, p); err != nil {
			return err
		}
	}
	return a.run(ctx, w, p, f, func(opt engine.ApplyOptions) (engine.Applied, error) {
		opt.Before = &o
		return w.Destroy(ctx, p, opt)
	})
}
