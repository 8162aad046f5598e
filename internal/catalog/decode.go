package catalog

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// kind is what an attribute of a catalog block holds.
type kind uint8

const (
	number kind = iota // a number with a source
	text               // a string
	flag               // a bool
	texts              // a list of strings
	rate               // "400Gb/s", kept as bits per second
	facts              // an object of strings, bools and whole numbers
)

// blockSpec names the attributes that a block may have.
type blockSpec map[string]kind

// origin attributes may stand in every block; a block that lacks them inherits those of its entry.
var originSpec = blockSpec{"source": text, "verified": flag}

// decoder reads the blocks of one file and collects what is wrong with them.
type decoder struct {
	digest rack.Digest
	diags  diag.List
}

// values are the attributes of one block, decoded.
type values struct {
	body  hcl.Body
	rng   hcl.Range
	at    map[string]hcl.Range
	num   map[string]float64
	str   map[string]string
	yes   map[string]bool
	list  map[string][]string
	facts map[string]any
}

func (v values) text(name string) string { return v.str[name] }
func (v values) whole(name string) int   { return int(v.num[name]) }

func (v values) has(name string) bool { _, ok := v.at[name]; return ok }

// errorf adds an error at a range.
func (d *decoder) errorf(at hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, diag.Diagnostic{Severity: diag.Error, Summary: summary,
		Detail: fmt.Sprintf(format, args...), Subject: diag.At(at)})
}

// blocks reads the blocks of a body that has no attributes. types maps a block type to its labels.
func (d *decoder) blocks(body hcl.Body, types map[string][]string) []*hcl.Block {
	content, hd := body.Content(&hcl.BodySchema{Blocks: headers(types)})
	d.diags = append(d.diags, diag.FromHCL(hd)...)
	return content.Blocks
}

func headers(types map[string][]string) []hcl.BlockHeaderSchema {
	var out []hcl.BlockHeaderSchema
	for t, labels := range types {
		out = append(out, hcl.BlockHeaderSchema{Type: t, LabelNames: labels})
	}
	slices.SortFunc(out, func(a, b hcl.BlockHeaderSchema) int { return strings.Compare(a.Type, b.Type) })
	return out
}

// block reads the attributes of a block that has no blocks inside.
func (d *decoder) block(b *hcl.Block, spec blockSpec) values {
	v, _ := d.entry(b, spec, nil)
	return v
}

// entry reads the attributes of a block and hands out the blocks inside.
func (d *decoder) entry(b *hcl.Block, spec blockSpec, inner map[string][]string) (values, []*hcl.Block) {
	schema := &hcl.BodySchema{Blocks: headers(inner)}
	for _, s := range []blockSpec{spec, originSpec} {
		for name := range s {
			schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: name})
		}
	}
	slices.SortFunc(schema.Attributes, func(a, b hcl.AttributeSchema) int { return strings.Compare(a.Name, b.Name) })
	content, hd := b.Body.Content(schema)
	d.diags = append(d.diags, diag.FromHCL(hd)...)
	v := values{body: b.Body, rng: b.DefRange, at: map[string]hcl.Range{}, num: map[string]float64{},
		str: map[string]string{}, yes: map[string]bool{}, list: map[string][]string{}}
	names := make([]string, 0, len(content.Attributes))
	for name := range content.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		k, ok := spec[name]
		if !ok {
			k = originSpec[name]
		}
		d.attribute(&v, content.Attributes[name], k)
	}
	return v, content.Blocks
}

// attribute evaluates one attribute into v. Catalog files are constants: no variable and no function is in scope.
func (d *decoder) attribute(v *values, a *hcl.Attribute, k kind) {
	v.at[a.Name] = a.Expr.Range()
	val, hd := a.Expr.Value(nil)
	if hd.HasErrors() || !val.IsWhollyKnown() { // unknown: a syntax error, told already, left no expression
		d.diags = append(d.diags, diag.FromHCL(hd)...)
		return
	}
	if k == facts {
		v.facts = d.facts(val, a.Expr.Range())
		return
	}
	want := map[kind]cty.Type{number: cty.Number, text: cty.String, flag: cty.Bool, texts: cty.List(cty.String),
		rate: cty.String}[k]
	val, err := convert.Convert(val, want)
	if err != nil || val.IsNull() {
		d.errorf(a.Expr.Range(), "Wrong type in catalog", "%s must be %s.", a.Name, want.FriendlyName())
		return
	}
	switch k {
	case number:
		v.num[a.Name], _ = val.AsBigFloat().Float64()
	case text:
		v.str[a.Name] = val.AsString()
	case flag:
		v.yes[a.Name] = val.True()
	case texts:
		for _, e := range val.AsValueSlice() {
			if e.IsNull() {
				d.errorf(a.Expr.Range(), "Wrong type in catalog", "%s holds a null.", a.Name)
				continue
			}
			v.list[a.Name] = append(v.list[a.Name], e.AsString())
		}
	case rate:
		bps, err := parseRate(val.AsString())
		if err != nil {
			d.errorf(a.Expr.Range(), "Wrong unit in catalog", "%s: %s.", a.Name, err)
		}
		v.num[a.Name] = bps
	}
}

// facts turns an object into strings, bools and int64.
func (d *decoder) facts(val cty.Value, at hcl.Range) map[string]any {
	if val.IsNull() || !val.Type().IsObjectType() {
		d.errorf(at, "Wrong type in catalog", "An object of names and values is wanted here.")
		return nil
	}
	out := map[string]any{}
	for it := val.ElementIterator(); it.Next(); {
		k, e := it.Element()
		switch {
		case e.IsNull():
			d.errorf(at, "Wrong type in catalog", "%s is null: leave it out instead.", k.AsString())
		case e.Type() == cty.String:
			out[k.AsString()] = e.AsString()
		case e.Type() == cty.Bool:
			out[k.AsString()] = e.True()
		case e.Type() == cty.Number:
			n, acc := e.AsBigFloat().Int64()
			if acc != big.Exact {
				d.errorf(at, "Wrong type in catalog", "%s must be a whole number.", k.AsString())
			}
			out[k.AsString()] = n
		default:
			d.errorf(at, "Wrong type in catalog", "%s must be a string, a bool or a whole number.", k.AsString())
		}
	}
	return out
}

// oneOf checks a word against the words that are allowed; an absent one is left to the caller.
func (d *decoder) oneOf(v values, name string, allowed ...string) string {
	s := v.text(name)
	if v.has(name) && !slices.Contains(allowed, s) {
		d.errorf(v.at[name], "Unknown word in catalog", "%s is %q; it may be %s.", name, s, strings.Join(allowed, ", "))
	}
	return s
}

var rateUnits = map[string]float64{"Kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9, "Tb/s": 1e12}

// parseRate reads "400Gb/s" as bits per second.
func parseRate(s string) (float64, error) {
	for unit, factor := range rateUnits {
		head, ok := strings.CutSuffix(s, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(head), 64)
		if err != nil || n <= 0 || n > 1e6 {
			break
		}
		return n * factor, nil
	}
	return 0, fmt.Errorf("%q is no data rate such as 400Gb/s", s)
}
