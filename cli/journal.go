package cli

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/evidence"
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
	dir, key := ".", ""
	c := &cobra.Command{
		Use: "verify [DIR | FILE]", Short: "Check chain, signed gates, outcomes against intents", Args: cobra.MaximumNArgs(1),
		Long: `Verify names the first line of each journal that is not as it was written. At each gate of a run (the plan accepted, a wave passed,
the end) the head of the journal is signed with the key of the folder that it was applied from; --key holds the signatures
against a public key that was handed out, and refuses a journal that this key has not signed. Without --key the folder's own public key is taken, if it is there.` + codes(exitDone, exitError),
		Example: "  metalwright journal verify\n  metalwright journal verify 4f2c9e1a-1.jsonl --key site.pub",
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := journals(dir, args)
			if err != nil {
				return err
			}
			pub, err := gateKey(key, files[0])
			if err != nil {
				return err
			}
			return a.verifyJournals(files, pub, key != "")
		},
	}
	c.Flags().StringVarP(&dir, "dir", "C", ".", "folder of the blueprint")
	c.Flags().StringVar(&key, "key", "", "file of the public key")
	return c
}

// gateKey reads the key that is named, else the one beside the journal; nil when there is none.
func gateKey(named, journalFile string) (ed25519.PublicKey, error) {
	file := named
	if file == "" {
		file = filepath.Join(filepath.Dir(filepath.Dir(journalFile)), "keys", "evidence.pub")
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && named == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return evidence.ParsePublic(text)
}

// checkedJournal is what was found about one journal.
type checkedJournal struct {
	File    string          `json:"file"`
	Records int             `json:"records"`
	Gates   *evidence.Gates `json:"gates,omitempty"` // absent: no key to hold them against
	Error   string          `json:"error,omitempty"`
}

// verifyJournals checks each journal. When the key was named, a journal that this key has not signed is refused: who wrote one
// anew could leave the signatures out, or sign with a key of his own.
func (a *app) verifyJournals(files []string, pub ed25519.PublicKey, named bool) error {
	var bad error
	var all []checkedJournal
	for _, file := range files {
		got, err := verifyJournal(file, pub)
		if g := got.Gates; err == nil && named && (g.Signed == 0 || g.Others > 0) {
			err = fmt.Errorf("not signed by the key that was named alone: %s", gateText(g))
		}
		if err != nil {
			bad = errors.Join(bad, fmt.Errorf("%s: %w", file, err))
			got.Error = err.Error()
		} else if !a.json {
			a.printf("✓ %s  %s, chain unbroken, %s\n", file, count(got.Records, "record"), gateText(got.Gates))
		}
		all = append(all, got)
	}
	if a.json {
		bad = errors.Join(bad, a.printJSON(map[string]any{"format": 1, "journals": all}))
	}
	return bad
}

func gateText(g *evidence.Gates) string {
	switch {
	case g == nil:
		return "gates not checked: no public key"
	case g.Signed == 0 && g.Others > 0:
		return fmt.Sprintf("%s signed by another key", count(g.Others, "gate"))
	case g.Signed == 0:
		return "no signed gates"
	}
	text := fmt.Sprintf("%s signed by key %.12s", count(g.Signed, "gate"), g.KeyID)
	if g.Others > 0 {
		text += fmt.Sprintf(", %d by others", g.Others)
	}
	if g.Upto < g.Lines {
		text += fmt.Sprintf("; %s after the last of them", count(g.Lines-g.Upto, "record"))
	}
	return text
}

func verifyJournal(file string, pub ed25519.PublicKey) (checkedJournal, error) {
	got := checkedJournal{File: file}
	data, err := os.ReadFile(file)
	if err != nil {
		return got, err
	}
	records, _, err := journal.Read(bytes.NewReader(data))
	got.Records = len(records)
	if err == nil {
		err = journal.Audit(records, "")
	}
	if err != nil || pub == nil {
		return got, err
	}
	gates, err := evidence.VerifyGates(bytes.NewReader(data), pub)
	got.Gates = &gates
	return got, err
}
