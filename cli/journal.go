package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/journal"
)

func newJournal(a *app) *cobra.Command {
	c := &cobra.Command{Use: "journal", GroupID: "record", Short: "Look at what was done, and check that nothing of it was changed"}
	c.AddCommand(newJournalShow(a), newJournalVerify(a))
	return c
}

// journals lists the journal files below dir, oldest first by name of the run's first line.
func journals(dir string, args []string) ([]string, error) {
	if len(args) > 0 {
		if st, err := os.Stat(args[0]); err == nil && !st.IsDir() {
			return args[:1], nil
		}
		dir = args[0]
	}
	files, err := filepath.Glob(filepath.Join(dir, engine.StateDir, "journal", "*.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no journal below %s: nothing was applied from there", dir)
	}
	slices.Sort(files)
	return files, nil
}

func newJournalShow(a *app) *cobra.Command {
	dir := "."
	c := &cobra.Command{
		Use: "show [DIR | FILE]", Short: "Print the records of every run, or of one file", Args: cobra.MaximumNArgs(1),
		Long: "Show prints one line a record. With --json each record is a line of JSON." + codes(exitDone, exitError),
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := journals(dir, args)
			if err != nil {
				return err
			}
			for _, file := range files {
				if err := a.showJournal(file); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&dir, "dir", "C", ".", "folder of the blueprint")
	return c
}

func (a *app) showJournal(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	records, head, err := journal.Read(f)
	if !a.json {
		a.printf("%s  %s, head %.12s\n", file, count(len(records), "record"), head)
	}
	for _, r := range records {
		if a.json {
			line := struct {
				Format int `json:"format"`
				journal.Record
			}{1, r}
			if err := a.event(line); err != nil {
				return err
			}
			continue
		}
		line := fmt.Sprintf("%4d  %s  %-10s %-10s %-28s %s %s", r.Seq, r.Time.UTC().Format(time.DateTime), r.Kind, r.Node, r.Step, r.Result, r.Text)
		a.printf("%s\n", strings.TrimRight(line, " "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func newJournalVerify(a *app) *cobra.Command {
	dir := "."
	c := &cobra.Command{
		Use: "verify [DIR | FILE]", Short: "Check the hash chain, and that every outcome has its intent", Args: cobra.MaximumNArgs(1),
		Long: "Verify names the first line of each journal that is not as it was written." + codes(exitDone, exitError),
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := journals(dir, args)
			if err != nil {
				return err
			}
			type checked struct {
				File    string `json:"file"`
				Records int    `json:"records"`
				Error   string `json:"error,omitempty"`
			}
			var bad error
			var all []checked
			for _, file := range files {
				n, err := verifyJournal(file)
				if err != nil {
					bad = errors.Join(bad, fmt.Errorf("%s: %w", file, err))
					all = append(all, checked{file, n, err.Error()})
					continue
				}
				all = append(all, checked{file, n, ""})
				if a.json {
					continue
				}
				a.printf("✓ %s  %s, chain unbroken\n", file, count(n, "record"))
			}
			if a.json {
				bad = errors.Join(bad, a.printJSON(map[string]any{"format": 1, "journals": all}))
			}
			return bad
		},
	}
	c.Flags().StringVarP(&dir, "dir", "C", ".", "folder of the blueprint")
	return c
}

func verifyJournal(file string) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	records, _, err := journal.Read(f)
	if err != nil {
		return 0, err
	}
	return len(records), journal.Audit(records, "")
}
