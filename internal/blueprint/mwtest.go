package blueprint

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// Test is one run block of a *.mwtest.hcl file.
type Test struct {
	Name    string
	BringUp bool // wants a bring-up of the Design in the simulator besides the asserts
	Origin  diag.Origin
	vars    map[string]cty.Value
	asserts [][2]hclsyntax.Expression
	expect  []string // rules, "check.NAME" and "var.NAME" that have to fail
}

// TestResult is how a run came out. Pending means that all that the Design decides has passed and a bring-up of Design
// is still
// asked for.
type TestResult struct {
	Name    string
	Passed  bool
	Pending bool
	Design  rack.Design
	Diags   diag.List // why it did not pass; warnings of the blueprint are left out
}

var runSpec = &blockSpec{labels: 1, freeLabel: true, repeat: true, attrs: attrs(nil, "bringup", "expect_failures",
	"description"),
	blocks: nested{"variables": {open: true}, "assert": {repeat: true, attrs: attrs(list{"condition"}, "message",
		"error_message")}}}

// ParseTests reads the run blocks of one file, in the order of the text.
func ParseTests(name string, src []byte) ([]Test, diag.List) {
	body, diags := parseBody(name, src)
	if body == nil {
		return nil, diags
	}
	p := parser{diags: diags}
	p.body(body, &blockSpec{blocks: nested{"run": runSpec}}, "a test file")
	var out []Test
	seen := map[string]bool{}
	for _, b := range body.Blocks {
		if b.Type != "run" || len(b.Labels) != 1 {
			continue
		}
		if seen[b.Labels[0]] {
			p.errorf(b.DefRange(), "Duplicate block", "run %q stands here twice.", b.Labels[0])
			continue
		}
		seen[b.Labels[0]] = true
		t := Test{Name: b.Labels[0], BringUp: p.flag(b.Body, "bringup", false), Origin: diag.At(b.DefRange()),
			vars: map[string]cty.Value{}}
		if a := b.Body.Attributes["expect_failures"]; a != nil {
			t.expect = p.expected(a.Expr)
		}
		for _, x := range b.Body.Blocks {
			if pair, ok := assertBlock(x); ok {
				t.asserts = append(t.asserts, pair)
			}
			if x.Type != "variables" {
				continue
			}
			for _, a := range sortedAttributes(x.Body) {
				v, diags := constant(a.Expr)
				p.diags = append(p.diags, diags...)
				if !diags.HasErrors() {
					t.vars[a.Name] = v
				}
			}
		}
		if len(t.asserts) == 0 && len(t.expect) == 0 && !t.BringUp {
			p.errorf(b.DefRange(), "Test without assertion", "run %q asserts nothing, so it could not fail.", t.Name)
		}
		out = append(out, t)
	}
	return out, p.diags
}

// expected reads a list of references (check.fits, var.country) and rule ids ("power.feed").
func (p *parser) expected(expr hcl.Expression) []string {
	items, hd := hcl.ExprList(expr)
	if hd.HasErrors() {
		p.diags = append(p.diags, diag.FromHCL(hd)...)
		return nil
	}
	var out []string
	for _, e := range items {
		if t, hd := hcl.AbsTraversalForExpr(e); !hd.HasErrors() && len(t) == 2 {
			out = append(out, traversalText(t))
			continue
		}
		v, diags := constant(e)
		s, ok := plainString(v)
		if diags.HasErrors() || !ok {
			p.errorf(e.Range(), "Wrong reference", "What is expected to fail is check.NAME, var.NAME or the id of a "+
				"rule as a text.")
			continue
		}
		out = append(out, s)
	}
	return out
}

// RunTests resolves the blueprint for each test and evaluates its assertions on the Design. Besides what a check can
// name,
// assertions can name output.NAME and design, which is the JSON of the Design.
func RunTests(bp *Blueprint, tests []Test, opt Options) []TestResult {
	var out []TestResult
	for _, t := range tests {
		out = append(out, runTest(bp, t, opt))
	}
	return out
}

func runTest(bp *Blueprint, t Test, opt Options) TestResult {
	r, root := newResolver(bp, opt)
	for _, name := range sortedKeys(t.vars) {
		if bp.variables[name] == nil {
			r.errorf(t.Origin.Range, "Unknown variable", "The blueprint has no variable %q. %s", name,
				orKnown(name, sortedKeys(bp.variables), "It has "))
			continue
		}
		root.fromOptions[name] = input{val: t.vars[name], src: "run " + t.Name, rng: t.Origin.Range}
	}
	root.build()
	r.finish(root)
	res := TestResult{Name: t.Name, Design: r.design}
	failed := map[string]bool{}
	for _, d := range r.diagnostics() {
		id := d.Rule
		if id == "" && strings.HasPrefix(d.Address, "var.") {
			id = d.Address // a validation of a variable has no rule
		}
		failed[id] = true
		if d.Severity == diag.Error && !slices.Contains(t.expect, id) {
			res.Diags = append(res.Diags, d)
		}
	}
	for _, id := range t.expect {
		if !failed[id] {
			res.Diags = append(res.Diags, errorAt(t.Origin.Range, "Expected failure is missing",
				"run %q expects %s to fail; it did not.", t.Name, id))
		}
	}
	if !res.Diags.HasErrors() {
		res.Diags = append(res.Diags, r.assertAll(root, t)...)
	}
	res.Passed = !res.Diags.HasErrors()
	res.Pending = res.Passed && t.BringUp
	return res
}

// assertAll evaluates the assertions of a test against what was resolved.
func (r *resolver) assertAll(root *module, t Test) diag.List {
	r.diags = nil
	outputs := map[string]cty.Value{}
	for _, name := range sortedKeys(root.bp.byKind["output"]) {
		outputs[name] = root.output(name, summed)
	}
	s := &scope{m: root, phase: summed, extra: map[string]cty.Value{"output": cty.ObjectVal(outputs),
		"design": designValue(r.design)}}
	for _, pair := range t.asserts {
		var text hcl.Expression
		if pair[1] != nil {
			text = pair[1]
		}
		at := pair[0].Range()
		v := s.assertion(pair[0], text, func(message string) {
			r.errorf(at, "Test failed", "run %q: %s", t.Name, message)
		})
		if v == undecided {
			r.errorf(at, "Test not decided", "run %q: a number that the condition needs is unknown.", t.Name)
		}
	}
	return r.diagnostics()
}

// designValue is the JSON of a Design as a value.
func designValue(d rack.Design) cty.Value {
	raw, err := json.Marshal(d)
	if err != nil {
		return cty.DynamicVal
	}
	v, err := stdlib.JSONDecode(cty.StringVal(string(raw)))
	if err != nil {
		return cty.DynamicVal
	}
	return v
}
