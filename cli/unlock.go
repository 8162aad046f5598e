package cli

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newUnlock(a *app) *cobra.Command {
	var f workspaceFlags
	var reason string
	c := &cobra.Command{
		Use: "unlock [LEASE]", GroupID: "record", Short: "Show who holds the rack, or break a lease",
		Long: `Without an argument unlock lists the leases. With one (rack/NAME, chassis/BMC, node/NAME, or the NAME of a node)
and --reason it breaks that lease and all else that its holder's run has: the holder stops before its next side effect, and the
reason is in the journal of the next run.` + codes(exitDone, exitError),
		Example: "  metalwright unlock\n  metalwright unlock a01-n3 --reason \"laptop of the night shift is dead\"",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.load(&f, nil)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			if len(args) == 0 {
				list, err := w.Locks().List()
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(map[string]any{"format": 1, "leases": list})
				}
				for _, l := range list {
					for _, s := range l.Shared {
						a.printf("%s  shared by %s since %s, until %s\n", l.Name, s.Holder, s.Since.Local().Format(time.DateTime), s.Expires.Local().Format(time.TimeOnly))
					}
					if len(l.Shared) > 0 {
						continue
					}
					a.printf("%s  held by %s since %s, until %s\n", l.Name, l.Holder, l.Since.Local().Format(time.DateTime), l.Expires.Local().Format(time.TimeOnly))
				}
				if len(list) == 0 {
					a.printf("nobody holds anything\n")
				}
				return nil
			}
			if reason == "" {
				return errors.New("a lease is broken only with --reason")
			}
			name := args[0]
			if !strings.Contains(name, "/") {
				name = "node/" + name
			}
			l, err := w.Locks().Break(name, w.Who(), reason)
			if err != nil {
				return err
			}
			return a.result(map[string]any{"broken": l}, "broke %s, which %s had held since %s", l.Name, l.Holder, l.Since.Local().Format(time.DateTime))
		},
	}
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why; it is kept in the journal")
	return c
}
