package blueprint

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
)

// finish assembles the Design and runs the checks that need it whole.
func (r *resolver) finish(root *module) {
	r.meta(root)
	for _, in := range r.order {
		r.place(in)
	}
	d := &r.design
	sortElements(d.Regions, func(e rack.Region) rack.Address { return e.Address })
	sortElements(d.Sites, func(e rack.Site) rack.Address { return e.Address })
	sortElements(d.Racks, func(e rack.Rack) rack.Address { return e.Address })
	sortElements(d.Nodes, func(e rack.Node) rack.Address { return e.Address })
	sortElements(d.Firmware, func(e rack.FirmwareSet) rack.Address { return e.Address })
	sortElements(d.OS, func(e rack.OS) rack.Address { return e.Address })
	sortElements(d.Acceptances, func(e rack.Acceptance) rack.Address { return e.Address })
	sortElements(d.Waivers, func(e rack.Waiver) rack.Address { return e.Address })
	sortElements(d.Switches, func(e rack.Switch) rack.Address { return e.Address })
	sortElements(d.PowerShelves, func(e rack.PowerShelf) rack.Address { return e.Address })
	sortElements(d.Unplanned, func(e rack.Element) rack.Address { return e.Address })
	r.fabrics()
	r.eraseFloors()
	for _, path := range sortedKeys(r.prov) {
		d.Provenance = append(d.Provenance, r.prov[path])
	}
	r.physical()
	for _, in := range r.order {
		if in.b.kind == "check" {
			r.runCheck(in)
			if e, ok := in.element.(*rack.Check); ok {
				d.Checks = append(d.Checks, *e)
			}
		}
	}
	sortElements(d.Checks, func(e rack.Check) rack.Address { return e.Address })
	r.outputs(root)
	r.residency()
	r.judge()
	r.verifyLock()
}

// place puts one element into the Design.
func (r *resolver) place(in *instance) {
	d := &r.design
	switch e := in.element.(type) {
	case *rack.Region:
		d.Regions = append(d.Regions, *e)
	case *rack.Site:
		d.Sites = append(d.Sites, *e)
	case *rack.Rack:
		d.Racks = append(d.Racks, *e)
	case *rack.Node:
		d.Nodes = append(d.Nodes, *e)
	case *rack.FirmwareSet:
		d.Firmware = append(d.Firmware, *e)
	case *rack.OS:
		d.OS = append(d.OS, *e)
	case *rack.Acceptance:
		d.Acceptances = append(d.Acceptances, *e)
	case *rack.Waiver:
		d.Waivers = append(d.Waivers, *e)
	case *rack.Switch:
		d.Switches = append(d.Switches, *e)
	case *rack.PowerShelf:
		d.PowerShelves = append(d.PowerShelves, *e)
	case *rack.Fabric:
		d.Fabrics = append(d.Fabrics, *e)
	case *rack.Element:
		d.Unplanned = append(d.Unplanned, *e)
	}
}

// meta reads the blueprint block of the root.
func (r *resolver) meta(root *module) {
	b := root.bp.meta
	if b == nil {
		return
	}
	rd := newReader(&instance{m: root, b: b, address: "blueprint", vals: map[string]cty.Value{}})
	r.design.Blueprint = rack.Meta{Name: rd.text("name"), Version: rd.text("version"), Summary: rd.text("summary")}
	a, ok := rd.attr["requires"]
	if !ok {
		return
	}
	items, _ := rd.objectItems(a.expr, "requires")
	for _, it := range items {
		want, ok := rd.one(it, "requires").str(it.key, it.key)
		switch {
		case !ok:
		case it.key != "metalwright" && it.key != "catalog":
			rd.errorf(it.keyRange, "Unknown requirement", "A blueprint can require \"metalwright\" and \"catalog\" "+
				"of a version.%s",
				diag.DidYouMean(it.key, []string{"metalwright", "catalog"}))
		default:
			r.require(rd, it, want)
		}
	}
}

func (r *resolver) require(rd *reader, it item, want string) {
	have := ""
	if it.key == "metalwright" {
		have = r.opt.Version
	}
	fits, err := satisfies(have, want)
	if err != nil {
		rd.errorf(it.expr.Range(), "Wrong version constraint", "%q: %s. Write it as \"~> 0.1\" or \"2026.11.x\".",
			want, err)
	} else if !fits {
		rd.errorf(it.expr.Range(), "Other version required", "The blueprint requires %s %s; this is %s.", it.key, want,
			have)
	}
}

var constraint = regexp.MustCompile(`^\s*(=|!=|>=|<=|>|<|~>)?\s*([0-9]+(?:\.[0-9]+)*)(\.x)?\s*$`)

// satisfies tells whether a version meets constraints separated by commas. An empty or unversioned build meets all.
func satisfies(have, want string) (bool, error) {
	all := true
	for part := range strings.SplitSeq(want, ",") {
		m := constraint.FindStringSubmatch(part)
		if m == nil || m[3] != "" && m[1] != "" {
			return false, fmt.Errorf("%q is no version constraint", strings.TrimSpace(part))
		}
		parsed := versionNumbers(strings.TrimPrefix(have, "v"))
		if parsed == nil {
			continue
		}
		w := versionNumbers(m[2])
		c := slices.Compare(padded(parsed, len(w)), padded(w, len(parsed)))
		switch m[1] {
		case ">=":
			all = all && c >= 0
		case "<=":
			all = all && c <= 0
		case ">":
			all = all && c > 0
		case "<":
			all = all && c < 0
		case "!=":
			all = all && c != 0
		case "~>":
			same := w[:max(len(w)-1, 1)]
			all = all && c >= 0 && slices.Equal(padded(parsed, len(same))[:len(same)], same)
		default:
			if m[3] != "" {
				all = all && slices.Equal(padded(parsed, len(w))[:len(w)], w)
			} else {
				all = all && c == 0
			}
		}
	}
	return all, nil
}

func versionNumbers(s string) []int {
	s, _, _ = strings.Cut(s, "-")
	s, _, _ = strings.Cut(s, "+")
	var out []int
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

func padded(v []int, n int) []int {
	out := slices.Clone(v)
	for len(out) < n {
		out = append(out, 0)
	}
	return out
}

// outputs keeps the values of the root's outputs; sensitive ones by name only.
func (r *resolver) outputs(root *module) {
	for _, name := range sortedKeys(root.bp.byKind["output"]) {
		v := root.output(name, summed)
		if isPoisoned(v) {
			continue
		}
		if hasMark(v, sensitive) {
			r.design.SensitiveOut = append(r.design.SensitiveOut, name)
			continue
		}
		at := root.bp.byKind["output"][name].syn.Body.Attributes["value"].Expr.Range()
		c := converter{r: r}
		x, ok := c.plain(v, 0)
		switch {
		case !ok:
			r.errorf(at, "Wrong type", "A value of type %s cannot be an output.", c.wrong.FriendlyName())
			continue
		case c.unknown:
			r.warnf(at, "Value not known", "Output %q depends on a number that the catalog does not have; it is "+
				"left out.", name)
			continue
		}
		raw, err := json.Marshal(x)
		if err != nil {
			continue
		}
		if r.design.Outputs == nil {
			r.design.Outputs = map[string]json.RawMessage{}
		}
		r.design.Outputs[name] = raw
	}
}

// A finding is what a rule of this package says; waivers may loosen it.
type finding struct {
	rule    string
	about   []rack.Address // the first is the element it is shown at
	at      diag.Origin
	summary string
	detail  string
	warning bool
}

func (r *resolver) find(f finding) { r.findings = append(r.findings, f) }

// residency judges the policy rules of the regions.
func (r *resolver) residency() {
	found := residency.Check(residency.Facts{Design: r.design}, r.opt.Catalog.Policies, r.opt.Now)
	r.diags = append(r.diags, residency.Diagnostics(found)...)
	r.dropIPMI(residency.IPMIForbidden(found))
	for _, f := range found {
		if f.Status == residency.NotMet || f.Status == residency.Waived {
			r.find(finding{rule: f.Rule, about: append([]rack.Address{f.Address},
				f.About...)}) // for unused waivers only
		}
	}
}

// judge turns findings into diagnostics. A valid waiver makes an error a warning that names it; it never hides one.
func (r *resolver) judge() {
	r.judgeWaivers()
	for _, f := range r.findings {
		if f.summary == "" {
			continue
		}
		d := diag.Diagnostic{Severity: diag.Error, Summary: f.summary, Detail: f.detail, Rule: f.rule, Subject: f.at,
			Address: string(f.about[0])}
		if f.warning {
			d.Severity = diag.Warning
		} else if w, ok := residency.WaiverFor(r.design.Waivers, f.rule, f.about, r.opt.Now); ok {
			d.Severity = diag.Warning
			d.Detail += fmt.Sprintf("\n\nWaived by %s until %s (%s): %s", w.Address, w.Expires, w.Owner, w.Reason)
		}
		r.diags = append(r.diags, d)
	}
}

// judgeWaivers reports waivers that have expired, live too long, are not allowed, or cover nothing.
func (r *resolver) judgeWaivers() {
	for _, w := range r.design.Waivers {
		in := r.registry[w.Address]
		rd := newReader(in)
		at := func(name string) hcl.Range { return rd.at(name) }
		if w.Expires != "" && residency.Expired(w, r.opt.Now) {
			d := errorAt(at("expires"), "Waiver has expired", "The last day of the waiver was %s. Repair what it "+
				"was for, or renew it with its owner.",
				w.Expires)
			d.Rule, d.Address = "waiver.expired", string(w.Address)
			r.diags = append(r.diags, d)
			continue
		}
		for _, reg := range r.design.Regions {
			p, ok := r.opt.Catalog.Policies[reg.Policy]
			if !ok {
				continue
			}
			if !p.Waivable(w.Rule) {
				rd.errorf(at("rule"), "Rule cannot be waived", "policies.%s does not let %s be waived.", p.Key, w.Rule)
			}
			if days := p.MaxWaiverDays(); !r.opt.Now.IsZero() && !residency.Expired(w, r.opt.Now.AddDate(0, 0, days)) {
				rd.errorf(at("expires"), "Waiver lives too long", "policies.%s lets a waiver live %d days; this one "+
					"ends on %s.", p.Key, days, w.Expires)
			}
		}
		if !slices.ContainsFunc(r.findings, func(f finding) bool { return r.covers(w, f) }) && r.judgedHere(w.Rule) &&
			!r.diags.HasErrors() {
			rd.warnf(at("rule"), "Waiver covers nothing", "No finding of %s needs this waiver. The reason has gone, "+
				"so should the waiver.", w.Rule)
		}
	}
}

func (r *resolver) covers(w rack.Waiver, f finding) bool {
	_, ok := residency.WaiverFor([]rack.Waiver{w}, f.rule, f.about, r.opt.Now)
	return ok && !f.warning
}

// judgedHere tells whether a rule is judged from the Design, so that a waiver without a finding is idle.
func (r *resolver) judgedHere(rule string) bool {
	return slices.Contains(planRules, rule) || slices.Contains(residency.PlanRules(), rule) || strings.HasPrefix(rule,
		"check.")
}
