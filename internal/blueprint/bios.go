package blueprint

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// biosSpec is the firmware setup of a host.
var biosSpec = &blockSpec{object: true, attrs: attrs(nil, "profile", "attributes", "intents", "strict", "drift"), blocks: nested{
	"reset": object(list{"owner", "reason"}),
}}

func (rd *reader) bios(hardware string) *rack.BIOSSpec {
	e := &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{}, Origin: diag.At(rd.rng)}
	rd.profile(e, hardware)
	rd.intents(e)
	e.Strict, _ = rd.boolean("strict", "strict")
	e.Drift = rd.drift()
	if r := rd.sub("reset", "reset"); r != nil {
		e.Reset = r.biosReset()
	}
	rd.attributes(e)
	return e
}

// attributes overlays what is written for single attributes.
func (rd *reader) attributes(e *rack.BIOSSpec) {
	a, ok := rd.attr["attributes"]
	if !ok {
		return
	}
	items, ok := rd.objectItems(a.expr, "attributes")
	if !ok {
		return
	}
	for _, it := range items {
		at := hcl.RangeBetween(it.keyRange, it.expr.Range())
		one := &reader{s: rd.s, in: rd.in, spec: &blockSpec{}, what: rd.what, path: rd.path + ".attributes", rng: at,
			attr: map[string]attribute{it.key: {it.expr, it.keyRange, at}}}
		v, ok := one.get(it.key)
		if !ok {
			if v != cty.NilVal && !isPoisoned(v) && v.IsNull() {
				delete(e.Attributes, it.key) // null takes an attribute out of management
				e.Leave = append(e.Leave, it.key)
				delete(rd.s.m.r.prov, one.path+"."+it.key)
			}
			continue
		}
		val, ok := biosValue(v)
		if !ok {
			one.errorf(it.expr.Range(), "Wrong type", "The attribute %q takes a string, a bool or a whole number.",
				it.key)
			continue
		}
		one.note(it.key, it.key)
		e.Attributes[it.key] = rack.BIOSValue{Value: val, Origin: diag.At(at)}
	}
	slices.Sort(e.Leave)
}

// profile fills in the attributes of a profile: hw.server.X.bios.NAME, or its name alone.
func (rd *reader) profile(e *rack.BIOSSpec, hardware string) {
	v, ok := rd.raw("profile")
	if !ok {
		return
	}
	h := rd.s.m.r.opt.Catalog.Hardware[hardware]
	root, key := catalogRef(v)
	owner, name, _ := strings.Cut(key, "#")
	if s, isText := plainString(v); isText {
		root, owner, name = "bios", hardware, s
	}
	at := rd.at("profile")
	if root == "bios" && h.Profiles[name] == nil {
		if _, portable := rd.s.m.r.opt.Catalog.BIOSProfiles[name]; portable && owner == hardware {
			root, key = "profiles", name // this hardware has none of its own
		}
	}
	if root == "profiles" {
		rd.portable(e, key)
		return
	}
	if root != "bios" {
		rd.errorf(at, "Wrong reference", "%q is a BIOS profile of the catalog: %s.", "profile", catalogExample["bios"])
		return
	}
	if hardware == "" {
		if rd.s.m.bp.declared {
			rd.errorf(at, "Hardware not known", "There is no portable profile %q, and the profiles of one platform need to know "+
				"which hardware of the catalog the node is. %s", name, orKnown(name,
				sortedKeys(rd.s.m.r.opt.Catalog.BIOSProfiles), "Portable are "))
		}
		return
	}
	if owner != hardware {
		rd.errorf(at, "Profile of other hardware", "The profile belongs to hw.%s; this node is hw.%s, whose "+
			"attributes differ.", owner, hardware)
		return
	}
	attributes, ok := h.Profiles[name]
	if !ok {
		rd.errorf(at, "Unknown BIOS profile", "hw.%s has no profile %q. %s", hardware, name, orKnown(name,
			sortedKeys(h.Profiles), "It has "))
		return
	}
	e.Profile = name
	rd.note("profile", "profile")
	rd.fromCatalog("profile", "hw."+hardware+".bios."+name, h.Digest)
	for attr, val := range attributes {
		e.Attributes[attr] = rack.BIOSValue{Value: val, From: "profile " + name, Origin: diag.At(at)}
		path := rd.path + ".attributes." + attr
		rd.s.m.r.prov[path] = rack.Provenance{Path: path, Source: "catalog", Origin: diag.At(at),
			Detail: "hw." + hardware + " profile " + name, Digest: h.Digest}
	}
}

// biosValue is a string, a bool or an int64.
func biosValue(v cty.Value) (any, bool) {
	switch v.Type() {
	case cty.String:
		return v.AsString(), true
	case cty.Bool:
		return v.True(), true
	case cty.Number:
		n, acc := v.AsBigFloat().Int64()
		return n, acc == big.Exact
	}
	return nil, false
}

// portable fills in the intents of a profile that fits every platform: profiles.NAME.
func (rd *reader) portable(e *rack.BIOSSpec, name string) {
	c, at := rd.s.m.r.opt.Catalog, rd.at("profile")
	p, ok := c.BIOSProfiles[name]
	if !ok {
		rd.errorf(at, "Unknown BIOS profile", "The catalog has no profile %q. %s", name,
			orKnown(name, sortedKeys(c.BIOSProfiles), "It has "))
		return
	}
	e.Profile = name
	rd.note("profile", "profile")
	rd.fromCatalog("profile", "profiles."+name, p.Digest)
	rd.s.m.r.lockUse("bios_profile "+name, p.Digest, at)
	for _, intent := range sortedKeys(p.Intents) {
		rd.intent(e, rack.BIOSIntent{Name: intent, Value: p.Intents[intent], From: "profile " + name, Origin: diag.At(at)}, at)
		path := rd.path + ".intents." + intent
		rd.s.m.r.prov[path] = rack.Provenance{Path: path, Source: "catalog", Origin: diag.At(at), Detail: "profile " + name, Digest: p.Digest}
	}
}

// intents overlays what is written for single intents; null takes one of the profile out.
func (rd *reader) intents(e *rack.BIOSSpec) {
	a, ok := rd.attr["intents"]
	if !ok {
		return
	}
	items, ok := rd.objectItems(a.expr, "intents")
	if !ok {
		return
	}
	for _, it := range items {
		one := rd.one(it, "intents")
		v, ok := one.get(it.key)
		if !ok {
			if v != cty.NilVal && !isPoisoned(v) && v.IsNull() {
				e.Intents = slices.DeleteFunc(e.Intents, func(x rack.BIOSIntent) bool { return x.Name == it.key })
				delete(rd.s.m.r.prov, one.path+"."+it.key)
			}
			continue
		}
		val, ok := biosValue(v)
		if !ok {
			one.errorf(it.expr.Range(), "Wrong type", "The intent %q takes a word, a bool or a whole number.", it.key)
			continue
		}
		switch val {
		case true:
			val = "on"
		case false:
			val = "off"
		}
		one.note(it.key, it.key)
		rd.intent(e, rack.BIOSIntent{Name: it.key, Value: fmt.Sprint(val), Origin: diag.At(one.rng)}, it.expr.Range())
	}
}

// intent takes one intent into the spec, and its definition into the Design.
func (rd *reader) intent(e *rack.BIOSSpec, i rack.BIOSIntent, at hcl.Range) {
	r := rd.s.m.r
	def, ok := r.opt.Catalog.BIOSIntents[i.Name]
	if !ok {
		rd.errorf(at, "Unknown BIOS intent", "The catalog has no intent %q. %s", i.Name,
			orKnown(i.Name, sortedKeys(r.opt.Catalog.BIOSIntents), "It has "))
		return
	}
	if !slices.Contains(def.Values(), i.Value) {
		rd.errorf(at, "Unknown value", "The intent %q is not %q. %s", i.Name, i.Value, orKnown(i.Value, def.Values(), "It may be "))
		return
	}
	if i.Name == clearsTPM {
		rd.errorf(at, "An act, not a state", "%q happens once and leaves nothing to compare: ask for it with metalwright apply "+
			"--act tpm_clear@NODE.", i.Name)
		return
	}
	e.Intents = slices.DeleteFunc(e.Intents, func(x rack.BIOSIntent) bool { return x.Name == i.Name })
	e.Intents = append(e.Intents, i)
	slices.SortFunc(e.Intents, func(a, b rack.BIOSIntent) int { return strings.Compare(a.Name, b.Name) })
	r.useIntent(def, at)
}

// clearsTPM is the intent behind the act tpm_clear; a blueprint does not ask for it.
const clearsTPM = "tpm_clear"

// useIntent keeps a definition for the Design.
func (r *resolver) useIntent(def rack.BIOSIntentDef, at hcl.Range) {
	if r.design.BIOSIntents == nil {
		r.design.BIOSIntents = map[string]rack.BIOSIntentDef{}
	}
	r.design.BIOSIntents[def.Name] = def
	r.lockUse("bios_intent "+def.Name, def.Digest, at)
}

// drift reads the scope of drift: a word, or a list of attributes.
func (rd *reader) drift() *rack.BIOSDrift {
	v, ok := rd.get("drift")
	if !ok {
		return nil
	}
	if s, isText := plainString(v); isText {
		if s != rack.DriftDeclared && s != rack.DriftAll {
			rd.errorf(rd.at("drift"), "Unknown value", "\"drift\" is %q, %q or a list of attributes; not %q.",
				rack.DriftDeclared, rack.DriftAll, s)
			return nil
		}
		rd.note("drift", "drift")
		return &rack.BIOSDrift{Scope: s}
	}
	names, ok := rd.strs("drift", "drift")
	if !ok {
		return nil
	}
	slices.Sort(names)
	return &rack.BIOSDrift{Scope: rack.DriftChosen, Names: slices.Compact(names)}
}

func (rd *reader) biosReset() *rack.BIOSReset {
	r := &rack.BIOSReset{Owner: rd.text("owner"), Reason: rd.text("reason"), Origin: diag.At(rd.rng)}
	if strings.TrimSpace(r.Owner) == "" || strings.TrimSpace(r.Reason) == "" {
		rd.errorf(rd.rng, "Consent without owner", "Putting a setup back to its defaults needs an owner and a reason.")
		return nil
	}
	return r
}
