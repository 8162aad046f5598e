package blueprint

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/metalwright/metalwright/internal/diag"
)

// A variable is an input of a blueprint, as in Terraform: type, default, validation, sensitive, nullable.
type variable struct {
	name      string
	syn       *hclsyntax.Block
	typ       cty.Type
	defaults  *typeexpr.Defaults
	preset    cty.Value // NilVal = required
	sensitive bool
	nullable  bool
	broken    bool // its declaration has errors, so its value is not looked at
}

// constants are what the fields of a variable may be computed from: nothing but literals and functions.
func constant(expr hcl.Expression) (cty.Value, diag.List) {
	if vars := expr.Variables(); len(vars) > 0 {
		return cty.DynamicVal, diag.List{errorAt(vars[0].SourceRange(), "Reference not allowed",
			"This value is needed before references are resolved: it has to be a constant.")}
	}
	ctx := &hcl.EvalContext{Functions: functions, Variables: map[string]cty.Value{budgetVar: newBudget()}}
	return guarded(expr, ctx)
}

func (p *parser) variable(b *block) *variable {
	v := &variable{name: b.name, syn: b.syn, typ: cty.DynamicPseudoType, nullable: true}
	body := b.syn.Body
	if slices.Contains(list{"count", "for_each", "source", "version", "providers", "lifecycle", "depends_on"}, b.name) {
		p.errorf(b.syn.LabelRanges[0], "Invalid name", "The name %q is reserved.", b.name)
	}
	if a := body.Attributes["type"]; a != nil {
		t, defaults, hd := typeexpr.TypeConstraintWithDefaults(a.Expr)
		p.diags = append(p.diags, diag.FromHCL(hd)...)
		v.broken = v.broken || hd.HasErrors()
		if !hd.HasErrors() {
			v.typ, v.defaults = t, defaults
		}
	}
	v.sensitive = p.flag(body, "sensitive", false)
	v.nullable = p.flag(body, "nullable", true)
	if a := body.Attributes["default"]; a != nil {
		val, diags := constant(a.Expr)
		p.diags = append(p.diags, diags...)
		if diags.HasErrors() {
			v.broken = true
			return v
		}
		val, err := v.convert(val)
		if err != nil {
			p.errorf(a.Expr.Range(), "Wrong type", "The default of variable %q does not fit its type: %s.", v.name, err)
			v.broken = true
		} else if val.IsNull() && !v.nullable {
			p.errorf(a.Expr.Range(), "Wrong default", "Variable %q is not nullable: its default cannot be null.",
				v.name)
			v.broken = true
		}
		v.preset = val
	}
	return v
}

// flag reads a constant bool.
func (p *parser) flag(body *hclsyntax.Body, name string, preset bool) bool {
	a := body.Attributes[name]
	if a == nil {
		return preset
	}
	val, diags := constant(a.Expr)
	p.diags = append(p.diags, diags...)
	if diags.HasErrors() {
		return preset
	}
	val, err := convert.Convert(val, cty.Bool)
	if err != nil || val.IsNull() || !val.IsKnown() {
		p.errorf(a.Expr.Range(), "Wrong type", "%s is true or false.", name)
		return preset
	}
	return val.True()
}

// convert fits a value to the variable's type, optional attributes filled in.
func (v *variable) convert(val cty.Value) (cty.Value, error) {
	if v.defaults != nil && !val.IsNull() {
		val = v.defaults.Apply(val)
	}
	out, err := convert.Convert(val, v.typ)
	if err != nil {
		return cty.NilVal, fmt.Errorf("%s is wanted: %w", typeexpr.TypeString(v.typ), err)
	}
	return out, nil
}

// An input is a value given for a variable from outside of the blueprint.
type input struct {
	val cty.Value
	rng hcl.Range // zero when it came from a command line
	src string    // who gave it, for messages
}

// inputs reads the variables given in opt. Texts are converted when the variable's type is known.
func (m *module) inputs(opt Options) map[string]input {
	out := map[string]input{}
	for _, name := range sortedKeys(opt.VariableFiles) {
		body, diags := parseBody(name, opt.VariableFiles[name])
		m.r.diags = append(m.r.diags, diags...)
		if body == nil {
			continue
		}
		for _, b := range body.Blocks {
			m.r.errorf(b.DefRange(), "Unexpected block", "A file of variables holds lines \"name = value\" only.")
		}
		for _, a := range sortedAttributes(body) {
			val, diags := constant(a.Expr)
			m.r.diags = append(m.r.diags, diags...)
			if !diags.HasErrors() {
				out[a.Name] = input{val, a.Expr.Range(), name}
			}
			if m.bp.variables[a.Name] == nil {
				m.r.warnf(a.NameRange, "Unknown variable", "The blueprint has no variable %q. %s", a.Name,
					orKnown(a.Name, sortedKeys(m.bp.variables), "It has "))
			}
		}
	}
	for _, name := range sortedKeys(opt.Variables) {
		v := m.bp.variables[name]
		if v == nil {
			m.r.errorf(hcl.Range{}, "Unknown variable", "The blueprint has no variable %q. %s", name,
				orKnown(name, sortedKeys(m.bp.variables), "It has "))
			continue
		}
		val, err := fromGo(opt.Variables[name], v.parseAs(), 0)
		if err != nil {
			m.r.errorf(v.syn.DefRange(), "Wrong value for variable", "The value given for %q cannot be read: %s.",
				name, err)
			val = poisoned
		}
		out[name] = input{val: val, src: "the command line"}
	}
	return out
}

// parseAs is the type by which a text given for the variable is read: as an expression for the type any when that is written
// out, as it is for a variable without type.
func (v *variable) parseAs() cty.Type {
	if v.typ == cty.DynamicPseudoType && v.syn.Body.Attributes["type"] != nil {
		return cty.Bool // an expression if it is one, else the text
	}
	return v.typ
}

// fromGo makes a value of a Go value given for a variable of type want.
func fromGo(x any, want cty.Type, depth int) (cty.Value, error) {
	if depth > maxNesting {
		return cty.NilVal, fmt.Errorf("it is nested more than %d deep", maxNesting)
	}
	switch x := x.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case string:
		return fromText(x, want, depth)
	case bool:
		return cty.BoolVal(x), nil
	case int:
		return cty.NumberIntVal(int64(x)), nil
	case int64:
		return cty.NumberIntVal(x), nil
	case float64:
		return finite(x)
	case json.Number:
		if len(x) > maxDigits || hugeNumber.MatchString(string(x)) {
			return cty.NilVal, fmt.Errorf("the number is too large")
		}
		return cty.ParseNumberVal(string(x))
	case []string:
		vals := []cty.Value{}
		for _, s := range x {
			vals = append(vals, cty.StringVal(s))
		}
		return cty.TupleVal(vals), nil
	case []any:
		vals := []cty.Value{}
		for _, e := range x {
			v, err := fromGo(e, cty.String, depth+1)
			if err != nil {
				return cty.NilVal, err
			}
			vals = append(vals, v)
		}
		return cty.TupleVal(vals), nil
	case map[string]any:
		vals := map[string]cty.Value{}
		for k, e := range x {
			v, err := fromGo(e, cty.String, depth+1)
			if err != nil {
				return cty.NilVal, err
			}
			vals[k] = v
		}
		return cty.ObjectVal(vals), nil
	}
	return cty.NilVal, fmt.Errorf("a %T is not a value", x)
}

func finite(x float64) (cty.Value, error) {
	if x != x || x > 1e300 || x < -1e300 {
		return cty.NilVal, fmt.Errorf("the number is too large")
	}
	return cty.NumberFloatVal(x), nil
}

// fromText reads a text by Terraform's rule: a variable of type string, or of a type that a string converts to, takes
// it as it
// is; for every other type it is an expression.
func fromText(text string, want cty.Type, depth int) (cty.Value, error) {
	if want == cty.String || want == cty.DynamicPseudoType || depth > 0 {
		return cty.StringVal(text), nil
	}
	const name = "value"
	if diags := guard(name, []byte(text)); diags.HasErrors() {
		return cty.NilVal, diags.Err()
	}
	expr, hd := hclsyntax.ParseExpression([]byte(text), name, hcl.InitialPos)
	if hd.HasErrors() {
		if want.IsPrimitiveType() {
			return cty.StringVal(text), nil // the conversion says what is wrong
		}
		return cty.NilVal, diag.FromHCL(hd).Err()
	}
	val, diags := constant(expr)
	if diags.HasErrors() {
		if want.IsPrimitiveType() {
			return cty.StringVal(text), nil
		}
		return cty.NilVal, diags.Err()
	}
	return val, nil
}

// variableValue gives var.NAME: the value given, else the default, converted and validated. Validations run once per
// module.
func (m *module) variableValue(v *variable, ph phase) cty.Value {
	if v.broken {
		return poisoned
	}
	in, given := m.given(v, ph)
	val := in.val
	at := in.rng
	if at.Filename == "" {
		at = v.syn.DefRange()
	}
	switch {
	case !given && v.preset == cty.NilVal:
		where := "Give it with -var or in a file of variables."
		if m.parent != nil {
			where = "Give it in the use block."
			at = m.use.syn.DefRange()
		}
		m.r.errorf(at, "Missing variable", "Variable %q has no default and no value. %s", v.name, where)
		return poisoned
	case !given:
		val = v.preset
	case isPoisoned(val):
		return poisoned
	}
	val, err := v.convert(val)
	if err != nil {
		m.r.errorf(at, "Wrong value for variable", "The value of %q does not fit: %s.", v.name, err)
		return poisoned
	}
	if val.IsNull() && !v.nullable {
		if v.preset == cty.NilVal || !given {
			m.r.errorf(at, "Wrong value for variable", "Variable %q may not be null.", v.name)
			return poisoned
		}
		val = v.preset
	}
	if v.sensitive {
		val = val.Mark(sensitive)
	}
	return val
}

// given finds the value for a variable: from the use block for a used blueprint, else from the options.
func (m *module) given(v *variable, ph phase) (input, bool) {
	if m.parent == nil {
		in, ok := m.fromOptions[v.name]
		return in, ok
	}
	a := m.use.syn.Body.Attributes[v.name]
	if a == nil || a.Name == "blueprint" || a.Name == "version" {
		return input{}, false
	}
	s := &scope{m: m.parent, phase: ph}
	return input{s.eval(a.Expr), a.Expr.Range(), m.use.String()}, true
}

// validate runs the validation blocks of a variable against the value it has.
func (m *module) validate(v *variable) {
	val := m.lookup("var", v.name, structure)
	if isPoisoned(val) {
		return
	}
	for _, b := range v.syn.Body.Blocks {
		cond, text := b.Body.Attributes["condition"], b.Body.Attributes["error_message"]
		if b.Type != "validation" || cond == nil || text == nil {
			continue
		}
		s := &scope{m: m, phase: structure}
		s.assertion(cond.Expr, text.Expr, func(message string) {
			in, ok := m.given(v, structure)
			at := v.syn.DefRange()
			if ok && in.rng.Filename != "" {
				at = in.rng
			}
			d := errorAt(at, "Invalid value for variable", "%s\n\nThe rule of variable %q stands at %s.", message,
				v.name,
				diag.At(cond.SrcRange).Short())
			d.Address = m.prefix + "var." + v.name
			m.r.diags = append(m.r.diags, d)
		})
	}
}
