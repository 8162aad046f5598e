package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// tri is a truth value that may be unknown: a rule about an attribute that the registry does not have decides nothing
// (R102).
type tri int8

const (
	no      tri = -1
	unknown tri = 0
	yes     tri = 1
)

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

// maxPasses bounds the fixpoint. Rules of the recorded registries settle in at most 4 passes; ones that chase each
// other never do.
const maxPasses = 64

// property is what a rule sets or asks (DSP0268 AttributeRegistry, MapToProperty). Others do not bear on writing.
type property uint8

const (
	propCurrent property = iota
	propReadOnly
	propGrayOut
	propHidden
	properties
	propOther
)

var propertyNames = map[string]property{
	"CurrentValue": propCurrent, "ReadOnly": propReadOnly, "Readonly": propReadOnly, "GrayOut": propGrayOut, "Hidden": propHidden,
}

func propertyOf(name string) property {
	if p, ok := propertyNames[name]; ok {
		return p
	}
	return propOther
}

// attrState is one attribute while rules are applied. It is comparable.
type attrState struct {
	value  any  // string, bool or number; nil = not known
	fuzzy  bool // an undecidable rule might change the value
	flags  [properties]tri
	rules  [properties]int // 1 + index of the rule that decided, 0 = none did
	forced any             // what a rule would make of a wanted attribute, nil = nothing
}

// outcome is the state of all attributes after the rules.
type outcome struct {
	states  map[string]*attrState
	settled bool
}

// settle applies all rules to a fixpoint over desired over pending over current over default values (redfish.md §6.2).
// The values in want are held: a rule that would change one is noted and does not change it.
func (r *registry) settle(want map[string]any) outcome {
	prev := r.base(want)
	for range maxPasses {
		next := r.base(want)
		for i, dep := range r.info.Dependencies {
			if target := next[dep.Target]; target != nil {
				_, held := want[dep.Target]
				r.apply(i, dep, target, held, r.truth(dep, prev))
			}
		}
		if sameStates(prev, next) {
			return outcome{next, true}
		}
		prev = next
	}
	return outcome{prev, false}
}

func sameStates(a, b map[string]*attrState) bool {
	for name, x := range a {
		if *x != *b[name] {
			return false
		}
	}
	return true
}

// base is the state before any rule.
func (r *registry) base(want map[string]any) map[string]*attrState {
	out := make(map[string]*attrState, len(r.byName))
	for name, a := range r.byName {
		flags, ok := r.flags[name]
		if !ok {
			flags = staticFlags(a)
		}
		out[name] = &attrState{value: scalar(r.effective(name, want)), flags: flags}
	}
	return out
}

func staticFlags(a *rack.RegistryAttribute) [properties]tri {
	return [properties]tri{propReadOnly: triOf(a.ReadOnly), propGrayOut: triOf(a.GrayOut), propHidden: triOf(a.Hidden)}
}

// explain finds which flags of the registry only repeat what its rules say now. Dell and Supermicro write their
// registry from the present state: an attribute that a rule closes at present is also marked read-only or hidden itself
// (recorded: 153 of Dell's, 63 of Supermicro's), and opens when the rule no longer holds. A flag that no rule explains
// stays.
func (r *registry) explain() {
	if r.info == nil {
		return
	}
	ruled := map[string]*[properties]bool{}
	for _, dep := range r.info.Dependencies {
		if p := propertyOf(dep.Property); p < properties && r.byName[dep.Target] != nil {
			if ruled[dep.Target] == nil {
				ruled[dep.Target] = &[properties]bool{}
			}
			ruled[dep.Target][p] = true
		}
	}
	r.flags = map[string][properties]tri{}
	for name, props := range ruled {
		flags := staticFlags(r.byName[name])
		for p := range props {
			if props[p] {
				flags[p] = no
			}
		}
		r.flags[name] = flags
	}
	now := r.settle(map[string]any{})
	for name, props := range ruled {
		static, flags := staticFlags(r.byName[name]), r.flags[name]
		for p := propReadOnly; p < properties; p++ {
			switch {
			case !props[p] || static[p] != yes:
			case !now.settled || now.states[name].flags[p] == no:
				flags[p] = yes // not explained
			default:
				flags[p] = -now.states[name].flags[p] // explained: open without its rule; perhaps explained: unknown
			}
		}
		r.flags[name] = flags
	}
}

// scalar drops what no rule can be about.
func scalar(v any) any {
	switch v.(type) {
	case string, bool, int64, float64:
		return v
	default:
		return nil
	}
}

// effective is the value an attribute would have after the next boot, before any rule.
func (r *registry) effective(name string, want map[string]any) any {
	if v, ok := want[name]; ok {
		return v
	}
	if v, ok := r.pending[name]; ok && v != nil {
		return v
	}
	if v, ok := r.current[name]; ok && v != nil {
		return v
	}
	return r.byName[name].Default
}

// apply lets one rule act on its target.
func (r *registry) apply(i int, dep rack.RegistryDependency, target *attrState, held bool, truth tri) {
	if truth == no {
		return
	}
	p := propertyOf(dep.Property)
	if p == propCurrent {
		differs := !r.same(dep.Target, target.value, dep.Value)
		switch {
		case held && differs && truth == yes:
			target.forced = scalar(dep.Value)
			target.rules[p] = i + 1
		case held || !differs:
		case truth == yes:
			target.value, target.fuzzy = scalar(dep.Value), false
			target.rules[p] = i + 1
		default:
			target.fuzzy = true
		}
		return
	}
	value, ok := boolean(dep.Value)
	if !ok || p == propOther || target.flags[p] == triOf(value) {
		return
	}
	if truth == yes {
		target.flags[p] = triOf(value)
		target.rules[p] = i + 1
	} else {
		target.flags[p] = unknown
	}
}

// truth evaluates the terms of a rule, left to right, as a stack: each term is pushed, then the operators that stand on
// it join what is on the stack. For plain lists that is left to right; Supermicro writes groups so ("OR,AND" on the
// last term).
func (r *registry) truth(dep rack.RegistryDependency, states map[string]*attrState) tri {
	var stack []tri
	for i, op := range operators(dep.Terms) {
		stack = append(stack, r.term(dep.Terms[i], states))
		for _, o := range op {
			if len(stack) < 2 {
				return unknown
			}
			x, y := stack[len(stack)-2], stack[len(stack)-1]
			stack = append(stack[:len(stack)-2], join(o, x, y))
		}
	}
	if len(stack) == 0 {
		return unknown
	}
	out := stack[0]
	for _, t := range stack[1:] {
		switch {
		case r.missingIs != "":
			out = join(r.missingIs, out, t)
		case out != t:
			return unknown // AND or OR is not said, and it would matter
		}
	}
	return out
}

// operators gives the operators that stand on each term. Lenovo writes them on the earlier of two terms, all others on
// the later one.
func operators(terms []rack.RegistryTerm) [][]string {
	out := make([][]string, len(terms))
	for i, t := range terms {
		for _, o := range strings.Split(t.Term, ",") {
			if o = strings.ToUpper(strings.TrimSpace(o)); o != "" {
				out[i] = append(out[i], o)
			}
		}
	}
	if n := len(out); n > 1 && len(out[0]) > 0 && len(out[n-1]) == 0 {
		out = append([][]string{nil}, out[:n-1]...)
	}
	return out
}

func join(op string, x, y tri) tri {
	switch op {
	case "AND":
		return min(x, y)
	case "OR":
		return max(x, y)
	default:
		return unknown
	}
}

// term evaluates one condition.
func (r *registry) term(t rack.RegistryTerm, states map[string]*attrState) tri {
	s := states[t.Attribute]
	if s == nil || t.Value == nil {
		return unknown
	}
	switch p := propertyOf(t.Property); p {
	case propOther:
		return unknown
	case propReadOnly, propGrayOut, propHidden:
		want, isBool := boolean(t.Value)
		if !isBool || s.flags[p] == unknown {
			return unknown
		}
		return condition(t.Condition, triOf(s.flags[p] == triOf(want)), unknown)
	}
	if s.value == nil || s.fuzzy {
		return unknown
	}
	x, ok1 := whole(s.value)
	y, ok2 := whole(t.Value)
	order := unknown
	if ok1 && ok2 {
		return condition(t.Condition, triOf(r.same(t.Attribute, s.value, t.Value)), tri(x.Cmp(y))+orderKnown)
	}
	return condition(t.Condition, triOf(r.same(t.Attribute, s.value, t.Value)), order)
}

// orderKnown shifts a comparison of -1, 0, 1 away from "unknown", which is 0.
const orderKnown tri = 10

func condition(name string, equal, order tri) tri {
	switch name {
	case "EQU":
		return equal
	case "NEQ":
		return -equal
	}
	if order == unknown {
		return unknown
	}
	d := order - orderKnown
	switch name {
	case "GTR":
		return triOf(d > 0)
	case "GEQ":
		return triOf(d >= 0)
	case "LSS":
		return triOf(d < 0)
	case "LEQ":
		return triOf(d <= 0)
	default:
		return unknown
	}
}

// roots finds the wanted attributes that make a rule hold, through rules that act in between.
func (r *registry) roots(rule int, out outcome, want map[string]any) []string {
	found, seen := map[string]bool{}, map[int]bool{}
	var walk func(int)
	walk = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, t := range r.info.Dependencies[i].Terms {
			if _, ok := want[t.Attribute]; ok {
				found[t.Attribute] = true
			} else if s := out.states[t.Attribute]; s != nil {
				if next := s.rules[propCurrent]; next > 0 {
					walk(next - 1)
				}
			}
		}
	}
	walk(rule)
	delete(found, r.info.Dependencies[rule].Target)
	return sortedKeys(found)
}

// ruleText writes a rule for people.
func ruleText(dep rack.RegistryDependency) string {
	var terms []string
	for i, op := range operators(dep.Terms) {
		t := dep.Terms[i]
		text := fmt.Sprintf("%s %s %s", t.Attribute, t.Condition, show(t.Value))
		if len(op) > 0 {
			text = strings.Join(op, ",") + " " + text
		}
		terms = append(terms, text)
	}
	return fmt.Sprintf("%s => %s.%s = %s", strings.Join(terms, ", "), dep.Target, dep.Property, show(dep.Value))
}

// sideEffects lists attributes that nobody asked for and that follow from what is wanted.
func (r *registry) sideEffects(before, after outcome, want map[string]any) []string {
	var out []string
	for name, s := range after.states {
		if _, ok := want[name]; ok || s.fuzzy {
			continue
		}
		rule := s.rules[propCurrent]
		if rule == 0 || r.same(name, s.value, before.states[name].value) {
			continue
		}
		if roots := r.roots(rule-1, after, want); len(roots) > 0 {
			out = append(out, fmt.Sprintf("%s becomes %s, because of %s", name, show(s.value), strings.Join(roots, ", ")))
		}
	}
	slices.Sort(out)
	return out
}
