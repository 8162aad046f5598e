package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

func newCable(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "cable", GroupID: "rack", Short: "Plan, verify and register the cables of the fabrics",
		Example: "  metalwright cable plan lab --format html -o cables.html\n  metalwright cable verify lab --lldp ./lldp/",
	}
	c.AddCommand(newCablePlan(a), newCableVerify(a), newCableRegister(a), newCableNVLink(a))
	return c
}

func newCablePlan(a *app) *cobra.Command {
	var f workspaceFlags
	var format, out string
	c := &cobra.Command{
		Use: "plan [DIR]", Short: "List every cable: label, colour, both ends, kind and length",
		Long: `Plan lists every cable of the blueprint's fabrics with both its ends. csv is a table; html one file with a drawing, which loads
nothing and can be printed in grey; labels a sheet with a label for each end.` + codes(exitDone, exitError),
		Example: "  metalwright cable plan lab > cables.csv\n  metalwright cable plan lab --format html -o cables.html\n" +
			"  metalwright cable plan lab --format labels -o labels.html",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			rows := fabric.List(w.Design)
			if len(rows) == 0 {
				return errors.New("the blueprint plans no cable: it has no fabric block, or metalwright validate says why it was not computed")
			}
			if a.json {
				return a.printJSON(struct {
					Format int          `json:"format"`
					Cables []fabric.Row `json:"cables"`
				}{1, rows})
			}
			makers := map[string]func(rack.Design) string{"csv": fabric.CSV, "html": fabric.HTML, "labels": fabric.Labels}
			maker := makers[format]
			if maker == nil {
				return fmt.Errorf("--format %s: want csv, html or labels", format)
			}
			return a.deliver(out, maker(w.Design), count(len(rows), "cable"))
		},
	}
	f.add(c)
	c.Flags().StringVar(&format, "format", "csv", "csv, html or labels")
	c.Flags().StringVarP(&out, "out", "o", "", "write to this file instead of standard output")
	return c
}

// deliver writes a document to a file and says so, or to standard output.
func (a *app) deliver(path, text, what string) error {
	if path == "" {
		a.printf("%s", text)
		return nil
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	a.say("%s in %s", what, path)
	return nil
}

func newCableVerify(a *app) *cobra.Command {
	var f workspaceFlags
	var from cableSources
	c := &cobra.Command{
		Use: "verify [DIR]", Short: "Hold what LLDP and its like told against the planned cables",
		Long: `Verify holds neighbours that were seen against the planned cables, and names each that is wrong, missing, swapped or extra by rack,
unit, port, label and colour, with what to do. --lldp takes files or folders of lldpctl -f json (also json0), SONiC's APPL_DB, NetQ's
topology graph, ibnetdiscover, and show lldp neighbors of EOS and NX-OS; a file that does not say whose neighbours it has is named after
them: leaf1.json. --live asks the bound leaf and spine switches, --from-bmc the BMCs. What nobody told of is unknown, and never in order. It ends with 2 when a cable is not as
planned, with 3 when none is known to be wrong and not all are known.` +
			codes(exitDone, exitError, exitChanges, exitStopped, exitInterrupted),
		Example: "  metalwright cable verify lab --lldp ./lldp/\n  metalwright cable verify lab --live\n  metalwright cable verify lab --from-bmc\n" +
			"  metalwright cable verify lab --lldp ib.out --json",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(f.lldp) == 0 && !from.any() {
				return errors.New("nothing to hold the cables against: give --lldp PATH, --live or --from-bmc")
			}
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			found, _, err := w.VerifyCables(c.Context(), from.CableSources, a.progress("read"))
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(struct {
					Format int `json:"format"`
					fabric.Findings
				}{1, found})
			} else {
				a.showCables(found)
			}
			return errors.Join(err, cableCode(found))
		},
	}
	f.add(c)
	f.addLLDP(c)
	from.add(c)
	return c
}

// cableSources are the flags that say whom to ask for neighbours.
type cableSources struct{ engine.CableSources }

func (s *cableSources) add(c *cobra.Command) {
	c.Flags().BoolVar(&s.BMCs, "from-bmc", false, "ask the BMCs which neighbours their hosts' ports have")
	c.Flags().BoolVar(&s.Switches, "live", false, "ask the leaf and spine switches that are bound")
}

func (s *cableSources) any() bool { return s.BMCs || s.Switches }

func cableCode(f fabric.Findings) error {
	switch {
	case f.Bad():
		return withCode(exitChanges, nil)
	case len(f.Items) > 0:
		return withCode(exitStopped, errors.New("not every cable is known"))
	}
	return nil
}

// showCables prints findings as a technician's list.
func (a *app) showCables(f fabric.Findings) {
	extra := 0
	for _, x := range f.Items {
		mark := "✗"
		if x.Kind == fabric.Unknown {
			mark = "?"
		}
		if x.Kind == fabric.Extra {
			extra++
		}
		head := fmt.Sprintf("%s %-8s  ", mark, x.Kind)
		for _, l := range x.Lines {
			a.hang(head, l)
			head = strings.Repeat(" ", 12)
		}
		a.hang(head, x.Do)
	}
	mark := "✓"
	if len(f.Items) > 0 {
		mark = " "
	}
	line := fmt.Sprintf("%s %d of %d as planned; %d extra", mark, f.OK, f.Planned-f.NotAsked, extra)
	if f.Unknown > 0 {
		line += fmt.Sprintf("; %d unknown", f.Unknown)
	}
	if f.NotAsked > 0 {
		line += fmt.Sprintf("; %s not asked about", count(f.NotAsked, "management cable"))
	}
	a.printf("%s\n", line)
}

func newCableRegister(a *app) *cobra.Command {
	var f workspaceFlags
	var from cableSources
	var out, by string
	c := &cobra.Command{
		Use: "register [DIR]", Short: "Write the cable register that auditors ask for",
		Long: `Register writes one row a cable: label, colour, both ends in full, run, kind, length, speed, and how far it goes: within the rack, within
the site, between sites, out of the country. With --lldp, --live or --from-bmc the cables that are as planned get the day of verification.
Classification, seals and who installed a cable are left empty for a person.` + codes(exitDone, exitError, exitInterrupted),
		Example: "  metalwright cable register lab -o cables.csv\n  metalwright cable register lab --lldp seen/ --verified-by anna -o r.csv",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			var v fabric.Verified
			if len(f.lldp) > 0 || from.any() {
				found, _, err := w.VerifyCables(c.Context(), from.CableSources, a.progress("read"))
				if err != nil {
					return err
				}
				v = fabric.Verified{Labels: found.Verified, On: time.Now().UTC().Format(time.DateOnly), By: by}
			}
			rows := fabric.List(w.Design)
			if len(rows) == 0 {
				return errors.New("the blueprint plans no cable: it has no fabric block, or metalwright validate says why it was not computed")
			}
			return a.deliver(out, fabric.Register(w.Design, v), count(len(rows), "cable"))
		},
	}
	f.add(c)
	f.addLLDP(c)
	from.add(c)
	c.Flags().StringVar(&by, "verified-by", "", "who verified, for the register")
	c.Flags().StringVarP(&out, "out", "o", "", "write to this file instead of standard output")
	return c
}
