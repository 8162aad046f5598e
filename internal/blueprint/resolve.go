package blueprint

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// Resolve evaluates a blueprint to a Design and judges it by every check that needs the Design only. With an Error
// among the
// diagnostics the Design is incomplete and must not be planned. The diagnostics are sorted by place.
func Resolve(bp *Blueprint, opt Options) (rack.Design, diag.List) {
	r, root := newResolver(bp, opt)
	root.build()
	r.finish(root)
	return r.design, r.diagnostics()
}

// resolver is the state of one Resolve, shared by all modules.
type resolver struct {
	opt       Options
	diags     diag.List
	findings  []finding
	gaps      map[gap][]string
	budget    cty.Value
	stack     []string // references that wait for each other, for cycles
	registry  map[rack.Address]*instance
	order     []*instance
	roots     map[string]cty.Value // catalog roots, built when first named
	prov      map[string]rack.Provenance
	names     map[string]*instance // node names
	design    rack.Design
	lockUses  map[string]rack.Digest // catalog things in use: "policy au.strategic" → digest
	lockAt    map[string]hcl.Range
	overflown bool
}

// module is one blueprint: the root, or one that a use block instantiates.
type module struct {
	r           *resolver
	bp          *Blueprint
	parent      *module
	use         *block // in the parent
	prefix      string // of addresses: "" or "use.pod1."
	namePrefix  string // of node names: "" or "pod1-"
	dir         string // relative to the root blueprint
	ref         string // what was used, to find cycles
	depth       int
	children    map[string]*module
	fromOptions map[string]input
	memo        map[memoKey]*memoEntry
	instances   map[*block][]*instance
}

type memoKey struct {
	root, name string
	phase      phase
}

type memoEntry struct {
	val  cty.Value
	done bool
}

// An instance is one element: a block, or one of its repetitions.
type instance struct {
	m       *module
	b       *block
	address rack.Address
	name    string    // key, or label
	key     cty.Value // NilVal when not repeated
	each    *each
	vals    map[string]cty.Value // what references see
	links   map[string]*instance // elements that are seen as attributes
	element any                  // *rack.Site, *rack.Node …
	refs    []rack.Address       // of unplanned elements
	image   string               // of os: path or URL
}

func newResolver(bp *Blueprint, opt Options) (*resolver, *module) {
	r := &resolver{opt: opt, budget: newBudget(), registry: map[rack.Address]*instance{}, roots: map[string]cty.Value{},
		prov: map[string]rack.Provenance{}, names: map[string]*instance{}, lockUses: map[string]rack.Digest{},
		lockAt: map[string]hcl.Range{}}
	r.design = rack.Design{Format: rack.DesignFormat}
	m := r.module(bp, nil, nil, "")
	m.fromOptions = m.inputs(opt)
	return r, m
}

func (r *resolver) module(bp *Blueprint, parent *module, use *block, prefix string) *module {
	m := &module{r: r, bp: bp, parent: parent, use: use, prefix: prefix, children: map[string]*module{},
		memo: map[memoKey]*memoEntry{}, instances: map[*block][]*instance{}}
	if parent != nil {
		m.depth, m.namePrefix = parent.depth+1, parent.namePrefix+use.name+"-"
	}
	return m
}

func (r *resolver) errorf(at hcl.Range, summary, format string, args ...any) {
	r.diags = append(r.diags, errorAt(at, summary, format, args...))
}

func (r *resolver) warnf(at hcl.Range, summary, format string, args ...any) {
	d := errorAt(at, summary, format, args...)
	d.Severity = diag.Warning
	r.diags = append(r.diags, d)
}

// diagnostics gives all that was found, once each, by place.
func (r *resolver) diagnostics() diag.List {
	var out diag.List
	seen := map[diag.Diagnostic]bool{}
	for _, d := range r.diags.Sorted() {
		key := d
		key.Address, key.Context = "", diag.Origin{} // instances of one block say the same thing on the same line
		if !seen[key] {
			seen[key] = true
			out = append(out, d)
		}
	}
	return out
}

// isRoot tells whether a name stands for members of this blueprint.
func (m *module) isRoot(root string) bool {
	return root == "var" || root == "local" || root == "use" || slices.Contains(referable, root)
}

func isCatalogRoot(root string) bool { return slices.Contains(catalogRoots, root) }

// members lists the names below a root.
func (m *module) members(root string) []string {
	switch root {
	case "var":
		return sortedKeys(m.bp.variables)
	case "local":
		return sortedKeys(m.bp.locals)
	}
	return sortedKeys(m.bp.byKind[root])
}

// lookup gives the value of ROOT.NAME, which must exist. It is computed once per phase; one that needs itself is
// reported.
func (m *module) lookup(root, name string, ph phase) cty.Value {
	key := memoKey{root, name, ph}
	label := m.prefix + root + "." + name
	if e := m.memo[key]; e != nil {
		if !e.done {
			m.cycle(label, root, name)
			return poisoned
		}
		return e.val
	}
	if len(m.r.stack) >= maxReferenceDepth {
		m.r.errorf(m.declared(root, name), "References too deep", "More than %d references wait for each other here.",
			maxReferenceDepth)
		return poisoned
	}
	e := &memoEntry{}
	m.memo[key] = e
	m.r.stack = append(m.r.stack, label)
	e.val = m.compute(root, name, ph)
	m.r.stack = m.r.stack[:len(m.r.stack)-1]
	e.done = true
	return e.val
}

func (m *module) cycle(label, root, name string) {
	from := slices.Index(m.r.stack, label)
	chain := append(slices.Clone(m.r.stack[max(from, 0):]), label)
	m.r.errorf(m.declared(root, name), "Reference cycle", "These need each other: %s.", strings.Join(chain, " → "))
}

// declared is where ROOT.NAME stands in the text.
func (m *module) declared(root, name string) hcl.Range {
	switch root {
	case "var":
		return m.bp.variables[name].syn.DefRange()
	case "local":
		return m.bp.locals[name].NameRange
	}
	return m.bp.byKind[root][name].syn.DefRange()
}

func (m *module) compute(root, name string, ph phase) cty.Value {
	switch root {
	case "var":
		return m.variableValue(m.bp.variables[name], ph)
	case "local":
		s := &scope{m: m, phase: ph}
		return s.eval(m.bp.locals[name].Expr)
	case "use":
		child := m.children[name]
		if child == nil {
			return poisoned
		}
		return child.outputs(ph)
	}
	b := m.bp.byKind[root][name]
	ins, ok := m.expand(b)
	if !ok {
		return poisoned
	}
	return blockValue(b, ins, ph)
}

// outputs is what use.NAME gives: the outputs of the used blueprint.
func (m *module) outputs(ph phase) cty.Value {
	vals := map[string]cty.Value{}
	for _, name := range sortedKeys(m.bp.byKind["output"]) {
		vals[name] = m.output(name, ph)
	}
	return cty.ObjectVal(vals)
}

// output evaluates one output, once per phase.
func (m *module) output(name string, ph phase) cty.Value {
	b := m.bp.byKind["output"][name]
	a := b.syn.Body.Attributes["value"]
	if a == nil {
		return poisoned
	}
	key := memoKey{"output", name, ph}
	if e := m.memo[key]; e != nil {
		if !e.done {
			m.cycle(m.prefix+"output."+name, "output", name)
			return poisoned
		}
		return e.val
	}
	e := &memoEntry{}
	m.memo[key] = e
	s := &scope{m: m, phase: ph}
	e.val = s.eval(a.Expr)
	if m.boolAttr(b, "sensitive") {
		e.val = e.val.Mark(sensitive)
	} else if hasMark(e.val, sensitive) {
		m.r.errorf(a.Expr.Range(), "Output shows a sensitive value", "The value of output %q comes from a sensitive "+
			"variable. "+
			"Set sensitive = true in the output, or leave the value out.", name)
		e.val = poisoned
	}
	e.done = true
	return e.val
}

// boolAttr reads a constant bool of a block.
func (m *module) boolAttr(b *block, name string) bool {
	a := b.syn.Body.Attributes[name]
	if a == nil {
		return false
	}
	s := &scope{m: m, phase: structure}
	v := s.eval(a.Expr)
	v, _ = v.Unmark()
	return v.Type() == cty.Bool && v.IsKnown() && !v.IsNull() && v.True()
}

// build loads used blueprints, evaluates every block and keeps the elements.
func (m *module) build() {
	m.load()
	for _, name := range sortedKeys(m.bp.variables) {
		m.validate(m.bp.variables[name])
	}
	for _, name := range sortedKeys(m.bp.locals) {
		m.lookup("local", name, structure)
	}
	for _, b := range m.bp.blocks {
		if b.kind == "check" || b.kind == "waiver" || slices.Contains(referable, b.kind) {
			m.lookupBlock(b)
		}
	}
	for _, name := range sortedKeys(m.children) {
		m.children[name].build()
	}
}

// lookupBlock expands a block through lookup, so that cycles are found.
func (m *module) lookupBlock(b *block) {
	if slices.Contains(referable, b.kind) {
		m.lookup(b.kind, b.name, structure)
		return
	}
	m.expand(b)
}

// expand decodes the instances of a block, once.
func (m *module) expand(b *block) ([]*instance, bool) {
	if ins, done := m.instances[b]; done {
		return ins, ins != nil
	}
	m.instances[b] = nil
	ins, ok := m.repeat(b)
	if !ok {
		return nil, false
	}
	for _, in := range ins {
		if len(m.r.order) >= maxInstances {
			if !m.r.overflown {
				m.r.errorf(b.syn.DefRange(), "Too many elements", "A blueprint may have %d elements in all.",
					maxInstances)
			}
			m.r.overflown = true
			return nil, false
		}
		m.r.registry[in.address] = in
		m.r.order = append(m.r.order, in)
		newReader(in).decode(in)
	}
	m.instances[b] = ins
	return ins, true
}

// repeat evaluates for_each or count.
func (m *module) repeat(b *block) ([]*instance, bool) {
	forEach, count := b.syn.Body.Attributes["for_each"], b.syn.Body.Attributes["count"]
	if !b.spec.meta {
		forEach, count = nil, nil
	}
	base := m.prefix + b.kind + "." + b.name
	single := func(key cty.Value, name string, e *each) *instance {
		in := &instance{m: m, b: b, key: key, name: name, each: e, address: rack.Address(base),
			vals: map[string]cty.Value{}}
		if key != cty.NilVal {
			in.address += rack.Address("[" + keyText(key) + "]")
		}
		return in
	}
	switch {
	case forEach != nil && count != nil:
		m.r.errorf(count.NameRange, "Both for_each and count", "%s is repeated by for_each or by count, not by both.",
			b)
		return nil, false
	case forEach != nil:
		return m.forEach(forEach.Expr, single)
	case count != nil:
		return m.count(b, count.Expr, single)
	}
	return []*instance{single(cty.NilVal, b.name, nil)}, true
}

func (m *module) forEach(expr hclsyntax.Expression, single func(cty.Value, string, *each) *instance) ([]*instance,
	bool) {
	s := &scope{m: m, phase: structure}
	v := s.eval(expr)
	if isPoisoned(v) && !shallowlyUsable(v) {
		return nil, false
	}
	v, marks := v.Unmark()
	if _, secret := marks[sensitive]; secret {
		m.r.errorf(expr.Range(), "Sensitive for_each", "A sensitive value cannot name elements: names are shown "+
			"everywhere.")
		return nil, false
	}
	t := v.Type()
	switch {
	case v.IsNull() || !v.IsKnown():
		m.r.errorf(expr.Range(), "Invalid for_each", "The value is null or not known while blocks are expanded.")
		return nil, false
	case t.IsSetType() && t.ElementType() != cty.String && v.LengthInt() > 0,
		!t.IsSetType() && !t.IsMapType() && !t.IsObjectType():
		m.r.errorf(expr.Range(), "Invalid for_each", "for_each takes a map, an object or a set of strings, this is "+
			"%s. "+
			"For a list write toset(…).", t.FriendlyName())
		return nil, false
	}
	out := []*instance{}
	for it := v.ElementIterator(); it.Next(); {
		k, val := it.Element()
		k, _ = k.Unmark()
		if k.IsNull() || !k.IsKnown() {
			m.r.errorf(expr.Range(), "Invalid for_each", "An element of the set is null or not known.")
			return nil, false
		}
		if len(out) >= maxInstances {
			m.r.errorf(expr.Range(), "Too many elements", "A blueprint may have %d elements in all.", maxInstances)
			return nil, false
		}
		out = append(out, single(k, k.AsString(), &each{key: k, value: val}))
	}
	return out, true
}

// shallowlyUsable tells whether only something inside of the collection is poisoned.
func shallowlyUsable(v cty.Value) bool {
	raw, marks := v.Unmark()
	_, bad := marks[poison]
	return !bad && raw.IsKnown()
}

func (m *module) count(b *block, expr hclsyntax.Expression, single func(cty.Value, string,
	*each) *instance) ([]*instance, bool) {
	rd := &reader{s: &scope{m: m, phase: structure}}
	v := rd.s.eval(expr)
	n, ok := rd.wholeOf(v, expr.Range(), "count", 0, maxInstances)
	if !ok {
		return nil, false
	}
	out := []*instance{}
	for i := range n {
		idx := cty.NumberIntVal(i)
		out = append(out, single(idx, b.name+"-"+strconv.FormatInt(i, 10), &each{index: idx}))
	}
	return out, true
}

// keyText writes an instance key as it stands in an address.
func keyText(key cty.Value) string {
	key, _ = key.Unmark()
	if key.IsNull() || !key.IsKnown() {
		return "?"
	}
	if key.Type() == cty.String {
		return strconv.Quote(key.AsString())
	}
	if key.Type() == cty.Number {
		return key.AsBigFloat().Text('f', 0)
	}
	return fmt.Sprintf("%#v", key)
}

// blockValue is what KIND.NAME stands for: an object, one for each key, or a tuple.
func blockValue(b *block, ins []*instance, ph phase) cty.Value {
	if b.spec.meta && b.syn.Body.Attributes["for_each"] != nil {
		vals := map[string]cty.Value{}
		for _, in := range ins {
			vals[in.key.AsString()] = in.value(ph)
		}
		return cty.ObjectVal(vals)
	}
	if b.spec.meta && b.syn.Body.Attributes["count"] != nil {
		vals := []cty.Value{}
		for _, in := range ins {
			vals = append(vals, in.value(ph))
		}
		return cty.TupleVal(vals)
	}
	return ins[0].value(ph)
}

// value is what a reference to the element sees. Sums over nodes are known in the second phase only.
func (in *instance) value(ph phase) cty.Value {
	vals := map[string]cty.Value{"address": cty.StringVal(string(in.address)), "name": cty.StringVal(in.name)}
	maps.Copy(vals, in.vals)
	for k, to := range in.links {
		vals[k] = to.value(ph)
	}
	if in.b.kind == "rack" {
		maps.Copy(vals, in.m.r.rackSums(in, ph))
	}
	return cty.ObjectVal(vals)
}
