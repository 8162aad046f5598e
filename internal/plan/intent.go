package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// fromIntent marks where an attribute comes from, in its BIOSValue.
const fromIntent = "intent "

// resolveIntents gives the attributes that are wanted: those of the intents in the spelling of the node's own registry,
// overlaid with those that are written by name. What the registry does not offer is named.
func (p *biosBuild) resolveIntents(spec *rack.BIOSSpec) map[string]rack.BIOSValue {
	out := map[string]rack.BIOSValue{}
	for _, i := range spec.Intents {
		def, ok := p.d.BIOSIntents[i.Name]
		if !ok {
			p.block("bios.intent", "Unknown BIOS intent", fmt.Sprintf("The design does not say what %s means.", i.Name), i.Origin)
			continue
		}
		offer, problem := p.offer(def, i.Value)
		if problem != "" {
			p.missing(spec, i, problem)
			continue
		}
		for _, name := range sortedKeys(offer.Set) {
			v := rack.BIOSValue{Value: offer.Set[name], From: fromIntent + i.Name + " = " + i.Value, Origin: originOr(i.Origin, spec.Origin)}
			if i.From != "" {
				v.From += " of " + i.From
			}
			if had, twice := out[name]; twice && !p.r.same(name, had.Value, v.Value) {
				p.missing(spec, i, fmt.Sprintf("it would make %s %s, and %s makes it %s", name, show(v.Value), had.From, show(had.Value)))
				continue
			}
			out[name] = v
		}
	}
	maps.Copy(out, spec.Attributes)
	for _, name := range spec.Leave {
		delete(out, name)
	}
	return out
}

// missing says that an intent is not kept: an error where the blueprint is strict.
func (n *nodeBuild) missing(spec *rack.BIOSSpec, i rack.BIOSIntent, problem string) {
	detail := fmt.Sprintf("%s = %s is not kept on this node: %s.", i.Name, i.Value, problem)
	if spec.Strict {
		n.block("bios.intent", "BIOS intent not offered", detail+" The blueprint is strict; leave the intent out, or set strict = false.",
			originOr(i.Origin, spec.Origin))
		return
	}
	n.warn("bios.intent", "BIOS intent not offered", detail, originOr(i.Origin, spec.Origin))
}

// offer finds the first way to a value that this registry takes, or says why there is none.
func (p *biosBuild) offer(def rack.BIOSIntentDef, value string) (rack.BIOSOffer, string) {
	near := ""
	for _, o := range def.Offers {
		if o.Value != value {
			continue
		}
		names := sortedKeys(o.Set)
		has := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !p.offered(n) })
		if len(has) == len(names) {
			if bad := p.refuses(o); bad == "" {
				return o, ""
			} else if near == "" {
				near = bad
			}
		}
		if len(has) > 0 && near == "" {
			near = fmt.Sprintf("it has %s and lacks %s", strings.Join(has, ", "), strings.Join(without(names, has), ", "))
		}
	}
	if near != "" {
		return rack.BIOSOffer{}, fmt.Sprintf("%s does not take it: %s", p.registryName(), near)
	}
	var others []string
	for _, v := range def.Values() {
		if v == value {
			continue
		}
		for _, o := range def.Offers {
			if o.Value == v && !slices.ContainsFunc(sortedKeys(o.Set), func(n string) bool { return !p.offered(n) }) {
				others = append(others, v)
				break
			}
		}
	}
	if len(others) > 0 {
		return rack.BIOSOffer{}, fmt.Sprintf("%s offers %s for it", p.registryName(), quotedOr(others))
	}
	return rack.BIOSOffer{}, fmt.Sprintf("%s has no attribute for it", p.registryName())
}

// offered tells whether a registry has an attribute that this host shows, or hides only for now.
func (p *biosBuild) offered(name string) bool {
	_, shown := p.b.Attributes[name]
	a := p.r.byName[name]
	return shown || a != nil && (a.Hidden || p.hiddenNow(name))
}

// hiddenNow tells whether a rule of the registry hides an attribute as things are.
func (p *biosBuild) hiddenNow(name string) bool {
	if p.b.RegistryDoc == nil {
		return false
	}
	now := p.now()
	return now.settled && now.states[name] != nil && now.states[name].flags[propHidden] == yes
}

// now is what the rules make of what runs, whatever waits.
func (p *biosBuild) now() *outcome {
	if p.before == nil {
		waits := p.r.pending
		p.r.pending = nil
		o := p.r.settle(map[string]any{})
		p.r.pending = waits
		p.before = &o
	}
	return p.before
}

// refuses says what is wrong with the values of an offer, or "".
func (p *biosBuild) refuses(o rack.BIOSOffer) string {
	for _, name := range sortedKeys(o.Set) {
		if current, shown := p.b.Attributes[name]; shown && p.r.same(name, current, o.Set[name]) {
			continue
		}
		if _, problem := p.r.typed(name, o.Set[name]); problem != "" {
			return problem
		}
	}
	return ""
}

func without(list, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(gone, s) })
}

// yields tells whether an attribute gives way to a rule instead of being an error: what an intent asks for, unless the
// blueprint is strict, and what is only wanted because it was so (drift).
func (p *biosBuild) yields(v rack.BIOSValue) bool {
	return strings.HasPrefix(v.From, fromSnapshot) || strings.HasPrefix(v.From, fromIntent) && !p.node.BIOS.Strict
}

// giveWay takes an attribute out of what is staged, because a rule decides it.
func (p *biosBuild) giveWay(name string, v rack.BIOSValue, why string) {
	if _, differs := p.set[name]; differs && strings.HasPrefix(v.From, fromIntent) {
		p.warn("bios.intent", "BIOS intent not kept", fmt.Sprintf("%s is not set to %s: %s.%s", name, show(v.Value), why, by(v)), v.Origin)
	}
	p.drop(name)
}

func (p *biosBuild) drop(name string) {
	if v, ok := p.set[name]; ok && p.isSilent(name, v) {
		p.silent--
	}
	delete(p.set, name)
	delete(p.expect, name)
}

// follow drops from what is staged every attribute of an intent that comes true by itself: a profile of the vendor that is
// wanted too sets it, and would not let it be written.
func (p *biosBuild) follow(wanted map[string]rack.BIOSValue) {
	for _, name := range sortedKeys(p.set) {
		if !p.yields(wanted[name]) {
			continue
		}
		rest := maps.Clone(p.want)
		delete(rest, name)
		out := p.r.settle(rest)
		if s := out.states[name]; out.settled && s != nil && s.rules[propCurrent] > 0 && p.r.same(name, s.value, p.want[name]) {
			p.drop(name)
		}
	}
}
