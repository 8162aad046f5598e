package blueprint

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// Values of the catalog are objects that carry, besides what is useful to read, two attributes by which a decoder
// knows them:
// catalog (the root) and key. All values below hw have one type, so that they can stand in one list or conditional.

func catalogEntry(root, key string, more map[string]cty.Value) cty.Value {
	more["catalog"] = cty.StringVal(root)
	more["key"] = cty.StringVal(key)
	return cty.ObjectVal(more)
}

// catalogRef recognises a value of the catalog.
func catalogRef(v cty.Value) (root, key string) {
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute("catalog") ||
		!v.Type().HasAttribute("key") {
		return "", ""
	}
	c, _ := v.GetAttr("catalog").Unmark()
	k, _ := v.GetAttr("key").Unmark()
	if c.Type() != cty.String || k.Type() != cty.String || !c.IsKnown() || !k.IsKnown() || c.IsNull() || k.IsNull() {
		return "", ""
	}
	return c.AsString(), k.AsString()
}

// catalogValue builds one root, once.
func (r *resolver) catalogValue(root string) cty.Value {
	if v, ok := r.roots[root]; ok {
		return v
	}
	c := r.opt.Catalog
	var v cty.Value
	switch root {
	case "hw":
		v = tree(".", c.Hardware, hardwareValue)
	case "fw":
		v = tree("/", c.Baselines, func(b rack.Baseline) cty.Value {
			return catalogEntry("fw", b.Key, map[string]cty.Value{"platform": cty.StringVal(b.Platform),
				"version": cty.StringVal(b.Version), "serial": cty.NumberIntVal(int64(b.Serial))})
		})
	case "policies":
		vals := map[string]map[string]cty.Value{}
		for key, p := range c.Policies {
			put(vals, key, ".", catalogEntry("policies", key,
				map[string]cty.Value{"jurisdiction": cty.StringVal(p.Jurisdiction),
					"serial": cty.NumberIntVal(int64(p.Serial))}))
		}
		v = joined(vals)
	case "profiles":
		vals := map[string]cty.Value{}
		for name, p := range c.BIOSProfiles {
			vals[name] = catalogEntry("profiles", name, map[string]cty.Value{"summary": cty.StringVal(p.Summary)})
		}
		v = cty.ObjectVal(vals)
	case "images":
		vals := map[string]map[string]cty.Value{}
		for key, i := range c.Images {
			put(vals, key, "/", catalogEntry("images", key, map[string]cty.Value{"version": cty.StringVal(i.Version)}))
		}
		v = joined(vals)
	case "recipes":
		vals := map[string]map[string]cty.Value{}
		for key, i := range c.Recipes {
			put(vals, key, "/", catalogEntry("recipes", key, map[string]cty.Value{"version": cty.StringVal(i.Version)}))
		}
		v = joined(vals)
	}
	r.roots[root] = v
	return v
}

// tree groups the entries of a catalog map by what stands before the separator in their keys.
func tree[T any](sep string, in map[string]T, value func(T) cty.Value) cty.Value {
	vals := map[string]map[string]cty.Value{}
	for key, x := range in {
		put(vals, key, sep, value(x))
	}
	return joined(vals)
}

func put(vals map[string]map[string]cty.Value, key, sep string, v cty.Value) {
	group, name, _ := strings.Cut(key, sep)
	if vals[group] == nil {
		vals[group] = map[string]cty.Value{}
	}
	vals[group][name] = v
}

func joined(vals map[string]map[string]cty.Value) cty.Value {
	out := map[string]cty.Value{}
	for group, v := range vals {
		out[group] = cty.ObjectVal(v)
	}
	return cty.ObjectVal(out)
}

// numberValue is unknown where the catalog does not know: what needs it says "not checked".
func numberValue(n *rack.Number) cty.Value {
	if n == nil {
		return cty.UnknownVal(cty.Number)
	}
	v, err := finite(n.Value)
	if err != nil {
		return cty.UnknownVal(cty.Number)
	}
	return v
}

var profileType = cty.Object(map[string]cty.Type{"catalog": cty.String, "key": cty.String, "hardware": cty.String,
	"name": cty.String})

func hardwareValue(h rack.Hardware) cty.Value {
	profiles := map[string]cty.Value{}
	for name := range h.Profiles {
		profiles[name] = catalogEntry("bios", h.Key+"#"+name, map[string]cty.Value{"hardware": cty.StringVal(h.Key),
			"name": cty.StringVal(name)})
	}
	accept, facts := map[string]cty.Value{}, map[string]cty.Value{}
	for name, n := range h.Facts {
		if short, ok := strings.CutPrefix(name, "accept."); ok {
			accept[short] = numberValue(&n)
		} else {
			facts[name] = numberValue(&n)
		}
	}
	floors := cty.UnknownVal(cty.Map(cty.Number)) // no floor was read: each is unknown, as any number of the catalog can be
	if len(accept) > 0 {
		floors = cty.MapVal(accept)
	}
	gpu := map[string]cty.Value{"model": cty.NullVal(cty.String), "count": cty.NumberIntVal(0),
		"memory_mib": cty.UnknownVal(cty.Number)}
	if h.GPU != nil {
		gpu["model"], gpu["count"] = cty.StringVal(h.GPU.Model), cty.NumberIntVal(int64(h.GPU.Count))
		if h.GPU.MemoryMiB > 0 {
			gpu["memory_mib"] = cty.NumberIntVal(h.GPU.MemoryMiB)
		}
	}
	return catalogEntry("hw", h.Key, map[string]cty.Value{
		"kind": cty.StringVal(h.Kind), "vendor": cty.StringVal(h.Vendor), "summary": cty.StringVal(h.Summary),
		"dialect": cty.StringVal(h.Dialect), "cooling": cty.StringVal(h.Cooling), "verified": cty.BoolVal(h.Verified),
		"u": numberValue(h.U), "weight_kg": numberValue(h.WeightKg), "peak_kw": numberValue(h.PeakKW),
		"supplies": numberValue(h.Supplies), "supply_kw": numberValue(h.SupplyKW),
		"memory_gib": numberValue(h.MemoryGiB),
		"gpu":        cty.ObjectVal(gpu), "gpus": gpu["count"],
		"bios": mapOf(profiles, profileType), "accept": floors, "facts": mapOf(facts, cty.Number),
	})
}

func mapOf(vals map[string]cty.Value, elem cty.Type) cty.Value {
	if len(vals) == 0 {
		return cty.MapValEmpty(elem)
	}
	return cty.MapVal(vals)
}

// hardware finds an entry and keeps it for the Design. The value may come from a variable that forged a key, so it may
// fail.
func (r *resolver) hardware(key string, at hcl.Range) (rack.Hardware, bool) {
	h, ok := r.opt.Catalog.Hardware[key]
	if !ok {
		r.errorf(at, "Unknown hardware", "The catalog has no hw.%s. %s", key, orKnown(key,
			sortedKeys(r.opt.Catalog.Hardware), "It has "))
		return h, false
	}
	if r.design.Hardware == nil {
		r.design.Hardware = map[string]rack.Hardware{}
	}
	r.design.Hardware[key] = h
	r.lockUse("hardware "+key, h.Digest, at)
	return h, true
}

// lockUse remembers that a thing of the catalog is in use, for the lock.
func (r *resolver) lockUse(what string, digest rack.Digest, at hcl.Range) {
	if _, ok := r.lockUses[what]; !ok {
		r.lockUses[what], r.lockAt[what] = digest, at
	}
}

// provenanceOf says who set a leaf, judging by its expression: a variable when it is nothing but one.
func provenanceOf(expr hcl.Expression, at hcl.Range) rack.Provenance {
	p := rack.Provenance{Source: "blueprint", Origin: diag.At(at)}
	if t, ok := expr.(*hclsyntax.ScopeTraversalExpr); ok {
		switch t.Traversal.RootName() {
		case "var":
			p.Source, p.Detail = "variable", traversalText(t.Traversal)
		case "local", "hw", "fw", "images", "policies", "profiles", "recipes":
			p.Detail = traversalText(t.Traversal)
		}
	}
	return p
}
