package sim

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// registry is the BIOS attribute registry of a dialect: real names, types and values, texts of our own.
type registry struct {
	id, name, owner, version, language string
	resetRequired                      bool // the registry tells ResetRequired at all
	attrs                              []*attribute
	byName                             map[string]*attribute
	rules                              []rule
}

// attribute is one BIOS setting. Values are what the Bios resource shows.
type attribute struct {
	name, kind string // Enumeration, Boolean, Integer, String, Password
	values     []string
	valueNames []string // ValueName where it differs from what is shown (Supermicro: numbers)
	def        any
	lo, hi     string // bounds, decimal: Dell goes to 2^64-1 (R104)
	step, max  int
	readOnly   bool
	noReset    bool // ResetRequired is false
	once       bool // it falls back to its default after one start
	card       bool // of a BlueField in this host: not there without one
}

// rule is one Map dependency.
type rule struct {
	target, property string
	value            any
	terms            []term
	or               bool
	join             string // where MapTerms stand: "", "first", "later"
}

type term struct {
	attr  string
	equal bool
	value any
}

// newRegistry reads the compact form of the dialect files. An attribute is
//
//	NAME ; E ; value|value … ; default        values "3=Shown" give a ValueName
//	NAME ; I ; lo..hi[/step] ; default
//	NAME ; B ; ; default          NAME ; S ; max ; default         NAME ; P ; max ;
//
// a name with "!" in front is read-only, with "-" in front does not need a reset, one with "~" in front falls
// back after one start, one with "+" in front is there only with a BlueField. A rule is
//
//	TARGET ; Property ; value ; A == x [| or &] B != y
func newRegistry(r registry, attrs, rules, join string) *registry {
	r.byName = map[string]*attribute{}
	for _, line := range fields(attrs) {
		a := newAttribute(line)
		r.attrs = append(r.attrs, a)
		r.byName[a.name] = a
	}
	for _, line := range fields(rules) {
		ru := rule{target: line[0], property: line[1], join: join, or: strings.Contains(line[3], " | ")}
		ru.value = r.constant(line[0], line[2])
		if ru.property != "CurrentValue" {
			ru.value = line[2] == "true"
		}
		for _, t := range strings.FieldsFunc(line[3], func(c rune) bool { return c == '|' || c == '&' }) {
			a, v, eq := strings.Cut(t, "==")
			if !eq {
				a, v, _ = strings.Cut(t, "!=")
			}
			a, v = strings.TrimSpace(a), strings.TrimSpace(v)
			ru.terms = append(ru.terms, term{a, eq, r.constant(a, v)})
		}
		r.rules = append(r.rules, ru)
	}
	return &r
}

// fields splits lines at semicolons.
func fields(text string) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		f := strings.Split(line, ";")
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		for len(f) < 4 {
			f = append(f, "")
		}
		out = append(out, f)
	}
	return out
}

func newAttribute(f []string) *attribute {
	a := &attribute{name: strings.TrimLeft(f[0], "!-~+"), card: strings.HasPrefix(f[0], "+"), once: strings.HasPrefix(f[0], "~"), readOnly: strings.HasPrefix(f[0], "!"), noReset: strings.HasPrefix(f[0], "-")}
	switch f[1] {
	case "E":
		a.kind, a.def = "Enumeration", f[3]
		for v := range strings.SplitSeq(f[2], "|") {
			name, shown, has := strings.Cut(v, "=")
			if !has {
				shown = name
			}
			a.values = append(a.values, shown)
			a.valueNames = append(a.valueNames, name)
		}
	case "B":
		a.kind, a.def = "Boolean", f[3] == "true"
	case "I":
		a.kind = "Integer"
		bounds, step, _ := strings.Cut(f[2], "/")
		a.lo, a.hi, _ = strings.Cut(bounds, "..")
		a.step, _ = strconv.Atoi(step)
		n, _ := strconv.ParseInt(f[3], 10, 64)
		a.def = n
	case "S":
		a.kind, a.def = "String", f[3]
		a.max, _ = strconv.Atoi(f[2])
	case "P":
		a.kind = "Password"
		a.max, _ = strconv.Atoi(f[2])
	default:
		panic("metalwright: internal error: simulated BIOS attribute " + f[0] + ". This is a bug in Metalwright.")
	}
	return a
}

// constant reads a value of an attribute as the rules write it.
func (r *registry) constant(name, v string) any {
	a := r.byName[name]
	if a == nil {
		return v
	}
	switch a.kind {
	case "Boolean":
		return v == "true"
	case "Integer":
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	}
	return v
}

func (r *registry) find(name string) *attribute { return r.byName[name] }

// defaults is the state of a new board.
func (r *registry) defaults() map[string]any {
	m := map[string]any{}
	for _, a := range r.attrs {
		m[a.name] = a.def
	}
	return m
}

// holds tells whether the conditions of a rule are met. One about an attribute that is not there is never met (R102).
func (ru rule) holds(state map[string]any) bool {
	for _, t := range ru.terms {
		v, known := state[t.attr]
		met := known && (v == t.value) == t.equal
		if ru.or && met {
			return true
		}
		if !ru.or && !met {
			return false
		}
	}
	return !ru.or
}

// settle applies the rules that set values until nothing moves, and returns the properties that the rules give.
func (r *registry) settle(state map[string]any) (flags map[string]map[string]bool) {
	for range len(r.rules) + 1 {
		moved := false
		for _, ru := range r.rules {
			if ru.property == "CurrentValue" && ru.holds(state) && state[ru.target] != ru.value {
				state[ru.target] = ru.value
				moved = true
			}
		}
		if !moved {
			break
		}
	}
	flags = map[string]map[string]bool{}
	for _, ru := range r.rules {
		if on, isFlag := ru.value.(bool); isFlag && ru.property != "CurrentValue" && ru.holds(state) {
			if flags[ru.target] == nil {
				flags[ru.target] = map[string]bool{}
			}
			flags[ru.target][ru.property] = on
		}
	}
	return flags
}

// check judges a value that somebody wants: the key of the message that refuses it, or "".
func (a *attribute) check(v any) string {
	switch a.kind {
	case "Enumeration":
		s, isText := v.(string)
		switch {
		case !isText:
			return "PropertyValueTypeError"
		case !slices.Contains(a.values, s):
			return "PropertyValueNotInList"
		}
	case "Boolean":
		if _, isBool := v.(bool); !isBool {
			return "PropertyValueTypeError"
		}
	case "Integer":
		n, isNumber := v.(json.Number)
		if !isNumber {
			return "PropertyValueTypeError"
		}
		i, whole := new(big.Int).SetString(n.String(), 10)
		if !whole {
			return "PropertyValueTypeError"
		}
		if i.Cmp(bigOf(a.lo)) < 0 || i.Cmp(bigOf(a.hi)) > 0 ||
			a.step > 1 && new(big.Int).Mod(i, big.NewInt(int64(a.step))).Sign() != 0 {
			return "PropertyValueOutOfRange"
		}
	default:
		s, isText := v.(string)
		switch {
		case !isText:
			return "PropertyValueTypeError"
		case len(s) > a.max:
			return "PropertyValueOutOfRange"
		}
	}
	return ""
}

func bigOf(s string) *big.Int {
	i, _ := new(big.Int).SetString(s, 10)
	return i
}

// resource renders the registry as the BMC serves it.
func (r *registry) resource(d *dialect) obj {
	var attrs, deps []any
	for _, a := range r.attrs {
		o := obj{"AttributeName": a.name, "Type": a.kind, "DisplayName": a.name, "HelpText": "Sets " + a.name + ".",
			"ReadOnly": a.readOnly, "MenuPath": "./Setup"}
		if r.resetRequired {
			o["ResetRequired"] = !a.noReset
		}
		switch a.kind {
		case "Enumeration":
			var vals []any
			for i, v := range a.values {
				vals = append(vals, obj{"ValueName": a.valueNames[i], "ValueDisplayName": v})
			}
			o["Value"] = vals
		case "Integer":
			o["LowerBound"], o["UpperBound"] = json.Number(a.lo), json.Number(a.hi)
			o["ScalarIncrement"] = max(a.step, 1)
		case "String", "Password":
			o["MinLength"], o["MaxLength"] = 0, a.max
		}
		if a.kind != "Password" && !a.readOnly {
			o["DefaultValue"] = a.def
		}
		attrs = append(attrs, o)
	}
	for _, ru := range r.rules {
		deps = append(deps, ru.resource())
	}
	return obj{"@odata.type": d.typ("AttributeRegistry"), "Id": r.id, "Name": r.name, "Language": r.language, "OwningEntity": r.owner,
		"RegistryVersion": r.version, "RegistryEntries": obj{"Attributes": attrs, "Dependencies": listOf(deps)}}
}

func listOf(l []any) []any {
	if l == nil {
		return []any{}
	}
	return l
}

func (ru rule) resource() obj {
	var from []any
	for i, t := range ru.terms {
		cond := "NEQ"
		if t.equal {
			cond = "EQU"
		}
		o := obj{"MapFromAttribute": t.attr, "MapFromProperty": "CurrentValue", "MapFromCondition": cond, "MapFromValue": t.value}
		word := "AND"
		if ru.or {
			word = "OR"
		}
		if len(ru.terms) > 1 && (ru.join == "first" && i < len(ru.terms)-1 || ru.join == "later" && i > 0) {
			o["MapTerms"] = word
		}
		from = append(from, o)
	}
	return obj{"Type": "Map", "DependencyFor": ru.target, "Dependency": obj{"MapFrom": from, "MapToAttribute": ru.target,
		"MapToProperty": ru.property, "MapToValue": ru.value}}
}

// Registry gives the BIOS attribute registry that nodes of a dialect serve, decoded; ok is false for an unknown dialect.
// Values are those that the Bios resource shows.
func Registry(dialectName string) (info rack.BIOSRegistryInfo, ok bool) {
	d := dialects()[dialectName]
	if d == nil {
		return rack.BIOSRegistryInfo{}, false
	}
	info = rack.BIOSRegistryInfo{ID: d.registry.id, Version: d.registry.version}
	for _, a := range d.registry.attrs {
		ra := rack.RegistryAttribute{Name: a.name, DisplayName: a.name, Type: a.kind, Default: a.def, ReadOnly: a.readOnly}
		for i, v := range a.values {
			ra.Values = append(ra.Values, rack.RegistryValue{Name: a.valueNames[i], DisplayName: v})
		}
		if a.kind == "Integer" {
			ra.LowerBound, ra.UpperBound = bigOf(a.lo), bigOf(a.hi)
			ra.Increment = big.NewInt(int64(max(a.step, 1)))
		}
		if a.max > 0 {
			ra.MaxLength = &a.max
		}
		if d.registry.resetRequired {
			need := !a.noReset
			ra.ResetRequired = &need
		}
		info.Attributes = append(info.Attributes, ra)
	}
	for _, ru := range d.registry.rules {
		dep := rack.RegistryDependency{Target: ru.target, Property: ru.property, Value: ru.value}
		for i, t := range ru.terms {
			rt := rack.RegistryTerm{Attribute: t.attr, Property: "CurrentValue", Condition: "NEQ", Value: t.value}
			if t.equal {
				rt.Condition = "EQU"
			}
			if m, has := ru.resource()["Dependency"].(obj)["MapFrom"].([]any)[i].(obj)["MapTerms"].(string); has {
				rt.Term = m
			}
			dep.Terms = append(dep.Terms, rt)
		}
		info.Dependencies = append(info.Dependencies, dep)
	}
	return info, true
}

// show writes a value for a message.
func show(v any) string { return fmt.Sprint(v) }
