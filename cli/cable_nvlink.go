package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

func newCableNVLink(a *app) *cobra.Command {
	var f workspaceFlags
	var smi []string
	c := &cobra.Command{
		Use: "nvlink [DIR]", Short: "Say which nodes are in which NVLink domain, and whose is not up",
		Long: `Nvlink judges the NVLink fabric of every node that has GPUs, from what the hosts themselves told: the output of nvidia-smi -q, one file
a host, named after it: n1.txt. A node is up when all its GPUs say Completed and Success and are in one cluster. Which nodes are one
domain follows from cluster and clique, not from the rack: one rack may hold several domains. What nobody told, or told in a word that is
not known, is unknown and never up. It ends with 2 when a node is down, with 3 when none is down and not all are known.` +
			codes(exitDone, exitError, exitChanges, exitStopped),
		Example: "  ssh n1 nvidia-smi -q > smi/n1.txt\n  metalwright cable nvlink lab --smi smi/\n  metalwright cable nvlink lab --smi n1.txt --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(smi) == 0 {
				return errors.New("nothing to judge: give --smi PATH, the output of nvidia-smi -q")
			}
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			found, gaps := w.VerifyNVLink(smi)
			if len(found.Nodes) == 0 {
				return errors.New("no node of the blueprint has GPUs")
			}
			if a.json {
				if gaps == nil {
					gaps = []rack.Gap{}
				}
				err = a.printJSON(struct {
					Format int `json:"format"`
					fabric.NVLinkFindings
					Unread []rack.Gap `json:"unread"`
				}{1, found, gaps})
			} else {
				a.showNVLink(found, gaps)
			}
			switch {
			case err != nil:
				return err
			case found.Count(fabric.NVLinkDown) > 0:
				return withCode(exitChanges, nil)
			case found.Count(fabric.NVLinkUnknown) > 0 || len(gaps) > 0:
				return withCode(exitStopped, errors.New("not every node is known"))
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().StringArrayVar(&smi, "smi", nil, "file or folder with the output of nvidia-smi -q of hosts; may be repeated")
	return c
}

// showNVLink prints what is not up, then the domains.
func (a *app) showNVLink(f fabric.NVLinkFindings, gaps []rack.Gap) {
	for _, g := range gaps {
		a.hang("? unread    ", fmt.Sprintf("%s: %s", g.Address, g.Reason))
	}
	for _, n := range f.Nodes {
		switch n.Word {
		case fabric.NVLinkDown:
			a.hang("✗ down      ", n.Node+": "+n.Why)
		case fabric.NVLinkUnknown:
			a.hang("? unknown   ", n.Node+": "+n.Why)
		}
	}
	for _, d := range f.Domains {
		a.hang("  domain    ", fmt.Sprintf("%s: %s (%s)", d.Domain, strings.Join(d.Nodes, " "), strings.Join(d.Racks, " ")))
	}
	a.printf("%s of %d up in %s\n", count(f.Count(fabric.NVLinkUp), "node"), len(f.Nodes), count(len(f.Domains), "domain"))
}
