package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

func newDisk(a *app) *cobra.Command {
	return parent("disk", "List drives and volumes, and handle spares and foreign drives",
		"Disk is about the drives of hosts. Volumes are made by a blueprint: this shows them, assigns hot spares, and handles what drives bring from "+
			"another controller.",
		"  metalwright disk list a01-n1\n  metalwright disk adopt a01-n1",
		a.diskList(),
		a.reading("adopt [NODE]...", "Print the blocks that take over the volumes that are there",
			"Adopt prints a volume block for each volume of a host, for the block disks of its node. With it a plan takes the volume for its own and "+
				"never makes another. It changes nothing.",
			"  metalwright disk adopt a01-n1", engine.LookDisks, a.showAdoption),
		newSpare(a), newForeign(a))
}

func (a *app) diskList() *cobra.Command {
	var f handFlags
	c := &cobra.Command{Use: "list [NODE]...", Short: "List drives and volumes",
		Long: "List reads the drives of hosts, where they sit, which volumes they are in, and which are hot spares, locked, or hold the configuration of " +
			"another controller. It changes nothing." + codes(exitDone, exitError, exitStopped, exitInterrupted),
		Example: "  metalwright disk list a01-n1\n  metalwright disk list a01-n1 --json",
		RunE:    func(c *cobra.Command, args []string) error { return a.disks(c.Context(), &f, args) }}
	f.add(c)
	return c
}

func (a *app) disks(ctx context.Context, f *handFlags, args []string) error {
	w, nodes, err := f.open(a, args)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	o := w.Survey(ctx, engine.SurveyOptions{Only: nodes, Facets: []rack.Facet{rack.FacetDrives}, Progress: a.progress("read")})
	if err := ctx.Err(); err != nil {
		return err
	}
	if !a.json {
		a.showDisks(o.Devices)
		return a.unread(o)
	}
	type disks struct {
		Node        string                   `json:"node"`
		Drives      []rack.Drive             `json:"drives"`
		Volumes     []rack.Volume            `json:"volumes"`
		Namespaces  []rack.Namespace         `json:"namespaces,omitempty"`
		Controllers []rack.StorageController `json:"controllers"`
	}
	out := []disks{}
	for _, d := range o.Devices {
		h := hostOf(d)
		out = append(out, disks{d.Node, h.Drives, h.Volumes, h.Namespaces, h.Controllers})
	}
	if err := a.printJSON(map[string]any{"format": 1, "nodes": out, "gaps": o.Gaps}); err != nil {
		return err
	}
	return a.unread(o)
}

func newSpare(a *app) *cobra.Command {
	var volume string
	var f, g verbFlags
	set := a.verb("set BAY [NODE]...", "Make the free drive in a bay a hot spare",
		"Set makes a free drive a hot spare of all volumes of its controller, or of one with --volume. A drive that is too small for that volume, or of "+
			"another kind, is refused.",
		"  metalwright disk spare set 4 a01-n1\n  metalwright disk spare set 4 a01-n1 --volume data", &f,
		func(args []string) (plan.Verb, []string, error) {
			bay, rest, err := firstWord(args, "a bay")
			return plan.Verb{Do: plan.DoSpare, Value: strings.TrimSpace(bay + " " + volume)}, rest, err
		})
	set.Flags().StringVar(&volume, "volume", "", "the volume that it stands in for, by name or id; without it all of the controller")
	return within("spare", "Assign hot spares and take them back", "Spare is about hot spares.", "  metalwright disk spare set 4 a01-n1",
		set, a.verb("clear BAY [NODE]...", "Take a hot spare back", "Clear makes the hot spare in a bay a free drive again.",
			"  metalwright disk spare clear 4 a01-n1", &g, func(args []string) (plan.Verb, []string, error) {
				bay, rest, err := firstWord(args, "a bay")
				return plan.Verb{Do: plan.DoUnspare, Value: bay}, rest, err
			}))
}

func newForeign(a *app) *cobra.Command {
	var f, g verbFlags
	var lose bool
	var reason string
	clear := a.verb("clear CONTROLLER [NODE]...", "Throw away what drives bring from another controller",
		"Clear throws away the foreign configuration of all drives of one controller, named by a part of its id or name. The volumes that it describes "+
			"are lost: it takes --data-loss and --reason.",
		"  metalwright disk foreign clear RAID a01-n1 --data-loss --reason \"moved here\"", &g,
		func(args []string) (plan.Verb, []string, error) {
			c, rest, err := firstWord(args, "a controller")
			if err == nil && (!lose || strings.TrimSpace(reason) == "") {
				err = errors.New("it loses the volumes that these drives describe: give --data-loss and --reason")
			}
			return plan.Verb{Do: plan.DoClearFC, Value: c, Consent: &rack.DataLossGrant{Owner: "the operator", Reason: reason}}, rest, err
		})
	clear.Flags().BoolVar(&lose, "data-loss", false, "agree that the volumes which these drives describe are lost")
	clear.Flags().StringVar(&reason, "reason", "", "why; kept in plan and journal")
	return within("foreign", "Import or clear foreign configurations", "Foreign is about drives that hold the configuration of another controller.",
		"  metalwright disk foreign import RAID a01-n1",
		a.verb("import CONTROLLER [NODE]...", "Take over what drives bring from another controller",
			"Import has a controller, named by a part of its id or name, take over the configuration that its drives bring, with the volumes in it.",
			"  metalwright disk foreign import RAID a01-n1", &f, func(args []string) (plan.Verb, []string, error) {
				c, rest, err := firstWord(args, "a controller")
				return plan.Verb{Do: plan.DoImport, Value: c}, rest, err
			}), clear)
}

// within is a word with verbs under it that stands under another word.
func within(use, short, long, example string, under ...*cobra.Command) *cobra.Command {
	c := parent(use, short, long, example, under...)
	c.GroupID = ""
	return c
}

// firstWord takes the first argument of a verb, which is no node.
func firstWord(args []string, what string) (word string, rest []string, err error) {
	if len(args) == 0 {
		return "", nil, errors.New("name " + what)
	}
	return args[0], args[1:], nil
}

// driveNotes says what is special about a drive.
func driveNotes(d rack.Drive, spareOf string) string {
	var out []string
	if s := d.State; s != nil {
		if s.Foreign {
			out = append(out, "foreign")
		}
		if s.Encryption == "Locked" {
			out = append(out, "locked")
		}
		if s.Hotspare != "" && spareOf == "" {
			out = append(out, "hot spare ("+strings.ToLower(s.Hotspare)+")")
		}
	}
	if spareOf != "" {
		out = append(out, "hot spare of "+spareOf)
	}
	return strings.Join(out, ", ")
}

func (a *app) showDisks(list []rack.Device) {
	var rows [][]string
	for _, d := range list {
		h := hostOf(d)
		in, spare := map[string]string{}, map[string]string{}
		for _, v := range h.Volumes {
			for _, s := range v.Drives {
				in[s] = v.Name + " (" + v.RAIDType + ")"
			}
			if v.Detail != nil {
				for _, s := range v.Detail.Spares {
					spare[s] = v.Name
				}
			}
		}
		for _, x := range h.Drives {
			rows = append(rows, []string{d.Node, x.Bay, x.ID, x.Model, x.SerialNumber, x.Protocol + " " + x.Media, size(x.CapacityBytes),
				in[x.SerialNumber], driveNotes(x, spare[x.SerialNumber])})
		}
		for _, n := range h.Namespaces {
			rows = append(rows, []string{d.Node, "", "namespace " + n.ID, "", n.Drive, fmt.Sprintf("%d-byte blocks", n.LBABytes), size(n.CapacityBytes), n.Name, ""})
		}
	}
	a.table([]string{"NODE", "BAY", "DRIVE", "MODEL", "SERIAL", "KIND", "SIZE", "VOLUME", "STATE"}, rows)
}

// showAdoption prints the blocks that take over what is there.
func (a *app) showAdoption(list []rack.Device) error {
	for _, d := range list {
		h := hostOf(d)
		if len(h.Volumes) == 0 {
			a.printf("# %s has no volume\n", d.Node)
			continue
		}
		a.printf("# of node %s, in its block disks\n", d.Node)
		var used []string
		for _, v := range h.Volumes {
			if v.RAIDType == "" || strings.EqualFold(v.RAIDType, "None") {
				continue
			}
			label := blockLabel(v.Name, used)
			used = append(used, label)
			a.printf("volume %q {\n  raid  = %q\n  adopt = %q\n", label, v.RAIDType, firstText(v.Name, v.ID))
			if len(v.Drives) > 0 {
				a.printf("  drives { count = %d }\n", len(v.Drives))
			}
			a.printf("}\n")
		}
	}
	return nil
}

// blockLabel makes a name for a block out of a volume's: letters, digits and underscores.
func blockLabel(name string, used []string) string {
	label := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(name)), "_")
	if label == "" {
		label = "volume"
	}
	for n, base := 2, label; slices.Contains(used, label); n++ {
		label = fmt.Sprintf("%s_%d", base, n)
	}
	return label
}

func firstText(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
