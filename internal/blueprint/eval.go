package blueprint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/metalwright/metalwright/internal/diag"
)

// phase says what is known when an expression is evaluated.
type phase uint8

const (
	structure phase = iota // while blocks are expanded: sums over nodes are not known yet
	summed                 // afterwards, for checks and outputs: used_u, peak_kw … of racks are known
)

type mark string

const (
	// poison marks what could not be evaluated and was reported. It travels with the value, so that nothing is said
	// twice.
	poison    = mark("poison")
	sensitive = mark("sensitive")
)

var poisoned = cty.DynamicVal.Mark(poison)

func hasMark(v cty.Value, k mark) bool {
	if v == cty.NilVal {
		return false
	}
	_, marks := v.UnmarkDeep()
	_, ok := marks[k]
	return ok
}

func isPoisoned(v cty.Value) bool { return hasMark(v, poison) }

// each holds the values of each.key, each.value or count.index of one instance.
type each struct {
	key, value cty.Value // NilVal when not repeated by for_each
	index      cty.Value // NilVal when not repeated by count
}

// scope is where an expression is evaluated.
type scope struct {
	m     *module
	phase phase
	each  *each
	extra map[string]cty.Value // further roots: output, design
}

// eval gives an expression's value, or a poisoned one after reporting why there is none.
func (s *scope) eval(expr hcl.Expression) cty.Value {
	ctx, ok := s.context(expr)
	if !ok {
		return poisoned
	}
	val, diags := guarded(expr, ctx)
	s.m.r.diags = append(s.m.r.diags, diags...)
	if diags.HasErrors() {
		return poisoned
	}
	if s.m.bp.broken && !val.IsKnown() && val.Type() == cty.DynamicPseudoType {
		return poisoned // a hole in text that did not parse
	}
	if tooLarge(val) {
		s.m.r.errorf(expr.Range(), "Value too large", "The value has more than %d elements or %d bytes of text.",
			maxValueElements,
			maxStringBytes)
		return poisoned
	}
	return val
}

// guarded evaluates and turns a panic into a diagnostic: of the budget of iterations, or of a library on odd input.
func guarded(expr hcl.Expression, ctx *hcl.EvalContext) (val cty.Value, diags diag.List) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case errBudget:
			val, diags = cty.DynamicVal, diag.List{errorAt(expr.Range(), "Too many iterations",
				"The for expressions of this blueprint take more than %d steps.", maxIterations)}
		default:
			val, diags = cty.DynamicVal, diag.List{errorAt(expr.Range(), bugSummary,
				"Evaluating this expression failed inside: %v. This is a bug in Metalwright.", r)}
		}
	}()
	val, hd := expr.Value(ctx)
	return val, explainHCL(hd)
}

const bugSummary = "Internal error"

// explainHCL converts diagnostics of the HCL library and adds near names where it knows a wrong one.
func explainHCL(hd hcl.Diagnostics) diag.List {
	out := diag.FromHCL(hd)
	for i, d := range hd {
		if x, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](d); ok {
			// The library takes its suggestion from a map, so it is another one each time.
			name := x.CalledFunctionNamespace() + x.CalledFunctionName()
			out[i].Summary = "Unknown function"
			out[i].Detail = fmt.Sprintf("There is no function %q. %s", name, orKnown(name, sortedKeys(functions), "There are "))
			continue
		}
		if d.EvalContext == nil || d.Expression == nil || strings.Contains(d.Detail, "Did you mean") {
			continue
		}
		if ix, ok := d.Expression.(*hclsyntax.IndexExpr); ok {
			out[i].Detail += nearKeys(ix, d.EvalContext)
		}
	}
	return out
}

// nearKeys lists the keys that an index expression could have used.
func nearKeys(ix *hclsyntax.IndexExpr, ctx *hcl.EvalContext) string {
	coll, d1 := ix.Collection.Value(ctx)
	key, d2 := ix.Key.Value(ctx)
	if d1.HasErrors() || d2.HasErrors() {
		return ""
	}
	key, _ = key.Unmark()
	key, err := convert.Convert(key, cty.String)
	if err != nil || key.IsNull() || !key.IsKnown() {
		return ""
	}
	return fmt.Sprintf(" There is no %q. %s", key.AsString(), orKnown(key.AsString(), keysOf(coll), "Known are "))
}

// keysOf lists the attributes or keys of a value.
func keysOf(v cty.Value) []string {
	v, _ = v.Unmark()
	switch {
	case v.Type().IsObjectType():
		return sortedKeys(v.Type().AttributeTypes())
	case v.Type().IsMapType() && v.IsKnown() && !v.IsNull():
		return sortedKeys(v.AsValueMap())
	}
	return nil
}

func newBudget() cty.Value {
	return cty.CapsuleVal(budgetType, &budget{maxIterations})
}

// context gathers what the expression refers to. It is false when a reference was reported as wrong.
func (s *scope) context(expr hcl.Expression) (*hcl.EvalContext, bool) {
	vars := map[string]cty.Value{budgetVar: s.m.r.budget}
	groups := map[string]map[string]cty.Value{}
	ok := true
	lenient := tried(expr)
	for _, t := range expr.Variables() {
		inTry := slices.ContainsFunc(lenient, func(r hcl.Range) bool { return r.Overlaps(t.SourceRange()) })
		if !s.refer(t, inTry, vars, groups) {
			ok = false
		}
	}
	for root, g := range groups {
		vars[root] = cty.ObjectVal(g)
	}
	return &hcl.EvalContext{Variables: vars, Functions: functions}, ok
}

// tried are the places where a wrong attribute or key is for try or can to find out.
func tried(expr hcl.Expression) []hcl.Range {
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return nil
	}
	var out []hcl.Range
	hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if f, ok := n.(*hclsyntax.FunctionCallExpr); ok && (f.Name == "try" || f.Name == "can") {
			out = append(out, f.Range())
		}
		return nil
	})
	return out
}

// refer resolves one reference into vars (roots that are one value) or groups (roots whose members are named).
func (s *scope) refer(t hcl.Traversal, inTry bool, vars map[string]cty.Value,
	groups map[string]map[string]cty.Value) bool {
	root := t.RootName()
	switch {
	case s.extra[root] != cty.NilVal:
		vars[root] = s.extra[root]
		return inTry || s.walk(vars[root], t, 1)
	case root == "each" || root == "count":
		return s.repetition(t, vars)
	case isCatalogRoot(root):
		vars[root] = s.m.r.catalogValue(root)
		return inTry || s.walk(vars[root], t, 1)
	case s.m.isRoot(root):
		return s.member(t, inTry, groups)
	}
	roots := append(append(list{"var", "local", "use", "each", "count"}, catalogRoots...), referable...)
	for name := range s.extra {
		roots = append(roots, name)
	}
	more := ""
	if _, isBlock := s.m.bp.byKind["variable"][root]; isBlock {
		more = fmt.Sprintf(" For the variable write var.%s.", root)
	} else if s.m.bp.locals[root] != nil {
		more = fmt.Sprintf(" For the local value write local.%s.", root)
	} else {
		more = diag.DidYouMean(root, roots)
	}
	s.m.r.errorf(t.SourceRange(), "Unknown reference", "There is nothing called %q.%s", root, more)
	return false
}

func (s *scope) repetition(t hcl.Traversal, vars map[string]cty.Value) bool {
	root := t.RootName()
	if root == "each" && s.each != nil && s.each.key != cty.NilVal {
		vars[root] = cty.ObjectVal(map[string]cty.Value{"key": s.each.key, "value": s.each.value})
		return s.walk(vars[root], t, 1)
	}
	if root == "count" && s.each != nil && s.each.index != cty.NilVal {
		vars[root] = cty.ObjectVal(map[string]cty.Value{"index": s.each.index})
		return s.walk(vars[root], t, 1)
	}
	by := map[string]string{"each": "for_each", "count": "count"}[root]
	s.m.r.errorf(t.SourceRange(), "Reference not allowed", "%q can be used only in a block that has %s.", root, by)
	return false
}

// member resolves ROOT.NAME of var, local, use or a kind of block; ROOT alone stands for all of them.
func (s *scope) member(t hcl.Traversal, inTry bool, groups map[string]map[string]cty.Value) bool {
	root := t.RootName()
	names := s.m.members(root)
	g := groups[root]
	if g == nil {
		g = map[string]cty.Value{}
		groups[root] = g
	}
	name, static := stepName(t)
	if !static {
		for _, n := range names {
			g[n] = s.m.lookup(root, n, s.phase)
		}
		return true
	}
	i := indexOf(names, name)
	if i < 0 {
		s.m.r.errorf(t.SourceRange(), "Unknown reference", "There is no %s %q in this blueprint. %s", rootNoun(root),
			name,
			orKnown(name, names, "There are "))
		return false
	}
	g[name] = s.m.lookup(root, name, s.phase)
	return inTry || s.walk(g[name], t, 2)
}

func rootNoun(root string) string {
	switch root {
	case "var":
		return "variable"
	case "local":
		return "local value"
	}
	return root
}

// stepName gives the name in the second step of a traversal: site.bne1 or site["bne1"].
func stepName(t hcl.Traversal) (string, bool) {
	if len(t) < 2 {
		return "", false
	}
	switch x := t[1].(type) {
	case hcl.TraverseAttr:
		return x.Name, true
	case hcl.TraverseIndex:
		if x.Key.Type() == cty.String && x.Key.IsKnown() && !x.Key.IsNull() {
			return x.Key.AsString(), true
		}
	}
	return "", false
}

func indexOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}

// walk follows the static steps of a reference, so that a wrong name is reported with the names there are.
func (s *scope) walk(v cty.Value, t hcl.Traversal, from int) bool {
	for i := from; i < len(t); i++ {
		v, _ = v.Unmark()
		if !v.IsKnown() || v.IsNull() || !(v.Type().IsObjectType() || v.Type().IsMapType()) {
			return true // the evaluator has its own words for these
		}
		name, ok := stepName(t[i-1:])
		if !ok {
			return true
		}
		keys := keysOf(v)
		if indexOf(keys, name) < 0 {
			rng := t[i].SourceRange()
			s.m.r.errorf(rng, "Unknown reference", "%s has no %q. %s", traversalText(t[:i]), name, orKnown(name, keys,
				"It has "))
			return false
		}
		if v.Type().IsObjectType() {
			v = v.GetAttr(name)
		} else {
			v = v.Index(cty.StringVal(name))
		}
	}
	return true
}

// traversalText writes a reference as it stood in the text.
func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch x := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(x.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + x.Name)
		case hcl.TraverseIndex:
			b.WriteString("[" + keyText(x.Key) + "]")
		}
	}
	return b.String()
}

// verdict is how a condition came out.
type verdict uint8

const (
	undecided verdict = iota // a number that it needs is unknown
	passed
	failed
	broken // it could not be evaluated, which was reported
)

// assertion evaluates a condition and calls fail with the message when it is false.
func (s *scope) assertion(cond, text hcl.Expression, fail func(message string)) verdict {
	v := s.eval(cond)
	if isPoisoned(v) {
		return broken
	}
	v, _ = v.UnmarkDeep()
	v, err := convert.Convert(v, cty.Bool)
	if err != nil || v.IsNull() {
		s.m.r.errorf(cond.Range(), "Wrong type", "A condition is true or false.")
		return broken
	}
	if !v.IsKnown() {
		return undecided
	}
	if v.True() {
		return passed
	}
	fail(s.message(text))
	return failed
}

// message evaluates a message. One that cannot be evaluated or is sensitive is replaced, never shown.
func (s *scope) message(text hcl.Expression) string {
	if text == nil {
		return "The condition is false."
	}
	v := s.eval(text)
	switch {
	case isPoisoned(v):
		return "The condition is false."
	case hasMark(v, sensitive):
		return "The condition is false; its message holds a sensitive value."
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || v.IsNull() || !v.IsKnown() {
		return "The condition is false."
	}
	return v.AsString()
}
