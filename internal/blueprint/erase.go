package blueprint

import (
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
)

// maxPasses bounds what is written for an overwrite: each pass wears the drive by one drive write.
const maxPasses = 16

// erase decodes disks { erase { … } }: how drives are erased, when on_destroy asks for it.
func (rd *reader) erase() *rack.EraseSpec {
	e := &rack.EraseSpec{Origin: diag.At(rd.rng)}
	e.Method = rd.word("method", "method", "policy", "policy", rack.EraseCrypto, rack.EraseBlock, rack.EraseOverwrite, rack.EraseFormat)
	if e.Passes, _ = rd.whole("passes", "passes", 1, maxPasses); e.Passes > 0 && e.Method != rack.EraseOverwrite {
		rd.errorf(rd.at("passes"), "Passes without overwrite", "Only method = %q writes in passes.", rack.EraseOverwrite)
	}
	return e
}

// eraseFloors writes into each node that erases drives what the policy of its site accepts.
func (r *resolver) eraseFloors() {
	d := &r.design
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if !n.Erases() {
			continue
		}
		if p, key, ok := r.policyOf(*n); ok {
			f := &rack.EraseFloor{Policy: key}
			for _, e := range p.Erase {
				switch e.Media {
				case "flash":
					f.Flash = accepted(e)
				case "magnetic":
					f.Magnetic = accepted(e)
				}
			}
			n.EraseFloor = f
		}
	}
}

func accepted(e residency.Erase) []rack.EraseResult {
	var out []rack.EraseResult
	for _, a := range e.Accept {
		out = append(out, rack.EraseResult{Method: a.Method, Passes: a.Passes, Pattern: a.Pattern, ReadBack: a.ReadBack, Then: e.Then})
	}
	return out
}

// policyOf finds the profile of the region in which a node stands.
func (r *resolver) policyOf(n rack.Node) (residency.Profile, string, bool) {
	s, ok := r.design.SiteOf(n)
	if !ok {
		return residency.Profile{}, "", false
	}
	for _, g := range r.design.Regions {
		if g.Address == s.Region {
			p, ok := r.opt.Catalog.Policies[g.Policy]
			return p, g.Policy, ok
		}
	}
	return residency.Profile{}, "", false
}
