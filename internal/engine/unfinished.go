package engine

import (
	"fmt"
	"path"
	"slices"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// markUnfinished says of each configuration job that waits on a BMC whether a destroy of this workspace made it: the BMC knows
// only that the job waits. Journals are read only where a job waits at all.
func (w *Workspace) markUnfinished(o *rack.Observation) {
	var waiting []*rack.BIOS
	var nodes []string
	for _, dev := range o.Devices {
		for _, sys := range dev.Systems {
			if sys.BIOS != nil && sys.BIOS.PendingJob != "" {
				waiting, nodes = append(waiting, sys.BIOS), append(nodes, dev.Node)
			}
		}
	}
	if len(waiting) == 0 {
		return
	}
	runs, err := w.replays()
	if err != nil { // nothing is less safe for it: the BMC itself refuses what its job stands in the way of
		w.opt.Log.Warn("whose configuration jobs wait could not be looked up", "error", w.Redact(err.Error()))
		return
	}
	for i, b := range waiting {
		if madeByDestroy(runs, nodes[i], path.Base(b.PendingJob)) {
			b.PendingOf = rack.PendingOfDestroy
		}
	}
}

// replays are the runs of this workspace, oldest first.
func (w *Workspace) replays() ([]journal.Replay, error) {
	files, err := journal.Runs(w.opt.JournalFS, w.journalDir())
	if err != nil {
		return nil, fmt.Errorf("list the journals: %w", err)
	}
	var out []journal.Replay
	for _, file := range files {
		rep, err := journal.Load(w.opt.JournalFS, file)
		if err != nil {
			return nil, fmt.Errorf("read journal %s: %w", path.Base(file), err)
		}
		out = append(out, rep)
	}
	return out, nil
}

// madeByDestroy tells whether a job of a node is one that a destroy had made: the journal holds its id or, where the process
// was cut off before it could write the id down, the latest run of the node is a destroy that was asking for it.
func madeByDestroy(runs []journal.Replay, node, job string) bool {
	latest := true
	for _, rep := range slices.Backward(runs) {
		for _, n := range rep.Plan.Nodes {
			if n.Name != node {
				continue
			}
			for _, s := range n.Steps {
				p := rep.Steps[s.ID]
				if !rep.Plan.Destroys || s.Kind != step.BIOS || p.Op == nil {
					continue
				}
				if path.Base(p.Op.Handle) == job || latest && p.Op.Handle == "" && p.Open {
					return true
				}
			}
			latest = false
		}
	}
	return false
}
