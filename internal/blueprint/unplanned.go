package blueprint

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/rack"
)

// unplanned decodes blocks that this version does not plan: storage, stack. Their references are checked and
// become edges; their values are kept.
func (rd *reader) unplanned(in *instance) {
	e := &rack.Element{Address: in.address, Kind: in.b.kind, Origin: rd.origin()}
	if at := rd.sub("at", "at"); at != nil && in.b.kind != "storage" {
		if to, ok := at.ref("rack", "rack", "rack"); ok {
			e.Rack = to.address
			in.link("rack", to)
		}
		e.U, _ = at.whole("u", "position_u", 1, maxRackU)
		delete(rd.attr, "at")
	}
	for _, name := range []string{"model", "hardware"} {
		if _, given := rd.attr[name]; !given {
			continue
		}
		key, _, ok := rd.catalogKey(name, "model", "hw")
		if !ok {
			continue
		}
		if h, known := rd.s.m.r.hardware(key, rd.at(name)); known {
			rd.kind(h, name)
			e.Model = key
			rd.fromCatalog("model", "hw."+key, h.Digest)
		}
	}
	rd.references(in)
	rd.after(in)
	vals := rd.values(in.b.syn.Body, in.b.spec, rd.path)
	if len(vals) > 0 {
		raw, err := json.Marshal(vals)
		if err == nil {
			e.Values = raw
		}
	}
	slices.Sort(in.refs)
	e.Refs = slices.Compact(in.refs)
	in.element = e
}

// references checks the kinds of the references that have a meaning.
func (rd *reader) references(in *instance) {
	want := map[string]map[string][]string{
		"stack": {"control": {"node"}, "workers": {"node"}, "topology": {"fabric"}},
	}[in.b.kind]
	for _, name := range sortedKeys(want) {
		if _, ok := rd.attr[name]; ok {
			rd.refs(name, name, want[name]...)
		}
	}
	if in.b.kind == "stack" {
		if key, _, ok := rd.catalogKey("recipe", "recipe", "recipes"); ok {
			if rc, known := rd.s.m.r.opt.Catalog.Recipes[key]; known {
				rd.s.m.r.lockUse("recipe "+key, rc.Digest, rd.at("recipe"))
				rd.fromCatalog("recipe", "recipes "+key, rc.Digest)
			} else {
				rd.errorf(rd.at("recipe"), "Unknown recipe", "The catalog has no recipe %q. %s", key,
					orKnown(key, sortedKeys(rd.s.m.r.opt.Catalog.Recipes), "It has "))
			}
		}
	}
	if in.b.kind == "storage" {
		vols := rd.each("volume", "volume")
		for _, name := range sortedKeys(vols) {
			vols[name].size("size", "size")
		}
	}
}

// after reads the meta attribute: explicit edges.
func (rd *reader) after(in *instance) {
	a := in.b.syn.Body.Attributes["after"]
	if a == nil || !in.b.spec.meta {
		return
	}
	one := &reader{s: rd.s, in: rd.in, spec: &blockSpec{}, what: rd.what, path: rd.path, rng: rd.rng,
		attr: map[string]attribute{"after": {a.Expr, a.NameRange, a.SrcRange}}}
	ins, _ := one.refs("after", "after")
	for _, x := range ins {
		in.refs = append(in.refs, x.address)
	}
}

// values gives the attributes and blocks of a body as JSON values. Labelled blocks become objects by label.
func (rd *reader) values(body *hclsyntax.Body, spec *blockSpec, path string) map[string]any {
	out := map[string]any{}
	for _, a := range sortedAttributes(body) {
		if spec != nil && spec.meta && slices.Contains(metaAttributes, a.Name) {
			continue
		}
		one := &reader{s: rd.s, in: rd.in, spec: &blockSpec{}, what: rd.what, path: path, rng: a.SrcRange,
			attr: map[string]attribute{a.Name: {a.Expr, a.NameRange, a.SrcRange}}}
		v, ok := one.raw(a.Name)
		if !ok {
			continue
		}
		x, known, ok := one.plain(v, a.Expr.Range())
		if !known {
			rd.warnf(a.Expr.Range(), "Value not known", "%q depends on a number that the catalog does not have; it "+
				"is null here.", a.Name)
		}
		if ok {
			out[a.Name] = x
			one.note(a.Name, a.Name)
		}
	}
	for _, b := range body.Blocks {
		at := path + "." + b.Type
		var sub *blockSpec
		if spec != nil {
			sub = spec.blocks[b.Type]
		}
		into := out
		for _, l := range append([]string{b.Type}, b.Labels...) {
			next, ok := into[l].(map[string]any)
			if !ok {
				next = map[string]any{}
				into[l] = next
			}
			into = next
			if l != b.Type {
				at += "[" + strconv.Quote(l) + "]"
			}
		}
		for k, x := range rd.values(b.Body, sub, at) {
			into[k] = x
		}
	}
	return out
}

// json writes a value as JSON; references become addresses, secrets their references. known is false when something in
// it
// is not known.
func (rd *reader) json(v cty.Value, name string) (raw json.RawMessage, known, ok bool) {
	x, known, ok := rd.plain(v, rd.at(name))
	if !ok {
		return nil, known, false
	}
	raw, err := json.Marshal(x)
	return raw, known, err == nil
}

// plain converts a value to what encoding/json writes. References are remembered as edges of the instance.
func (rd *reader) plain(v cty.Value, at hcl.Range) (x any, known, ok bool) {
	c := converter{r: rd.s.m.r, edge: func(a rack.Address) {
		if rd.in != nil && a != rd.in.address {
			rd.in.refs = append(rd.in.refs, a)
		}
	}}
	x, ok = c.plain(v, 0)
	if !ok {
		rd.errorf(at, "Wrong type", "A value of type %s cannot be kept in the design.", c.wrong.FriendlyName())
	}
	return x, !c.unknown, ok
}

// A converter makes plain data of values: references to elements become addresses, values of the catalog their names.
type converter struct {
	r       *resolver
	edge    func(rack.Address) // told of every reference; may be nil
	unknown bool               // something was not known; it became null
	wrong   cty.Type           // what could not be converted
}

func (c *converter) plain(v cty.Value, depth int) (any, bool) {
	v, _ = v.Unmark()
	if !v.IsKnown() {
		c.unknown = true
		return nil, true
	}
	if v.IsNull() {
		return nil, true
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return v.AsString(), true
	case t == cty.Bool:
		return v.True(), true
	case t == cty.Number:
		return json.Number(jsonNumber(v)), true
	case t == secretType:
		return string(*v.EncapsulatedValue().(*rack.SecretRef)), true
	case t.IsCapsuleType() || depth > maxNesting:
		c.wrong = t
		return nil, false
	}
	if root, key := catalogRef(v); root != "" {
		return root + "." + key, true
	}
	if in := c.r.instanceOf(v); in != nil {
		if c.edge != nil {
			c.edge(in.address)
		}
		return string(in.address), true
	}
	object := t.IsObjectType() || t.IsMapType()
	fields, items := map[string]any{}, []any{}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		x, ok := c.plain(e, depth+1)
		if !ok {
			return nil, false
		}
		if object {
			k, _ = k.Unmark()
			fields[k.AsString()] = x
		} else {
			items = append(items, x)
		}
	}
	if object {
		return fields, true
	}
	return items, true
}

// jsonNumber writes a number so that it reads back as the same: whole ones without a point.
func jsonNumber(v cty.Value) string {
	f := v.AsBigFloat()
	if f.IsInf() {
		return "0"
	}
	if f.IsInt() && f.MantExp(nil) < 1024 {
		return f.Text('f', 0)
	}
	return f.Text('g', 17)
}

// sortElements orders the elements of one kind by address.
func sortElements[T any](in []T, address func(T) rack.Address) []T {
	slices.SortFunc(in, func(a, b T) int { return compareText(string(address(a)), string(address(b))) })
	return in
}
