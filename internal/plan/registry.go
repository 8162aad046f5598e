package plan

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/metalwright/metalwright/internal/rack"
)

// The attribute types of DSP0268 AttributeRegistry.
const (
	typeEnumeration = "Enumeration"
	typeString      = "String"
	typeInteger     = "Integer"
	typeBoolean     = "Boolean"
	typePassword    = "Password"
)

// registry answers what one host's BIOS takes. It is the node's own attribute registry, or, without one, what can be
// concluded from the attributes that the host shows.
type registry struct {
	info      *rack.BIOSRegistryInfo
	byName    map[string]*rack.RegistryAttribute
	current   rack.Attributes
	pending   rack.Attributes
	missingIs string                     // the operator that a rule means where it gives none: "OR" on Dell, "" = not known
	flags     map[string][properties]tri // where they differ from what the registry says statically; see explain
	display   bool                       // this host shows display names where they differ from value names
}

func newRegistry(b *rack.BIOS, missingIs string) *registry {
	r := &registry{info: b.RegistryDoc, byName: map[string]*rack.RegistryAttribute{}, missingIs: missingIs,
		current: b.Attributes, pending: b.Pending}
	if r.info == nil {
		return r
	}
	for i := range r.info.Attributes {
		a := &r.info.Attributes[i]
		if r.byName[a.Name] == nil { // a name that repeats stands for its first entry (R102)
			r.byName[a.Name] = a
		}
	}
	displays := 0
	for name, v := range b.Attributes {
		a := r.byName[name]
		if a == nil || a.Type != typeEnumeration {
			continue
		}
		text := fmt.Sprint(v)
		for _, x := range a.Values {
			if x.Name == x.DisplayName {
				continue
			}
			if text == x.DisplayName {
				displays++
			}
			if text == x.Name {
				displays--
			}
		}
	}
	r.display = displays > 0 // Supermicro: value name "1", shown and written as "Enabled"
	r.explain()
	return r
}

// names lists all attributes, for "did you mean".
func (r *registry) names() []string {
	if r.info == nil {
		return sortedKeys(r.current)
	}
	return sortedKeys(r.byName)
}

// typed turns a wanted value into the form that this host takes, or says what is wrong with it. Text is read as a
// number or a truth value where the registry asks for one.
func (r *registry) typed(name string, want any) (any, string) {
	a := r.byName[name]
	if a == nil {
		return r.likeCurrent(name, want)
	}
	switch a.Type {
	case typeEnumeration:
		return r.enumeration(a, want)
	case typeInteger:
		return integer(a, want)
	case typeBoolean:
		if v, ok := boolean(want); ok {
			return v, ""
		}
		return nil, fmt.Sprintf("%s is a Boolean: true or false, not %s", name, show(want))
	case typePassword:
		return nil, fmt.Sprintf("%s is a password; a blueprint sets none", name)
	default:
		return text(a, want)
	}
}

// likeCurrent checks a value where there is no registry: it must be of the type that the host shows now.
func (r *registry) likeCurrent(name string, want any) (any, string) {
	switch r.current[name].(type) {
	case bool:
		if v, ok := boolean(want); ok {
			return v, ""
		}
	case int64:
		if v, ok := whole(want); ok && v.IsInt64() {
			return v.Int64(), ""
		}
	case nil:
		return want, ""
	default:
		if s, ok := want.(string); ok {
			return s, ""
		}
	}
	return nil, fmt.Sprintf("%s is %s now; %s is of another type", name, show(r.current[name]), show(want))
}

// valueOf finds an allowed value by its name or its display name; -1 = none.
func valueOf(a *rack.RegistryAttribute, v any) int {
	s := fmt.Sprint(v)
	if i := slices.IndexFunc(a.Values, func(x rack.RegistryValue) bool { return x.Name == s }); i >= 0 {
		return i
	}
	return slices.IndexFunc(a.Values, func(x rack.RegistryValue) bool { return x.DisplayName != "" && x.DisplayName == s })
}

func (r *registry) enumeration(a *rack.RegistryAttribute, want any) (any, string) {
	i := valueOf(a, want)
	if i < 0 {
		var allowed []string
		for _, v := range a.Values {
			allowed = append(allowed, r.spell(a, v))
		}
		return nil, fmt.Sprintf("%s has no value %s; it takes %s.%s", a.Name, show(want), quotedOr(allowed),
			didYouMean(fmt.Sprint(want), allowed))
	}
	return r.spell(a, a.Values[i]), ""
}

// spell gives a value as this host shows and takes it: some show value names, some display names. The attribute's own
// present value tells best, then what the host does elsewhere.
func (r *registry) spell(a *rack.RegistryAttribute, v rack.RegistryValue) string {
	if v.DisplayName == "" || v.DisplayName == v.Name {
		return v.Name
	}
	now, ok := r.current[a.Name]
	if !ok {
		now, ok = r.pending[a.Name]
	}
	if ok && now != nil {
		s := fmt.Sprint(now)
		isName := slices.ContainsFunc(a.Values, func(x rack.RegistryValue) bool { return x.Name == s })
		isDisplay := slices.ContainsFunc(a.Values, func(x rack.RegistryValue) bool { return x.DisplayName == s })
		if isName != isDisplay {
			if isDisplay {
				return v.DisplayName
			}
			return v.Name
		}
	}
	if r.display {
		return v.DisplayName
	}
	return v.Name
}

func integer(a *rack.RegistryAttribute, want any) (any, string) {
	v, ok := whole(want)
	if !ok {
		return nil, fmt.Sprintf("%s is an Integer; %s is none", a.Name, show(want))
	}
	if a.LowerBound != nil && v.Cmp(a.LowerBound) < 0 {
		return nil, fmt.Sprintf("%s takes %s and more, not %s", a.Name, a.LowerBound, v)
	}
	// Bounds that cross are no bounds (GB200: 0 to -1, an unsigned maximum written as signed).
	crossed := a.UpperBound != nil && a.LowerBound != nil && a.UpperBound.Cmp(a.LowerBound) < 0
	if !crossed && a.UpperBound != nil && v.Cmp(a.UpperBound) > 0 {
		return nil, fmt.Sprintf("%s takes at most %s, not %s", a.Name, a.UpperBound, v)
	}
	if inc := a.Increment; inc != nil && inc.Sign() > 0 { // 0 means: not restricted (recorded on Dell)
		from := a.LowerBound
		if from == nil {
			from = new(big.Int)
		}
		if new(big.Int).Mod(new(big.Int).Sub(v, from), inc).Sign() != 0 {
			return nil, fmt.Sprintf("%s goes in steps of %s from %s; %s is between two", a.Name, inc, from, v)
		}
	}
	if !v.IsInt64() {
		return nil, fmt.Sprintf("%s = %s is larger than this version can send", a.Name, v)
	}
	return v.Int64(), ""
}

func text(a *rack.RegistryAttribute, want any) (any, string) {
	s, ok := want.(string)
	if !ok {
		s = fmt.Sprint(want)
	}
	n := utf8.RuneCountInString(s)
	if a.MinLength != nil && n < *a.MinLength {
		return nil, fmt.Sprintf("%s takes %d characters and more; %q has %d", a.Name, *a.MinLength, s, n)
	}
	if a.MaxLength != nil && *a.MaxLength > 0 && n > *a.MaxLength {
		return nil, fmt.Sprintf("%s takes at most %d characters; %q has %d", a.Name, *a.MaxLength, s, n)
	}
	// An expression that RE2 cannot read (look-ahead) refuses nothing: the BMC will.
	if re, err := regexp.Compile(a.Expression); a.Expression != "" && err == nil && !re.MatchString(s) {
		return nil, fmt.Sprintf("%s does not take %q; it must match %s", a.Name, s, a.Expression)
	}
	return s, ""
}

// same compares two values of one attribute as the attribute's type does (H18: never an int with a float).
func (r *registry) same(name string, x, y any) bool {
	if x == nil || y == nil {
		return x == nil && y == nil
	}
	a := r.byName[name]
	kind := ""
	if a != nil {
		kind = a.Type
	}
	switch kind {
	case typeEnumeration:
		i, j := valueOf(a, x), valueOf(a, y)
		if i >= 0 && j >= 0 {
			return i == j
		}
	case typeBoolean:
		p, ok1 := boolean(x)
		q, ok2 := boolean(y)
		if ok1 && ok2 {
			return p == q
		}
	case typeString, typePassword:
		return fmt.Sprint(x) == fmt.Sprint(y)
	}
	p, ok1 := whole(x)
	q, ok2 := whole(y)
	if ok1 && ok2 {
		return p.Cmp(q) == 0
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

// whole reads a whole number of any size.
func whole(v any) (*big.Int, bool) {
	switch x := v.(type) {
	case int64:
		return big.NewInt(x), true
	case int:
		return big.NewInt(int64(x)), true
	case float64:
		f := big.NewFloat(x)
		if !f.IsInt() {
			return nil, false
		}
		i, _ := f.Int(nil)
		return i, true
	case *big.Int:
		return x, true
	case string:
		return new(big.Int).SetString(strings.TrimSpace(x), 10)
	default:
		return nil, false
	}
}

// boolean reads a truth value, also one that is written as text (AMI: "true").
func boolean(v any) (value, ok bool) {
	switch x := v.(type) {
	case bool:
		return x, true
	case string:
		switch strings.ToLower(x) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	return false, false
}

// show writes a value for people.
func show(v any) string {
	switch x := v.(type) {
	case nil:
		return "not set"
	case string:
		return fmt.Sprintf("%q", x)
	default:
		return fmt.Sprint(x)
	}
}
