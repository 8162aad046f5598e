package blueprint

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/metalwright/metalwright/internal/rack"
)

// A reader reads the attributes of one block (or of one object written in its place) for one instance. What cannot be
// read
// is reported and comes back as false; absent and null come back as false without a word unless the attribute is
// required.
type reader struct {
	s    *scope
	in   *instance
	spec *blockSpec
	what string // "node", "node bmc"
	path string // of the leaves in the Design
	attr map[string]attribute
	subs []*hclsyntax.Block
	rng  hcl.Range

	read   map[string]bool // attributes and blocks that the decoder asked for
	opened []*reader
}

// asked remembers that the decoder has looked at an attribute or block.
func (rd *reader) asked(name string) {
	if rd.read == nil {
		rd.read = map[string]bool{}
	}
	rd.read[name] = true
}

type attribute struct {
	expr      hcl.Expression
	name, rng hcl.Range
}

func newReader(in *instance) *reader {
	s := &scope{m: in.m, phase: structure, each: in.each}
	return bodyReader(s, in, in.b.spec, in.b.syn, in.b.kind, string(in.address))
}

func bodyReader(s *scope, in *instance, spec *blockSpec, b *hclsyntax.Block, what, path string) *reader {
	rd := &reader{s: s, in: in, spec: spec, what: what, path: path, attr: map[string]attribute{}, subs: b.Body.Blocks,
		rng: b.DefRange()}
	for _, a := range b.Body.Attributes {
		if spec.meta && slices.Contains(metaAttributes, a.Name) {
			continue
		}
		rd.attr[a.Name] = attribute{a.Expr, a.NameRange, a.SrcRange}
	}
	return rd
}

func (rd *reader) errorf(at hcl.Range, summary, format string, args ...any) {
	d := errorAt(at, summary, format, args...)
	if rd.in != nil {
		d.Address = string(rd.in.address)
	}
	rd.s.m.r.diags = append(rd.s.m.r.diags, d)
}

// at is where an attribute's value stands, or the block when it is absent.
func (rd *reader) at(name string) hcl.Range {
	if a, ok := rd.attr[name]; ok {
		return a.expr.Range()
	}
	return rd.rng
}

// get gives the value of an attribute: known, not null, without marks.
func (rd *reader) get(name string) (cty.Value, bool) {
	v, ok := rd.raw(name)
	if !ok {
		return v, false
	}
	if !v.IsWhollyKnown() {
		rd.errorf(rd.at(name), "Value not known", "%q depends on a number that the catalog does not have, or on "+
			"sums over nodes, "+
			"which are known in checks and outputs only.", name)
		return v, false
	}
	return v, true
}

// raw is get for values that may be unknown inside.
func (rd *reader) raw(name string) (cty.Value, bool) {
	rd.asked(name)
	a, ok := rd.attr[name]
	if !ok {
		return cty.NilVal, false
	}
	v := rd.s.eval(a.expr)
	if isPoisoned(v) {
		return v, false
	}
	if hasMark(v, sensitive) {
		rd.errorf(a.expr.Range(), "Sensitive value in the design", "A design is stored and shown. Give a secret as "+
			"a reference: "+
			"secret(\"env:NAME\").")
		return v, false
	}
	v, _ = v.UnmarkDeep()
	if v.IsNull() {
		if rd.spec.attrs[name] {
			rd.errorf(a.expr.Range(), "Missing attribute", "%s needs %q, which is null here.", rd.what, name)
		}
		return v, false
	}
	return v, true
}

// note records who set a leaf.
func (rd *reader) note(leaf, name string) {
	a, ok := rd.attr[name]
	if !ok {
		return
	}
	p := provenanceOf(a.expr, a.rng)
	p.Path = rd.path + "." + leaf
	rd.s.m.r.prov[p.Path] = p
}

func (rd *reader) convert(name string, want cty.Type) (cty.Value, bool) {
	v, ok := rd.get(name)
	if !ok {
		return v, false
	}
	out, err := convert.Convert(v, want)
	if err != nil {
		rd.errorf(rd.at(name), "Wrong type", "%q: %s.", name, err)
		return v, false
	}
	return out, true
}

// str reads a string; leaf is its name in the Design.
func (rd *reader) str(name, leaf string) (string, bool) {
	v, ok := rd.convert(name, cty.String)
	if !ok {
		return "", false
	}
	rd.note(leaf, name)
	return v.AsString(), true
}

// text is str when its absence and its emptiness mean the same.
func (rd *reader) text(name string) string {
	s, _ := rd.str(name, name)
	return s
}

// word reads one of several words; preset when absent.
func (rd *reader) word(name, leaf, preset string, words ...string) string {
	s, ok := rd.str(name, leaf)
	if !ok {
		return preset
	}
	if !slices.Contains(words, s) {
		rd.errorf(rd.at(name), "Unknown value", "%q is not a value of %q. %s", s, name, orKnown(s, words,
			"The values are "))
		return preset
	}
	return s
}

func (rd *reader) boolean(name, leaf string) (bool, bool) {
	v, ok := rd.convert(name, cty.Bool)
	if !ok {
		return false, false
	}
	rd.note(leaf, name)
	return v.True(), true
}

// whole reads a whole number within bounds.
func (rd *reader) whole(name, leaf string, lo, hi int64) (int, bool) {
	v, ok := rd.get(name)
	if !ok {
		return 0, false
	}
	n, ok := rd.wholeOf(v, rd.at(name), name, lo, hi)
	if ok {
		rd.note(leaf, name)
	}
	return int(n), ok
}

func (rd *reader) wholeOf(v cty.Value, at hcl.Range, name string, lo, hi int64) (int64, bool) {
	if isPoisoned(v) {
		return 0, false
	}
	v, _ = v.UnmarkDeep()
	num, err := convert.Convert(v, cty.Number)
	if err != nil || num.IsNull() || !num.IsKnown() {
		rd.errorf(at, "Wrong type", "%q is a whole number from %d to %d.", name, lo, hi)
		return 0, false
	}
	n, acc := num.AsBigFloat().Int64()
	if acc != 0 || n < lo || n > hi {
		rd.errorf(at, "Wrong number", "%q is a whole number from %d to %d; this is %s.", name, lo, hi, numberText(num))
		return 0, false
	}
	return n, true
}

// number reads a number that is not negative. With a dimension it may be written with a unit; without unit it counts
// in the
// unit that the attribute's name ends in.
func (rd *reader) number(name, leaf string, d *dimension) (float64, bool) {
	v, ok := rd.get(name)
	if !ok {
		return 0, false
	}
	if v.Type() == cty.String && d != nil {
		f, err := d.parse(v.AsString())
		if err != nil {
			rd.errorf(rd.at(name), "Wrong quantity", "%s", sentence("%q: %s", name, err))
			return 0, false
		}
		rd.note(leaf, name)
		return f, true
	}
	num, err := convert.Convert(v, cty.Number)
	if err != nil {
		rd.errorf(rd.at(name), "Wrong type", "%q: %s.", name, err)
		return 0, false
	}
	f, _ := num.AsBigFloat().Float64()
	if f < 0 || math.IsInf(f, 0) {
		rd.errorf(rd.at(name), "Wrong number", "%q is not negative; this is %s.", name, numberText(num))
		return 0, false
	}
	rd.note(leaf, name)
	return f, true
}

func (rd *reader) numberPtr(name, leaf string, d *dimension) *float64 {
	if f, ok := rd.number(name, leaf, d); ok {
		return &f
	}
	return nil
}

// size reads a quantity that must have a unit, as a whole number of bytes.
func (rd *reader) size(name, leaf string) (int64, bool) {
	v, ok := rd.get(name)
	if !ok {
		return 0, false
	}
	if v.Type() != cty.String {
		rd.errorf(rd.at(name), "Wrong quantity", "%q needs a unit: write it as %q.", name, sizeBytes.example)
		return 0, false
	}
	f, err := sizeBytes.parse(v.AsString())
	if err == nil && f > 1e18 {
		err = fmt.Errorf("%q is too large", v.AsString())
	}
	if err != nil {
		rd.errorf(rd.at(name), "Wrong quantity", "%s", sentence("%q: %s", name, err))
		return 0, false
	}
	rd.note(leaf, name)
	return int64(f), true
}

// strs reads a string or a list of strings.
func (rd *reader) strs(name, leaf string) ([]string, bool) {
	v, ok := rd.get(name)
	if !ok {
		return nil, false
	}
	if v.Type() == cty.String {
		rd.note(leaf, name)
		return []string{v.AsString()}, true
	}
	out := []string{}
	if !v.CanIterateElements() || v.Type().IsMapType() || v.Type().IsObjectType() {
		rd.errorf(rd.at(name), "Wrong type", "%q is a list of strings.", name)
		return nil, false
	}
	for _, e := range v.AsValueSlice() {
		s, err := convert.Convert(e, cty.String)
		if err != nil || s.IsNull() {
			rd.errorf(rd.at(name), "Wrong type", "%q is a list of strings.", name)
			return nil, false
		}
		out = append(out, s.AsString())
	}
	rd.note(leaf, name)
	return out, true
}

// secret reads a secret reference. A plain string is refused: it would be the secret itself.
func (rd *reader) secret(name, leaf string) rack.SecretRef {
	v, ok := rd.get(name)
	if !ok {
		return ""
	}
	if v.Type() != secretType {
		rd.errorf(rd.at(name), "Secret in the text", "%q takes a reference, never the secret: secret(\"env:NAME\"), "+
			"secret(\"file:PATH\"), "+
			"secret(\"age:PATH\") or secret(\"vault:MOUNT/PATH#FIELD\").", name)
		return ""
	}
	rd.note(leaf, name)
	return *v.EncapsulatedValue().(*rack.SecretRef)
}

// refs reads references to elements of the given kinds, alone or in any collection; sorted by address, each once.
func (rd *reader) refs(name, leaf string, kinds ...string) ([]*instance, bool) {
	rd.asked(name)
	a, ok := rd.attr[name]
	if !ok {
		return nil, false
	}
	v := rd.s.eval(a.expr)
	var out []*instance
	if !rd.collect(v, a.expr.Range(), kinds, &out, 0) {
		return nil, false
	}
	slices.SortFunc(out, func(x, y *instance) int { return compareText(string(x.address), string(y.address)) })
	out = slices.Compact(out)
	rd.note(leaf, name)
	return out, true
}

func (rd *reader) collect(v cty.Value, at hcl.Range, kinds []string, out *[]*instance, depth int) bool {
	v, marks := v.Unmark()
	if _, bad := marks[poison]; bad {
		return false
	}
	if v.IsNull() {
		return true
	}
	if in := rd.s.m.r.instanceOf(v); in != nil {
		if len(kinds) > 0 && !slices.Contains(kinds, in.b.kind) {
			rd.errorf(at, "Wrong reference", "%s is a %s; here a %s is wanted.", in.address, in.b.kind, orList(kinds))
			return false
		}
		*out = append(*out, in)
		return true
	}
	if depth > 8 || !v.IsKnown() || !v.CanIterateElements() {
		rd.errorf(at, "Wrong reference", "Here a reference to a %s is wanted, such as %s.NAME, not %s.", orList(kinds),
			first(kinds, "node"),
			v.Type().FriendlyName())
		return false
	}
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if !rd.collect(e, at, kinds, out, depth+1) {
			return false
		}
	}
	return true
}

// ref reads a reference to exactly one element.
func (rd *reader) ref(name, leaf, kind string) (*instance, bool) {
	ins, ok := rd.refs(name, leaf, kind)
	if !ok {
		return nil, false
	}
	if len(ins) != 1 {
		rd.errorf(rd.at(name), "Wrong reference", "%q is one %s; this names %d. Choose one by its key: "+
			"%s.NAME[\"KEY\"].", name, kind, len(ins), kind)
		return nil, false
	}
	return ins[0], true
}

func orList(words []string) string {
	switch len(words) {
	case 0:
		return "block"
	case 1:
		return words[0]
	}
	return words[0] + " or " + orList(words[1:])
}

func first(words []string, preset string) string {
	if len(words) > 0 {
		return words[0]
	}
	return preset
}

// catalogKey reads a value of the catalog, such as hw.server.dgx_h100, and gives its key.
func (rd *reader) catalogKey(name, leaf, root string) (string, cty.Value, bool) {
	v, ok := rd.raw(name)
	if !ok {
		return "", v, false
	}
	got, key := catalogRef(v)
	if got != root {
		rd.errorf(rd.at(name), "Wrong reference", "%q is a value of the catalog: %s.", name, catalogExample[root])
		return "", v, false
	}
	rd.note(leaf, name)
	return key, v, true
}

var catalogExample = map[string]string{"hw": "hw.server.NAME or hw.rack.NAME", "fw": `fw.PLATFORM["VERSION"]`,
	"images": `images.NAME["VERSION"]`, "recipes": `recipes.NAME["VERSION"]`, "policies": "policies.COUNTRY.PROFILE",
	"bios": "profiles.NAME or hw.server.NAME.bios.PROFILE"}

// sub opens a nested block that may be given once, as a block or as an object; nil when absent or wrong.
func (rd *reader) sub(name, leaf string) *reader {
	rd.asked(name)
	spec := rd.spec.blocks[name]
	path := rd.path
	if leaf != "" {
		path += "." + leaf
	}
	for _, b := range rd.subs {
		if b.Type == name && len(b.Labels) == spec.labels {
			out := bodyReader(rd.s, rd.in, spec, b, rd.what+" "+name, path)
			rd.opened = append(rd.opened, out)
			return out
		}
	}
	a, ok := rd.attr[name]
	if !ok || !spec.object {
		return nil
	}
	out := &reader{s: rd.s, in: rd.in, spec: spec, what: rd.what + " " + name, path: path,
		attr: map[string]attribute{}, rng: a.expr.Range()}
	rd.opened = append(rd.opened, out)
	items, ok := rd.objectItems(a.expr, name)
	if !ok {
		return nil
	}
	for _, it := range items {
		if _, known := spec.attrs[it.key]; !known && !spec.open {
			rd.errorf(it.keyRange, "Unknown attribute", "%q is not an attribute of %s. %s", it.key, out.what,
				orKnown(it.key, sortedKeys(spec.attrs), "Known here are "))
			continue
		}
		out.attr[it.key] = attribute{it.expr, it.keyRange, hcl.RangeBetween(it.keyRange, it.expr.Range())}
	}
	for _, n := range sortedKeys(spec.attrs) {
		if _, ok := out.attr[n]; spec.attrs[n] && !ok {
			rd.errorf(a.expr.Range(), "Missing attribute", "%s needs %q.", out.what, n)
		}
	}
	return out
}

type item struct {
	key      string
	keyRange hcl.Range
	expr     hcl.Expression
}

// objectItems lists the items of an object: with their own places when it is written out, else with the place of the
// whole.
func (rd *reader) objectItems(expr hcl.Expression, name string) ([]item, bool) {
	rd.asked(name)
	if cons, ok := expr.(*hclsyntax.ObjectConsExpr); ok {
		var out []item
		for _, it := range cons.Items {
			k := rd.s.eval(it.KeyExpr)
			if isPoisoned(k) {
				return nil, false
			}
			k, _ = k.UnmarkDeep()
			k, err := convert.Convert(k, cty.String)
			if err != nil || k.IsNull() || !k.IsKnown() {
				rd.errorf(it.KeyExpr.Range(), "Wrong type", "A key of %q is a string.", name)
				return nil, false
			}
			out = append(out, item{k.AsString(), it.KeyExpr.Range(), it.ValueExpr})
		}
		return out, true
	}
	v := rd.s.eval(expr)
	v, marks := v.Unmark()
	if _, bad := marks[poison]; bad || v.IsNull() {
		return nil, false
	}
	if !v.IsKnown() || !(v.Type().IsObjectType() || v.Type().IsMapType()) {
		rd.errorf(expr.Range(), "Wrong type", "%q is an object: %s = { … }.", name, name)
		return nil, false
	}
	var out []item
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		k, _ = k.Unmark()
		out = append(out, item{k.AsString(), expr.Range(), hcl.StaticExpr(e.WithMarks(marks), expr.Range())})
	}
	return out, true
}

// each opens the labelled nested blocks of one type, in the order of the text; a label that comes twice is an error.
func (rd *reader) each(typ, leaf string) map[string]*reader {
	rd.asked(typ)
	out := map[string]*reader{}
	for _, b := range rd.subs {
		if b.Type != typ || len(b.Labels) != 1 {
			continue
		}
		if _, twice := out[b.Labels[0]]; twice {
			rd.errorf(b.DefRange(), "Duplicate block", "%s %q stands here twice.", typ, b.Labels[0])
			continue
		}
		path := rd.path + "." + leaf + "[" + strconv.Quote(b.Labels[0]) + "]"
		one := bodyReader(rd.s, rd.in, rd.spec.blocks[typ], b, rd.what+" "+typ, path)
		rd.opened = append(rd.opened, one)
		out[b.Labels[0]] = one
	}
	return out
}

func numberText(v cty.Value) string {
	f := v.AsBigFloat()
	if f.IsInt() && f.MinPrec() < maxDigits {
		return f.Text('f', 0)
	}
	return f.Text('g', 12)
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
