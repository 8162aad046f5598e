package residency

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// maxProfileBytes bounds a policy file; real ones are a few kilobytes.
const maxProfileBytes = 256 << 10

// resideKinds are the kinds of data, and of power over data, that a profile places.
var resideKinds = []string{"storage", "processing", "keys", "logs", "backup", "transit", "artifacts", "operators"}

// DecodeProfiles reads the policy blocks of one file. Parents are not merged in: see Merge.
func DecodeProfiles(file string, src []byte) ([]Profile, diag.List) {
	if len(src) > maxProfileBytes {
		return nil, diag.List{{Severity: diag.Error, Summary: "File too large",
			Detail: fmt.Sprintf("%s has %d bytes; a policy file may have %d.", file, len(src), maxProfileBytes)}}
	}
	f, hd := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	d := decoder{diags: diag.FromHCL(hd)}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil, d.diags
	}
	sum := sha256.Sum256(src)
	var out []Profile
	d.known(body, nil, []string{"policy"})
	for _, b := range body.Blocks {
		if b.Type != "policy" {
			continue
		}
		if len(b.Labels) != 2 {
			d.errorf(b.DefRange(), "Wrong labels", `A policy has two labels: policy "au" "strategic".`)
			continue
		}
		p := d.profile(b)
		p.Digest = rack.Digest("sha256:" + hex.EncodeToString(sum[:]))
		out = append(out, p)
	}
	return out, d.diags
}

type decoder struct{ diags diag.List }

func (d *decoder) errorf(r hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, diag.Diagnostic{Severity: diag.Error, Summary: summary, Subject: diag.At(r),
		Detail: fmt.Sprintf(format, args...)})
}

// known reports attributes and blocks that the body may not have. With attrs nil any attribute is refused.
func (d *decoder) known(b *hclsyntax.Body, attrs, blocks []string) {
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		if !slices.Contains(attrs, name) {
			d.errorf(b.Attributes[name].NameRange, "Unknown attribute", "%q is not known here.%s", name,
				diag.DidYouMean(name, attrs))
		}
	}
	for _, x := range b.Blocks {
		if !slices.Contains(blocks, x.Type) {
			d.errorf(x.TypeRange, "Unknown block", "%q is not known here.%s", x.Type, diag.DidYouMean(x.Type, blocks))
		}
	}
}

func (d *decoder) profile(b *hclsyntax.Block) Profile {
	p := Profile{Key: b.Labels[0] + "." + b.Labels[1], Rules: map[string]Rule{}, Origin: diag.At(b.DefRange())}
	d.known(b.Body, []string{"jurisdiction", "extends", "serial", "reviewed", "summary", "waiver_days", "review_days"},
		[]string{"framework", "reside", "erase", "rule"})
	p.Jurisdiction = d.str(b.Body, "jurisdiction")
	if p.Jurisdiction != "" && !ValidJurisdiction(p.Jurisdiction) {
		d.errorf(b.Body.Attributes["jurisdiction"].Range(), "Unknown jurisdiction",
			"%q is no ISO 3166-1 code and not EU.%s",
			p.Jurisdiction, diag.DidYouMean(p.Jurisdiction, Jurisdictions()))
	}
	p.Extends = d.policyRef(b.Body, "extends")
	p.Serial = d.whole(b.Body, "serial")
	p.Reviewed = d.str(b.Body, "reviewed")
	if p.Reviewed != "" {
		if _, err := time.Parse(time.DateOnly, p.Reviewed); err != nil {
			d.errorf(b.Body.Attributes["reviewed"].Range(), "Wrong date", "%q is not a day as YYYY-MM-DD.", p.Reviewed)
		}
	}
	p.Summary = d.str(b.Body, "summary")
	p.WaiverDays, p.ReviewDays = d.whole(b.Body, "waiver_days"), d.whole(b.Body, "review_days")
	for _, x := range b.Body.Blocks {
		d.profileBlock(&p, x)
	}
	return p
}

func (d *decoder) profileBlock(p *Profile, x *hclsyntax.Block) {
	if x.Type == "reside" {
		d.known(x.Body, resideKinds, nil)
		if p.Reside == nil {
			p.Reside = map[string][]string{}
		}
		for _, kind := range resideKinds {
			if list := d.strs(x.Body, kind); list != nil {
				p.Reside[kind] = list
				d.jurisdictions(x.Body.Attributes[kind], list)
			}
		}
		return
	}
	if len(x.Labels) != 1 {
		d.errorf(x.DefRange(), "Wrong labels", "A %s block has one label.", x.Type)
		return
	}
	switch x.Type {
	case "framework":
		d.known(x.Body, []string{"catalog", "version", "verified"}, nil)
		p.Frameworks = append(p.Frameworks, Framework{Name: x.Labels[0], Catalog: d.str(x.Body, "catalog"),
			Version: d.str(x.Body, "version"), Verified: d.boolean(x.Body, "verified")})
	case "erase":
		p.Erase = append(p.Erase, d.erase(x))
	case "rule":
		p.Rules[x.Labels[0]] = d.rule(x)
	}
}

func (d *decoder) jurisdictions(a *hclsyntax.Attribute, list []string) {
	for _, c := range list {
		if !ValidJurisdiction(c) {
			d.errorf(a.Range(), "Unknown jurisdiction", "%q is no ISO 3166-1 code and not EU.%s", c,
				diag.DidYouMean(c, Jurisdictions()))
		}
	}
}

func (d *decoder) erase(x *hclsyntax.Block) Erase {
	e := Erase{Media: x.Labels[0], Then: d.strs(x.Body, "then"), Evidences: d.strs(x.Body, "evidences")}
	d.known(x.Body, []string{"then", "evidences", "power_off"}, []string{"accept"})
	if s := d.str(x.Body, "power_off"); s != "" {
		off, err := time.ParseDuration(s)
		if err != nil {
			d.errorf(x.Body.Attributes["power_off"].Range(), "Wrong duration", "%q is not a duration such as \"10m\".",
				s)
		}
		e.PowerOffS = int(off / time.Second)
	}
	for _, a := range x.Body.Blocks {
		if a.Type != "accept" {
			continue
		}
		d.known(a.Body, []string{"method", "passes", "pattern", "read_back", "evidences"}, nil)
		e.Accept = append(e.Accept, EraseAccept{Method: d.str(a.Body, "method"), Passes: d.whole(a.Body, "passes"),
			Pattern: d.str(a.Body, "pattern"), ReadBack: d.str(a.Body, "read_back"), Evidences: d.strs(a.Body,
				"evidences")})
	}
	return e
}

func (d *decoder) rule(x *hclsyntax.Block) Rule {
	id := x.Labels[0]
	spec, ok := rules[id]
	if !ok {
		d.errorf(x.LabelRanges[0], "Unknown rule", "There is no rule %q.%s", id, diag.DidYouMean(id, RuleIDs()))
	}
	r := Rule{Severity: d.str(x.Body, "severity"), Waivable: true, Evidences: d.strs(x.Body, "evidences")}
	if r.Severity != "" && r.Severity != "error" && r.Severity != "warning" {
		d.errorf(x.Body.Attributes["severity"].Range(), "Unknown severity", `A severity is "error" or "warning".`)
	}
	if x.Body.Attributes["waivable"] != nil {
		r.Waivable = d.boolean(x.Body, "waivable")
	}
	attrs := append([]string{"severity", "waivable", "evidences"}, spec.params...)
	if ok {
		d.known(x.Body, attrs, nil)
	}
	for _, name := range spec.params {
		if a := x.Body.Attributes[name]; a != nil {
			v, hd := a.Expr.Value(nil)
			d.diags = append(d.diags, diag.FromHCL(hd)...)
			if r.Params == nil {
				r.Params = map[string]any{}
			}
			r.Params[name] = plain(v)
		}
	}
	return r
}

// policyRef reads a reference such as policies.au.protected, which needs no evaluation.
func (d *decoder) policyRef(b *hclsyntax.Body, name string) string {
	a := b.Attributes[name]
	if a == nil {
		return ""
	}
	t, hd := hcl.AbsTraversalForExpr(a.Expr)
	if hd.HasErrors() || len(t) != 3 || t.RootName() != "policies" {
		d.errorf(a.Expr.Range(), "Wrong reference", "A parent is named as policies.COUNTRY.PROFILE.")
		return ""
	}
	cc, ok1 := t[1].(hcl.TraverseAttr)
	profile, ok2 := t[2].(hcl.TraverseAttr)
	if !ok1 || !ok2 {
		d.errorf(a.Expr.Range(), "Wrong reference", "A parent is named as policies.COUNTRY.PROFILE.")
		return ""
	}
	return cc.Name + "." + profile.Name
}

// value evaluates an attribute without variables and converts it; null, unknown and absent give false.
func (d *decoder) value(b *hclsyntax.Body, name string, want cty.Type) (cty.Value, bool) {
	a := b.Attributes[name]
	if a == nil {
		return cty.NilVal, false
	}
	v, hd := a.Expr.Value(nil)
	d.diags = append(d.diags, diag.FromHCL(hd)...)
	if hd.HasErrors() || v.IsNull() || !v.IsWhollyKnown() {
		return cty.NilVal, false
	}
	v, err := convert.Convert(v, want)
	if err != nil {
		d.errorf(a.Expr.Range(), "Wrong type", "%s: %s.", name, err)
		return cty.NilVal, false
	}
	return v, true
}

func (d *decoder) str(b *hclsyntax.Body, name string) string {
	if v, ok := d.value(b, name, cty.String); ok {
		return v.AsString()
	}
	return ""
}

func (d *decoder) boolean(b *hclsyntax.Body, name string) bool {
	v, ok := d.value(b, name, cty.Bool)
	return ok && v.True()
}

func (d *decoder) whole(b *hclsyntax.Body, name string) int {
	v, ok := d.value(b, name, cty.Number)
	if !ok {
		return 0
	}
	n, acc := v.AsBigFloat().Int64()
	if acc != 0 || n < 0 || n > 1<<31 {
		d.errorf(b.Attributes[name].Expr.Range(), "Wrong number", "%s is a whole number, not negative.", name)
		return 0
	}
	return int(n)
}

func (d *decoder) strs(b *hclsyntax.Body, name string) []string {
	v, ok := d.value(b, name, cty.List(cty.String))
	if !ok {
		return nil
	}
	out := []string{}
	for _, e := range v.AsValueSlice() {
		if !e.IsNull() {
			out = append(out, e.AsString())
		}
	}
	return out
}

// plain converts a parameter to string, bool, float64 or a list of them.
func plain(v cty.Value) any {
	if v.IsNull() || !v.IsWhollyKnown() {
		return nil
	}
	switch {
	case v.Type() == cty.String:
		return v.AsString()
	case v.Type() == cty.Bool:
		return v.True()
	case v.Type() == cty.Number:
		f, _ := v.AsBigFloat().Float64()
		return f
	case v.CanIterateElements():
		var out []any
		for _, e := range v.AsValueSlice() {
			out = append(out, plain(e))
		}
		return out
	}
	return nil
}
