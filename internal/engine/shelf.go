package engine

import (
	"context"
	"slices"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/survey"
)

// holder finds what a controller is bound for by its name: a node, or a power shelf in the form of one, which has an address, a
// name and a login and nothing else.
func (w *Workspace) holder(name string) (rack.Node, bool) {
	if n, ok := w.Design.Node(name); ok {
		return n, true
	}
	s, ok := w.Design.Shelf(name)
	return rack.Node{Address: s.Address, Name: s.Name, Rack: s.Rack, PositionU: s.PositionU, BMC: s.BMC, Origin: s.Origin}, ok
}

// shelfTargets are the power shelves to read with some nodes, by name or address: those that they hang on, and those that are
// named; all of them where no node is named.
func (w *Workspace) shelfTargets(only []string) []survey.Target {
	var out []survey.Target
	for _, s := range w.Design.PowerShelves {
		wanted := len(only) == 0 || slices.Contains(only, s.Name) || slices.Contains(only, string(s.Address))
		for _, n := range w.Design.NodesOn(s) {
			wanted = wanted || slices.Contains(only, n.Name) || slices.Contains(only, string(n.Address))
		}
		if !wanted {
			continue
		}
		n, _ := w.holder(s.Name)
		out = append(out, survey.Target{Address: string(s.Address), Node: s.Name, Endpoint: w.Bindings[s.Name].URL,
			Open: func(ctx context.Context) (survey.Reader, error) {
				return w.reader(ctx, n, []rack.Facet{rack.FacetShelf})
			}})
	}
	return out
}

// bindable lists the names that a controller can be bound for: nodes, then power shelves.
func bindable(d rack.Design) []string {
	var out []string
	for _, n := range d.Nodes {
		out = append(out, n.Name)
	}
	for _, s := range d.PowerShelves {
		out = append(out, s.Name)
	}
	return out
}

// Bindable lists the names that a controller of this blueprint can be bound for: nodes, then power shelves.
func (w *Workspace) Bindable() []string { return bindable(w.Design) }
