package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/survey"
)

// glanceFor looks at what a verb rests on: of nodes that are switched on the shelves that they hang on too; of shelves what hangs on
// them and what else carries it.
func (w *Workspace) glanceFor(ctx context.Context, v plan.Verb, names []string) rack.Observation {
	if !v.Shelf() {
		o := w.Glance(ctx, names, lookFor(v))
		if v.Do == plan.DoOn {
			o = joined(o, survey.Run(ctx, w.shelfTargets(names), survey.Options{}))
		}
		return o
	}
	nodes, shelves := []string{}, slices.Clone(names)
	for _, name := range names {
		p, _ := w.Design.PowerDomainOf(name)
		for _, n := range p.Nodes {
			nodes = append(nodes, n.Name)
		}
		for _, s := range p.Shelves {
			shelves = append(shelves, s.Name)
		}
	}
	return joined(w.Glance(ctx, nodes, 0), w.glanceShelves(ctx, shelves))
}

// GlanceShelves reads power shelves by name. What could not be read is a gap.
func (w *Workspace) GlanceShelves(ctx context.Context, shelves []string) rack.Observation {
	return w.glanceShelves(ctx, shelves)
}

func (w *Workspace) glanceShelves(ctx context.Context, shelves []string) rack.Observation {
	targets := slices.DeleteFunc(w.shelfTargets(nil), func(t survey.Target) bool { return !slices.Contains(shelves, t.Node) })
	return survey.Run(ctx, targets, survey.Options{})
}

// sharing lists the other nodes that share a rack or shelves with these.
func (w *Workspace) sharing(nodes []string) []string {
	racks := map[rack.Address]bool{}
	for _, name := range nodes {
		p, _ := w.Design.PowerDomainOf(name)
		for _, r := range p.Racks {
			racks[r.Address] = true
		}
	}
	var out []string
	for _, n := range w.Design.Nodes {
		if racks[n.Rack] && !slices.Contains(nodes, n.Name) {
			out = append(out, n.Name)
		}
	}
	return out
}

// joined puts two observations of different devices together.
func joined(a, b rack.Observation) rack.Observation {
	a.Devices, a.Gaps = slices.Concat(a.Devices, b.Devices), slices.Concat(a.Gaps, b.Gaps)
	slices.SortStableFunc(a.Devices, func(x, y rack.Device) int { return strings.Compare(x.Address, y.Address) })
	slices.SortStableFunc(a.Gaps, func(x, y rack.Gap) int { return strings.Compare(x.Address+" "+x.Path, y.Address+" "+y.Path) })
	return a
}
