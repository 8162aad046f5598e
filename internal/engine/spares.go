package engine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// spares lists the drives that runs of this workspace made hot spares and have not taken back, by node. The journals are the
// only record: no BMC tells who assigned a spare.
func (w *Workspace) spares() (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(w.journalDir(), "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var runs []destroyRun
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", cause(err))
		}
		if !bytes.Contains(text, []byte(`"`+string(step.Spare)+`"`)) {
			continue
		}
		records, _, err := journal.Read(bytes.NewReader(text))
		if err != nil || len(records) == 0 {
			continue // one that is damaged proves no spare
		}
		rep, err := journal.Load(w.opt.JournalFS, file)
		if err != nil {
			continue
		}
		runs = append(runs, destroyRun{file, records[0].Time, records, rep.Plan})
	}
	slices.SortFunc(runs, func(a, b destroyRun) int { return a.begun.Compare(b.begun) })
	out := map[string][]string{}
	for _, r := range runs {
		sparesOf(r, out)
	}
	return out, nil
}

// sparesOf follows one run: what it made a spare comes in, what it took back or used otherwise goes out.
func sparesOf(r destroyRun, out map[string][]string) {
	steps := map[step.ID]step.Step{}
	for _, n := range r.plan.Nodes {
		for _, s := range n.Steps {
			if s.Kind == step.Spare {
				steps[s.ID] = s
			}
		}
	}
	for _, rec := range r.records {
		s, ok := steps[rec.Step]
		if !ok || rec.Kind != journal.Outcome || rec.Result != "done" {
			continue
		}
		serial, _ := s.Want["serial"].(string)
		list := slices.DeleteFunc(out[s.Node], func(x string) bool { return x == serial })
		if s.Want["spare"] != rack.SpareNone {
			list = append(list, serial)
		}
		out[s.Node] = list
	}
}

// knownSpares is spares for a plan: a journal that cannot be read takes no spare back, and is said.
func (w *Workspace) knownSpares() map[string][]string {
	out, err := w.spares()
	if err != nil {
		w.opt.Log.Warn("read which hot spares were assigned", "error", w.Redact(err.Error()))
		return nil
	}
	return out
}

// withSpares adds to what is read of a node what its spares ask for.
func withSpares(facets []rack.Facet, spares []string) []rack.Facet {
	if len(spares) == 0 || slices.Contains(facets, rack.FacetDrives) {
		return facets
	}
	return append(facets, rack.FacetDrives)
}
