package engine

import (
	"slices"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
)

// outside tells of each node whose policy does not let it have an image from there: what a blueprint may not ask for, a
// technician may not do either. The rules are those that an os block is held against. BMCs by address have no policy.
func (w *Workspace) outside(image string, nodes []string) []plan.Note {
	d := w.Design
	d.Nodes = slices.Clone(d.Nodes)
	for i, n := range d.Nodes {
		d.Nodes[i].Media, d.Nodes[i].Boot = nil, nil // only the image is judged
		if slices.Contains(nodes, n.Name) {
			d.Nodes[i].Media = &rack.MediaSpec{Image: image, Origin: n.Origin}
		}
	}
	var out []plan.Note
	for _, f := range residency.Check(residency.Facts{Design: d}, w.Catalog.Policies, w.opt.Now) {
		n, ok := d.Node(string(f.Address))
		if ok && n.Media != nil && f.Status == residency.NotMet && f.Severity == "error" && f.Rule == "endpoint.closed" {
			out = append(out, plan.Note{Address: n.Address, Node: n.Name, Rule: f.Rule, Summary: "Image outside the closed list", Detail: f.Detail})
		}
	}
	return out
}
