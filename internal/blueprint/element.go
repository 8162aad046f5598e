package blueprint

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
)

// decode reads one instance into in.element, and sets what references to it see.
func (rd *reader) decode(in *instance) {
	switch in.b.kind {
	case "region":
		rd.region(in)
	case "site":
		rd.site(in)
	case "rack":
		rd.rack(in)
	case "node":
		rd.node(in)
	case "firmware":
		rd.firmware(in)
	case "os":
		rd.os(in)
	case "acceptance":
		rd.acceptance(in)
	case "check":
		rd.check(in)
	case "waiver":
		rd.waiver(in)
	case "switch":
		rd.networkSwitch(in)
	case "power_shelf":
		rd.powerShelf(in)
	case "fabric":
		rd.fabric(in)
	default: // storage, stack
		rd.unplanned(in)
		return
	}
	rd.after(in)
	rd.touch()
}

// touch evaluates what the decoder did not read, so that a wrong reference in a description or a note is not passed over.
func (rd *reader) touch() {
	read := map[string][]string{"check": {"assert", "message"}}[rd.in.b.kind]
	for _, name := range sortedKeys(rd.attr) {
		if !rd.read[name] && !slices.Contains(read, name) {
			rd.s.eval(rd.attr[name].expr)
		}
	}
	for _, b := range rd.subs {
		if b.Type != "assert" && !rd.read[b.Type] {
			rd.values(b.Body, nil, rd.path+"."+b.Type)
		}
	}
	for _, sub := range rd.opened {
		sub.touch()
	}
}

func (rd *reader) origin() diag.Origin { return diag.At(rd.in.b.syn.DefRange()) }

// instanceOf recognises a reference: an object whose address is that of an element.
func (r *resolver) instanceOf(v cty.Value) *instance {
	if v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute("address") {
		return nil
	}
	s, ok := plainString(v.GetAttr("address"))
	if !ok {
		return nil
	}
	return r.registry[rack.Address(s)]
}

// link makes in.NAME stand for another element.
func (in *instance) link(name string, to *instance) {
	if in.links == nil {
		in.links = map[string]*instance{}
	}
	in.links[name] = to
}

// country reads an ISO code, in upper case as the standard writes it.
func (rd *reader) country(name string, valid func(string) bool) string {
	s, ok := rd.str(name, name)
	if ok && !valid(s) {
		near := diag.DidYouMean(s, residency.Jurisdictions())
		if up := strings.ToUpper(s); valid(up) {
			near = fmt.Sprintf(" Did you mean %q?", up)
		}
		rd.errorf(rd.at(name), "Unknown jurisdiction", "%q is not an ISO 3166-1 code of two capital letters.%s", s,
			near)
		return ""
	}
	return s
}

func (rd *reader) region(in *instance) {
	e := &rack.Region{Address: in.address, Name: in.name, Origin: rd.origin()}
	e.Jurisdiction = rd.country("jurisdiction", residency.ValidJurisdiction)
	if key, _, ok := rd.catalogKey("policy", "policy", "policies"); ok {
		if p, known := rd.s.m.r.opt.Catalog.Policies[key]; known {
			e.Policy = key
			rd.s.m.r.lockUse("policy "+key, p.Digest, rd.at("policy"))
			rd.fromCatalog("policy", "policies."+key, p.Digest)
		} else {
			rd.errorf(rd.at("policy"), "Unknown policy", "The catalog has no policies.%s. %s", key,
				orKnown(key, sortedKeys(rd.s.m.r.opt.Catalog.Policies), "It has "))
		}
	}
	in.vals["jurisdiction"] = cty.StringVal(e.Jurisdiction)
	in.vals["policy"] = cty.StringVal(e.Policy)
	in.element = e
}

// fromCatalog adds the catalog's digest to the provenance of a leaf.
func (rd *reader) fromCatalog(leaf, key string, digest rack.Digest) {
	path := rd.path + "." + leaf
	p, ok := rd.s.m.r.prov[path]
	if !ok {
		return
	}
	p.Detail, p.Digest = key, digest
	rd.s.m.r.prov[path] = p
}

func (rd *reader) site(in *instance) {
	e := &rack.Site{Address: in.address, Name: in.name, Origin: rd.origin()}
	if region, ok := rd.ref("region", "region", "region"); ok {
		e.Region = region.address
		in.link("region", region)
	}
	e.Country = rd.country("country", residency.ValidCountry)
	if ep := rd.sub("endpoints", "endpoints"); ep != nil {
		e.Endpoints = map[string][]string{}
		for _, role := range sortedKeys(ep.attr) {
			if list, ok := ep.strs(role, role); ok && ep.endpoints(role, list) {
				e.Endpoints[role] = list
			}
		}
	}
	networks := rd.each("network", "networks")
	for _, name := range sortedKeys(networks) {
		n := networks[name]
		cidr, ok := n.str("cidr", "cidr")
		if _, err := netip.ParsePrefix(cidr); ok && err != nil {
			n.errorf(n.at("cidr"), "Wrong address", "%q is not a prefix such as \"10.20.8.0/22\".", cidr)
			ok = false
		}
		if ok {
			e.Networks = append(e.Networks, rack.Network{Name: name, CIDR: cidr, Origin: diag.At(n.rng)})
		}
	}
	if x := rd.sub("escrow", "escrow"); x != nil {
		e.Escrow = x.escrow(e.Endpoints["vault"])
	}
	if p := rd.sub("power", "power"); p != nil {
		feeds, _ := p.whole("feeds", "feeds", 1, 64)
		e.Power = &rack.SitePower{ContractKW: p.numberPtr("contract_kw", "contract_kw", &powerKW), Feeds: feeds}
	}
	if c := rd.sub("cooling", ""); c != nil {
		e.Cooling = c.coolingClasses()
	}
	if f := rd.sub("floor", ""); f != nil {
		e.FloorKg = f.numberPtr("kg_per_rack", "floor_kg_per_rack", &massKg)
	}
	if b := rd.sub("backbone", "backbone"); b != nil {
		links := b.each("to", "to")
		for _, to := range sortedKeys(links) {
			l := links[to]
			rtt, _ := l.number("rtt_ms", "rtt_ms", nil)
			gbps, _ := l.number("gbps", "gbps", nil)
			e.Backbone = append(e.Backbone, rack.BackboneLink{To: to, RTTMs: rtt, Gbps: gbps, Via: l.text("via")})
		}
	}
	in.vals["country"] = cty.StringVal(e.Country)
	in.vals["endpoints"] = stringLists(e.Endpoints)
	nets := map[string]cty.Value{}
	for _, n := range e.Networks {
		nets[n.Name] = cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(n.Name), "cidr": cty.StringVal(n.CIDR)})
	}
	in.vals["network"] = cty.ObjectVal(nets)
	in.element = e
}

// coolingClasses reads what a site offers; "offers" is another word for "classes", and dlc for liquid.
func (rd *reader) coolingClasses() []string {
	name := "classes"
	if _, ok := rd.attr["offers"]; ok {
		name = "offers"
	}
	var out []string
	classes, _ := rd.strs(name, "cooling")
	known := list{"air", "dlc", "liquid", "rear_door"}
	for _, c := range classes {
		if !slices.Contains(known, c) {
			rd.errorf(rd.at(name), "Unknown value", "%q is not a cooling class. %s", c, orKnown(c, known,
				"The classes are "))
			continue
		}
		if c == "dlc" {
			c = "liquid"
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// endpoints checks the form of the values of one role: URL, host, host:port or address.
func (rd *reader) endpoints(role string, values []string) bool {
	for _, s := range values {
		u, err := url.Parse(s)
		if strings.Contains(s, "://") {
			if err != nil || u.Host == "" || u.User != nil {
				rd.errorf(rd.at(role), "Wrong endpoint", "The endpoint %q is not a URL such as "+
					"\"https://registry.bne1.example\" (without "+
					"user or password).", role)
				return false
			}
			continue
		}
		if s == "" || strings.ContainsAny(s, " \t\n/@") {
			rd.errorf(rd.at(role), "Wrong endpoint", "The endpoint %q is not a URL, a host or an address.", role)
			return false
		}
	}
	return true
}

// stringLists is a role's values as a string when there is one, as a list when there are several.
func stringLists(in map[string][]string) cty.Value {
	vals := map[string]cty.Value{}
	for k, list := range in {
		var vs []cty.Value
		for _, s := range list {
			vs = append(vs, cty.StringVal(s))
		}
		switch len(vs) {
		case 0:
			vals[k] = cty.ListValEmpty(cty.String)
		case 1:
			vals[k] = vs[0]
		default:
			vals[k] = cty.ListVal(vs)
		}
	}
	return cty.ObjectVal(vals)
}

func (rd *reader) rack(in *instance) {
	e := &rack.Rack{Address: in.address, Name: in.name, Origin: rd.origin(), Position: rd.text("position")}
	if site, ok := rd.ref("site", "site", "site"); ok {
		e.Site = site.address
		in.link("site", site)
	}
	in.vals["model"] = poisoned
	if key, v, ok := rd.catalogKey("model", "model", "hw"); ok {
		if h, known := rd.s.m.r.hardware(key, rd.at("model")); known {
			rd.kind(h, "model", "rack")
			e.Model = key
			in.vals["model"] = v
			rd.fromCatalog("model", "hw."+key, h.Digest)
		}
	}
	e.MaxKg = rd.numberPtr("max_kg", "max_kg", &massKg)
	if p := rd.sub("power", ""); p != nil {
		e.Feeds, _ = p.whole("feeds", "feeds", 1, 64)
		e.ContractKW = p.numberPtr("contract_kw", "contract_kw", &powerKW)
		e.StaggerS = p.stagger()
	}
	e.Facts = rd.facts()
	in.vals["position"] = cty.StringVal(e.Position)
	in.vals["power"] = cty.ObjectVal(map[string]cty.Value{"feeds": wholeOrNull(e.Feeds),
		"contract_kw": floatOrNull(e.ContractKW)})
	in.vals["max_kg"] = floatOrNull(e.MaxKg)
	in.element = e
}

// kind refuses hardware of the wrong kind: a server where a rack is wanted.
func (rd *reader) kind(h rack.Hardware, name string, kinds ...string) {
	if h.Kind != "" && !slices.Contains(kinds, h.Kind) {
		rd.errorf(rd.at(name), "Wrong kind of hardware", "hw.%s is a %s; here a %s is wanted.", h.Key, h.Kind,
			orList(kinds))
	}
}

// facts reads the numbers that override the catalog. The author stands for them, so they count as verified.
func (rd *reader) facts() rack.Facts {
	f := rd.sub("facts", "facts")
	if f == nil {
		return nil
	}
	source := f.text("source")
	out := rack.Facts{}
	for _, name := range factNames {
		d := map[string]*dimension{"weight_kg": &massKg, "peak_kw": &powerKW, "supply_kw": &powerKW}[name]
		if n, ok := f.number(name, name, d); ok {
			out[name] = rack.Number{Value: n, Source: source, Verified: true}
		}
	}
	return out
}

func wholeOrNull(n int) cty.Value {
	if n == 0 {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberIntVal(int64(n))
}

func floatOrNull(f *float64) cty.Value {
	if f == nil {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberFloatVal(*f)
}

// number gives a number of an element: the author's own, else the catalog's, else nil.
func (r *resolver) number(key string, own rack.Facts, name string) *rack.Number {
	if n, ok := own[name]; ok {
		return &n
	}
	h, ok := r.design.Hardware[key]
	if !ok {
		return nil
	}
	return map[string]*rack.Number{"u": h.U, "weight_kg": h.WeightKg, "peak_kw": h.PeakKW, "supplies": h.Supplies,
		"supply_kw": h.SupplyKW}[name]
}

// rackSums are the attributes of a rack that follow from what stands in it.
func (r *resolver) rackSums(in *instance, ph phase) map[string]cty.Value {
	sums := map[string]string{"used_u": "u", "peak_kw": "peak_kw", "weight_kg": "weight_kg"}
	out := map[string]cty.Value{}
	if ph != summed {
		for name := range sums {
			out[name] = cty.UnknownVal(cty.Number)
		}
		return out
	}
	held := r.heldBy(in.address)
	for name, fact := range sums {
		total, known := 0.0, true
		for _, h := range held {
			if fact == "peak_kw" && h.in.b.kind == "power_shelf" {
				continue // it gives power
			}
			n := r.number(h.model, h.facts, fact)
			if n == nil {
				known = false
				break
			}
			total += n.Value
		}
		out[name] = cty.UnknownVal(cty.Number)
		if known {
			out[name], _ = finite(round(total))
		}
	}
	return out
}

// held is something that stands in a rack.
type held struct {
	in    *instance
	u     int
	model string
	facts rack.Facts
}

func (r *resolver) heldBy(a rack.Address) []held {
	var out []held
	for _, in := range r.order {
		switch e := in.element.(type) {
		case *rack.Node:
			if e.Rack == a {
				out = append(out, held{in, e.PositionU, e.Hardware, e.Facts})
			}
		case *rack.Switch:
			if e.Rack == a {
				out = append(out, held{in, e.PositionU, e.Hardware, nil})
			}
		case *rack.PowerShelf:
			if e.Rack == a {
				out = append(out, held{in, e.PositionU, e.Hardware, e.Facts})
			}
		case *rack.Element:
			if e.Rack == a {
				out = append(out, held{in, e.U, e.Model, nil})
			}
		}
	}
	return out
}
