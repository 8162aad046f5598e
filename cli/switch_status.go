package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switchos"
)

func newSwitchStatus(a *app) *cobra.Command {
	var f workspaceFlags
	var only []string
	var diff bool
	c := &cobra.Command{
		Use: "status [DIR]", Short: "Hold the configuration of the bound switches against the design",
		Long: `Status reads every switch that is bound in site.bind.hcl and says whether its configuration is as designed. Only what the design declares
is compared; how many settings a switch has besides is told, and they are left alone. With --diff every setting that differs is listed.
It changes nothing: metalwright plan and apply do. It ends with 2 when a switch differs, with 3 when one could not be read.` +
			codes(exitDone, exitError, exitChanges, exitStopped, exitInterrupted),
		Example: "  metalwright switch status lab\n  metalwright switch status lab --switch leaf1 --diff\n  metalwright switch status lab --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			configs, skipped := switchos.Render(w.Design)
			if err := known(only, configs, skipped); err != nil {
				return err
			}
			list := w.SwitchStatus(c.Context(), only)
			if err := c.Context().Err(); err != nil {
				return err
			}
			if len(list) == 0 {
				return errors.New("the blueprint has no switch of a fabric")
			}
			if a.json {
				err = a.printJSON(struct {
					Format   int                   `json:"format"`
					Switches []engine.SwitchStatus `json:"switches"`
				}{1, list})
			} else {
				a.showSwitches(list, diff)
			}
			return errors.Join(err, switchCode(list))
		},
	}
	f.add(c)
	c.Flags().StringSliceVar(&only, "switch", nil, "only these switches")
	c.Flags().BoolVar(&diff, "diff", false, "list every setting that differs")
	return c
}

func switchCode(list []engine.SwitchStatus) error {
	has := func(states ...string) bool {
		return slices.ContainsFunc(list, func(s engine.SwitchStatus) bool { return slices.Contains(states, s.State) })
	}
	switch {
	case has("not readable"):
		return withCode(exitStopped, errors.New("not every switch could be read"))
	case has("differs", "not saved"):
		return withCode(exitChanges, nil)
	}
	return nil
}

func (a *app) showSwitches(list []engine.SwitchStatus, diff bool) {
	var rows [][]string
	marks := map[string]string{"as designed": "✓", "differs": "~", "not saved": "~", "not readable": "?"}
	for _, s := range list {
		state := s.State
		if m := marks[s.State]; m != "" {
			state = m + " " + s.State
		}
		differs, foreign := "-", "-"
		if s.State == "as designed" || s.State == "differs" || s.State == "not saved" {
			differs, foreign = fmt.Sprintf("%d of %d", len(s.Changes), s.Declared), fmt.Sprint(s.Foreign)
		}
		rows = append(rows, []string{s.Switch, s.Role, s.OS, differs, foreign, state})
	}
	a.table([]string{"SWITCH", "ROLE", "OS", "DIFFERS", "FOREIGN", "STATE"}, rows)
	for _, s := range list {
		if s.Detail != "" && s.State != "not bound" {
			a.say("%s: %s", s.Switch, s.Detail)
		}
		if diff && len(s.Changes) > 0 {
			a.printf("\n%s\n", a.bold(s.Switch))
			for _, line := range switchLines(s.Changes, nil, len(s.Changes)) {
				a.printf("  %s\n", line)
			}
		}
	}
}

// maxSwitchLines bounds what a plan shows of one switch: a new one has hundreds of settings, and switch status --diff lists them all.
const maxSwitchLines = 12

// switchLines says what changes on a switch, setting by setting as far as there is room: the smallest changes first to be read, since a
// setting that changes or goes away says more than one of hundreds that are new.
func switchLines(changes []rack.ConfigChange, want step.Facts, most int) []string {
	var added, removed, changed []string
	for _, c := range changes {
		switch {
		case c.From == nil:
			added = append(added, "+ "+settingText(c.Path, c.To))
		case c.To == nil:
			removed = append(removed, "- "+settingText(c.Path, c.From))
		default:
			changed = append(changed, fmt.Sprintf("~ %s %s -> %s", c.Path, bare(c.From), bare(c.To)))
		}
	}
	lines := slices.Concat(removed, changed, added)
	if len(lines) > most {
		lines = append(lines[:most:most], fmt.Sprintf("… %d more: %d settings added, %d changed, %d removed in all", len(changes)-most, len(added),
			len(changed), len(removed)))
	}
	if want["saved"] != nil {
		lines = append(lines, "~ start-up configuration: saved")
	}
	return lines
}

// settingText is a path with its value, as one would type it.
func settingText(path string, value []byte) string {
	return strings.TrimSpace(path + " " + bare(value))
}

// bare is a JSON value as people write it; a setting that is only there has none.
func bare(v []byte) string {
	s := strings.Trim(string(v), `"`)
	if s == "{}" {
		return ""
	}
	return s
}

// simSize says what is simulated: "4 nodes, 1 power shelf, 5 switches".
func simSize(r *sim.Rack) string {
	text := count(len(r.Nodes()), "node")
	if n := len(r.Shelves()); n > 0 {
		text += ", " + countOf(n, "power shelf", "power shelves")
	}
	if n := len(r.Switches()); n > 0 {
		text += ", " + countOf(n, "switch", "switches")
	}
	return text
}

// settingPairs reads PATH=JSON.
func settingPairs(list []string) (map[string]string, error) {
	var out map[string]string
	for _, s := range list {
		path, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("%q: want PATH=JSON", s)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[path] = value
	}
	return out, nil
}
