package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readRegistry finds and decodes the attribute registry of a Bios. Names in Bios, Registries and Location need not agree
// (R103): the exact name wins, then the one candidate of that name without its version, then the only BIOS registry.
func (r *reader) readRegistry(ctx context.Context, bios *redfish.Resource) *rack.BIOSRegistryInfo {
	want := text(bios.Obj, "AttributeRegistry")
	file := pickRegistry(r.members(ctx, r.root.Link("Registries")), want)
	if file == nil {
		r.fieldGap(bios, fmt.Sprintf("no attribute registry was found for it (%q)", want), "AttributeRegistry")
		return nil
	}
	uri := registryURI(file.Obj)
	if uri == "" {
		r.gap(file.URI, "it tells no location of the registry on this BMC")
		return nil
	}
	doc := r.need(ctx, uri)
	if doc == nil {
		return nil
	}
	info := DecodeRegistry(doc.Obj)
	if info.ID == "" {
		info.ID = first(want, idOf(file))
	}
	if len(info.Attributes) == 0 {
		r.gap(doc.URI, "the registry holds no attributes")
		return nil
	}
	return &info
}

func pickRegistry(files []*redfish.Resource, want string) *redfish.Resource {
	names := func(f *redfish.Resource) []string {
		return []string{f.Obj.Str("Registry"), f.Obj.Str("Id"), lastSegment(f.URI)}
	}
	for _, f := range files {
		if want != "" && slices.ContainsFunc(names(f), func(n string) bool { return strings.EqualFold(n, want) }) {
			return f
		}
	}
	pick := func(fits func(name string) bool) *redfish.Resource {
		var found *redfish.Resource
		for _, f := range files {
			if !slices.ContainsFunc(names(f), fits) {
				continue
			}
			if found != nil {
				return nil // two candidates: neither is known to be right
			}
			found = f
		}
		return found
	}
	if port, ofPort := registryPort(want); ofPort {
		// Bios-like resources of ports say NetworkAttributeRegistry_ID, the members are called NetworkAttributesRegistry_ID, and all
		// of them say that their Registry is NetworkAttributeRegistry (recorded on Dell).
		return pick(func(n string) bool { p, ok := registryPort(n); return ok && strings.EqualFold(p, port) })
	}
	if want != "" {
		stem := registryStem(want)
		if f := pick(func(n string) bool { return strings.EqualFold(registryStem(n), stem) }); f != nil {
			return f
		}
		if !strings.Contains(strings.ToLower(want), "bios") {
			return nil // of something else than the BIOS: another registry says nothing about it
		}
	}
	return pick(func(n string) bool { return strings.HasPrefix(strings.ToLower(n), "biosattributeregistry") })
}

// registryPort takes the id of a port out of the name of its registry.
func registryPort(name string) (string, bool) {
	for _, head := range []string{"networkattributeregistry_", "networkattributesregistry_"} {
		if len(name) > len(head) && strings.EqualFold(name[:len(head)], head) {
			return name[len(head):], true
		}
	}
	return "", false
}

// registryStem cuts the version off a registry name: BiosAttributeRegistry.v1_0_3, BiosAttributeRegistry113.1.1.3.
func registryStem(name string) string {
	name, _, _ = strings.Cut(name, ".")
	return strings.TrimRight(name, "_ ")
}

// registryURI picks the English text, else the first that this BMC holds.
func registryURI(o redfish.Object) string {
	var fallback string
	for _, l := range o.Objs("Location") {
		uri := l.Str("Uri")
		if uri == "" {
			uri = l.Link("Uri")
		}
		if uri == "" {
			continue
		}
		if strings.HasPrefix(strings.ToLower(l.Str("Language")), "en") {
			return uri
		}
		if fallback == "" {
			fallback = uri
		}
	}
	return fallback
}

// DecodeRegistry reads a DMTF AttributeRegistry leniently: what is of a wrong type is left out, never an error.
func DecodeRegistry(o redfish.Object) rack.BIOSRegistryInfo {
	info := rack.BIOSRegistryInfo{ID: text(o, "Id"), Version: text(o, "RegistryVersion")}
	seen := map[string]bool{}
	for _, a := range o.Objs("RegistryEntries", "Attributes") {
		at := registryAttribute(a)
		switch {
		case at.Name == "":
			info.Warnings = append(info.Warnings, "an entry has no AttributeName")
		case seen[at.Name]:
			info.Warnings = append(info.Warnings, fmt.Sprintf("attribute %q stands twice: the first counts", at.Name)) // R102
		default:
			seen[at.Name] = true
			info.Attributes = append(info.Attributes, at)
		}
	}
	for _, d := range o.Objs("RegistryEntries", "Dependencies") {
		dep := registryDependency(d)
		if dep.Target == "" || len(dep.Terms) == 0 {
			continue
		}
		for _, name := range append([]string{dep.Target}, termNames(dep)...) {
			if !seen[name] && !seen["warned "+name] {
				seen["warned "+name] = true
				info.Warnings = append(info.Warnings, fmt.Sprintf("a rule speaks of attribute %q, which the registry does not have", name))
			}
		}
		info.Dependencies = append(info.Dependencies, dep)
	}
	return info
}

func termNames(d rack.RegistryDependency) []string {
	out := make([]string, len(d.Terms))
	for i, t := range d.Terms {
		out[i] = t.Attribute
	}
	return out
}

func registryAttribute(o redfish.Object) rack.RegistryAttribute {
	flag := func(keys ...string) bool {
		for _, k := range keys {
			if v, ok := o.Bool(k); ok {
				return v
			}
		}
		return false
	}
	a := rack.RegistryAttribute{
		Name: o.Str("AttributeName"), DisplayName: o.Str("DisplayName"), Help: o.Str("HelpText"), Type: o.Str("Type"),
		LowerBound: whole64(o, "LowerBound"), UpperBound: whole64(o, "UpperBound"), Increment: whole64(o, "ScalarIncrement"),
		MinLength: length(o, "MinLength"), MaxLength: length(o, "MaxLength"), Expression: o.Str("ValueExpression"),
		Default:  rack.Normal(o["DefaultValue"]),
		ReadOnly: flag("ReadOnly", "Readonly"), Immutable: flag("Immutable"), Hidden: flag("Hidden"), // R44: key Readonly
		GrayOut: flag("GrayOut"), WriteOnly: flag("WriteOnly"),
	}
	if v, ok := o.Bool("ResetRequired"); ok {
		a.ResetRequired = &v
	}
	for _, v := range o.List("Value") {
		switch x := v.(type) {
		case string:
			a.Values = append(a.Values, rack.RegistryValue{Name: x})
		case map[string]any:
			m := redfish.Object(x)
			if n := m.Str("ValueName"); m.Has("ValueName") {
				a.Values = append(a.Values, rack.RegistryValue{Name: n, DisplayName: m.Str("ValueDisplayName")})
			}
		}
	}
	return a
}

// whole64 reads a bound as a big integer: Dell has 18446744073709551615 and negative ones (R104, R44).
func whole64(o redfish.Object, key string) *big.Int {
	var s string
	switch v := o[key].(type) {
	case json.Number:
		s = v.String()
	case string:
		s = strings.TrimSpace(v)
	default:
		return nil
	}
	if n, ok := new(big.Int).SetString(s, 10); ok {
		return n
	}
	f, ok := new(big.Float).SetString(s)
	if !ok || f.IsInf() || f.MantExp(nil) > 128 {
		return nil
	}
	n, exact := f.Int(nil)
	if exact != big.Exact {
		return nil
	}
	return n
}

func length(o redfish.Object, key string) *int {
	n, ok := o.Int(key)
	if !ok || n < 0 || n > 1<<20 {
		return nil
	}
	i := int(n)
	return &i
}

func registryDependency(o redfish.Object) rack.RegistryDependency {
	d := o.Obj("Dependency")
	dep := rack.RegistryDependency{Target: d.Str("MapToAttribute"), Property: d.Str("MapToProperty"), Value: rack.Normal(d["MapToValue"])}
	if dep.Target == "" {
		dep.Target = o.Str("DependencyFor")
	}
	for _, m := range d.Objs("MapFrom") {
		t := rack.RegistryTerm{Term: m.Str("MapTerms"), Attribute: m.Str("MapFromAttribute"), Property: m.Str("MapFromProperty"),
			Condition: m.Str("MapFromCondition"), Value: rack.Normal(m["MapFromValue"])}
		if t.Property == "" {
			t.Property = "CurrentValue"
		}
		if t.Attribute != "" {
			dep.Terms = append(dep.Terms, t)
		}
	}
	return dep
}
