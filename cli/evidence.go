package cli

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/evidence"
)

func newEvidence(a *app) *cobra.Command {
	c := &cobra.Command{Use: "evidence", GroupID: "record", Short: "Sign what was wanted, done and seen; verify it offline",
		Long: "Evidence makes and checks signed packs over what was wanted, decided, done and seen."}
	c.AddCommand(newEvidenceCollect(a), newEvidenceVerify(a))
	return c
}

func newEvidenceCollect(a *app) *cobra.Command {
	var f workspaceFlags
	var out string
	c := &cobra.Command{
		Use: "collect [DIR] -o FILE", Short: "Read the rack again and sign a pack over it",
		Long: `Collect reads every node. When a new plan is empty it signs a pack over design, plan, journal, what was read before and after, and the
residency result, with a key that is made on first use in .metalwright/keys. Hand the public key out by another way than the packs.
A pack says what was found; it never calls a rack compliant.` + codes(exitDone, exitError, exitMoved),
		Example: "  metalwright evidence collect lab -o lab.evidence",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return errors.New("name the file to write: -o FILE")
			}
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			got, err := w.Collect(c.Context(), toolVersion(), a.progress("read"))
			if err != nil {
				return err
			}
			if err := os.WriteFile(out, got.Pack, 0o600); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"format": 1, "file": out, "keyid": got.KeyID, "size_bytes": len(got.Pack)})
			}
			a.printf("✓ %s  %s, signed by key %.12s\n", out, size(int64(len(got.Pack))), got.KeyID)
			if got.NewKey {
				a.sayNewKey(w)
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVarP(&out, "output", "o", "", "file to write")
	return c
}

func newEvidenceVerify(a *app) *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "verify FILE --key PUB", Short: "Check a pack offline against a public key", Args: cobra.ExactArgs(1),
		Long: `Verify checks signature, every part, the journal's chain, that every outcome has its intent, that the plan is the one of the journal, and
computes plan and residency result of the packed facts anew. It needs no network. One changed byte is refused and named.` +
			codes(exitDone, exitError),
		RunE: func(_ *cobra.Command, args []string) error {
			if key == "" {
				return errors.New("name the public key that was handed out: --key PUB")
			}
			pack, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			pub, err := os.ReadFile(key)
			if err != nil {
				return err
			}
			cat, err := catalog.Load()
			if err != nil {
				return err
			}
			rep, err := engine.VerifyEvidence(pack, pub, cat.Policies)
			if err != nil {
				var refused *evidence.Refusal
				if a.json && errors.As(err, &refused) {
					_ = a.printJSON(map[string]any{"format": 1, "verified": false, "check": refused.Check, "part": refused.Part, "reason": refused.Reason})
				}
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"format": 1, "verified": true, "report": rep})
			}
			a.printf("made by %s\n", rep.Predicate.Tool)
			for _, c := range rep.Checks {
				mark := "✓"
				if !c.Assessed {
					mark = "-"
				}
				a.printf("%s %-12s %s\n", mark, c.Name, c.Detail)
			}
			a.printf("verified: %s, design %s, %s, key %.12s\n", strings.TrimSpace(rep.Predicate.Blueprint+" "+rep.Predicate.Version), rep.Predicate.Design.Short(),
				count(rep.Predicate.Nodes, "node"), rep.KeyID)
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "public key that was handed out")
	return c
}

// sayNewKey says where the key is that was made just now, and what to do with its public half.
func (a *app) sayNewKey(w *engine.Workspace) {
	a.say("made the key %s; hand out %s.pub by another way than the packs", w.KeyFile(), w.KeyFile())
}
