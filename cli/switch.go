package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/switchos"
)

func newSwitch(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "switch", GroupID: "rack", Short: "Render the configuration of the fabrics' switches, and compare it",
		Example: "  metalwright switch render lab -o configs/\n  metalwright switch status lab",
	}
	c.AddCommand(newSwitchRender(a), newSwitchStatus(a))
	return c
}

func newSwitchRender(a *app) *cobra.Command {
	var f workspaceFlags
	var only []string
	var out, format string
	c := &cobra.Command{
		Use: "render [DIR]", Short: "Write what NVUE or SONiC is to be told: BGP, RoCE, addresses",
		Long: `Render gives the configuration of every switch with an os: for cumulus the object that nv config patch and the NVUE API take, for sonic
tables to merge into config_db.json. It follows from the blueprint alone: BGP unnumbered, RoCE with PFC and ECN, rail addresses,
management, and the site's own NTP, DNS and syslog servers. --format frr gives its routing part in the words of FRRouting. Nothing is written to a switch: metalwright apply does that for those that
are bound. A switch without a configuration is
named, with the reason.` + codes(exitDone, exitError),
		Example: "  metalwright switch render lab --switch leaf1\n  metalwright switch render lab -o configs/\n  metalwright switch render lab --json\n" +
			"  metalwright switch render lab --format frr -o frr/",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			configs, skipped := switchos.Render(w.Design)
			if err := known(only, configs, skipped); err != nil {
				return err
			}
			if len(only) > 0 {
				configs = slices.DeleteFunc(configs, func(c switchos.Config) bool { return !slices.Contains(only, c.Switch) })
				skipped = slices.DeleteFunc(skipped, func(s switchos.Skipped) bool { return !slices.Contains(only, s.Switch) })
			}
			if configs, skipped, err = inFormat(format, configs, skipped); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					Format   int                `json:"format"`
					Switches []switchos.Config  `json:"switches"`
					Skipped  []switchos.Skipped `json:"skipped"`
				}{1, slices.Concat([]switchos.Config{}, configs), slices.Concat([]switchos.Skipped{}, skipped)})
			}
			for _, s := range skipped {
				a.say("%s: %s", s.Switch, s.Reason)
			}
			return a.writeConfigs(out, configs)
		},
	}
	f.add(c)
	c.Flags().StringSliceVar(&only, "switch", nil, "only these switches")
	c.Flags().StringVar(&format, "format", "native", "native (NVUE, config_db.json) or frr")
	c.Flags().StringVarP(&out, "out", "o", "", "write one file a switch into this folder")
	return c
}

// inFormat gives configurations in another form; those that have none in it are named.
func inFormat(format string, configs []switchos.Config, skipped []switchos.Skipped) ([]switchos.Config, []switchos.Skipped, error) {
	switch format {
	case "native":
		return configs, skipped, nil
	case "frr":
	default:
		return nil, nil, fmt.Errorf("--format %s: want native or frr", format)
	}
	var out []switchos.Config
	for _, c := range configs {
		text, err := switchos.FRR(c)
		if err != nil {
			return nil, nil, err
		}
		if text == "" {
			skipped = append(skipped, switchos.Skipped{Switch: c.Switch, Reason: "it routes nothing"})
			continue
		}
		body, err := json.Marshal(text)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, switchos.Config{Switch: c.Switch, OS: "frr", File: c.Switch + ".frr.conf", Body: body})
	}
	return out, skipped, nil
}

// text is a configuration as it stands in a file.
func text(c switchos.Config) []byte {
	var s string
	if c.OS == "frr" && json.Unmarshal(c.Body, &s) == nil { // no JSON, but a text
		return []byte(s)
	}
	return c.Body
}

// known refuses the name of a switch that no fabric has.
func known(only []string, configs []switchos.Config, skipped []switchos.Skipped) error {
	for _, name := range only {
		if !slices.ContainsFunc(configs, func(c switchos.Config) bool { return c.Switch == name }) &&
			!slices.ContainsFunc(skipped, func(s switchos.Skipped) bool { return s.Switch == name }) {
			return fmt.Errorf("no fabric has a switch %q", name)
		}
	}
	return nil
}

// writeConfigs prints one configuration, or writes each to a file of its own.
func (a *app) writeConfigs(dir string, configs []switchos.Config) error {
	if len(configs) == 0 {
		return fmt.Errorf("no switch has a configuration that follows from the blueprint")
	}
	if dir == "" {
		if len(configs) > 1 {
			return fmt.Errorf("%s: name a folder with -o, or one of them with --switch", count(len(configs), "configuration"))
		}
		a.printf("%s", text(configs[0]))
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, c := range configs {
		if err := os.WriteFile(filepath.Join(dir, c.File), text(c), 0o644); err != nil {
			return err
		}
	}
	a.say("%s in %s", count(len(configs), "configuration"), dir)
	return nil
}
