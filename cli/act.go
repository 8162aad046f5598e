package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
)

// actFlags ask for what happens once and cannot stand in a blueprint.
type actFlags struct {
	acts   []string
	reason string
}

func (f *actFlags) add(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.acts, "act", nil, "do this once, too: bios_reset@NODE, tpm_clear@NODE, boot_once=TARGET@NODE, foreign_import=CONTROLLER@NODE, "+
		"foreign_clear=CONTROLLER@NODE, controller_reset=CONTROLLER@NODE")
	c.Flags().StringVar(&f.reason, "reason", "", "why; needed for acts that lose something")
}

// read gives the acts, each with who asks for it and why. What loses something is not done without a reason.
func (f *actFlags) read(w *engine.Workspace) ([]plan.Act, error) {
	var out []plan.Act
	var all error
	for _, text := range f.acts {
		a, err := plan.ParseAct(text)
		if err == nil && a.Loses() && f.reason == "" {
			err = fmt.Errorf("act %q takes something away that cannot be brought back: give --reason", text)
		}
		a.Owner, a.Reason = w.Who().Operator, f.reason
		out, all = append(out, a), errors.Join(all, err)
	}
	return out, all
}
