package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// fromSnapshot marks an attribute that is wanted because it was so after the last clean apply.
const fromSnapshot = "the last clean apply"

// planReset plans to put back to its default everything that nobody names, where anything of it is not. Whether it is
// needed is told by the state, so a setup that is at its defaults already costs nothing.
func (p *biosBuild) planReset(origin diag.Origin) {
	spec := p.node.BIOS
	if spec.Reset == nil || p.stopped {
		return
	}
	origin = originOr(spec.Reset.Origin, origin)
	if p.b.RegistryDoc == nil {
		p.unreadable("bios.reset", "Defaults not readable", "Which values are the defaults stands in the attribute registry."+
			because(p.gapsNamed("registries")), origin)
		return
	}
	want, expect := p.defaults()
	if len(want) == 0 {
		if n := p.settable(); n > 0 && !p.tellsDefaults() { // recorded on R750 and BlueField-3: no entry has a DefaultValue
			p.block("bios.defaults", "Defaults not told", fmt.Sprintf("%s tells no default of any of its %s that can be set, so nobody can say what "+
				"differs from it. Name the attributes that count, or reset the setup by hand.", p.registryName(), plural(n, "attribute")), origin)
		}
		return
	}
	if p.b.ResetAction == "" {
		p.block("bios.reset", "Reset to defaults unsupported on this BMC", fmt.Sprintf(
			"%s differ from their defaults, and the BIOS resource has no Bios.ResetBios. Name the attributes instead.",
			plural(len(want), "attribute")), origin)
		return
	}
	p.reset = true
	for _, name := range sortedKeys(p.want) { // the reset takes away what is as wanted by now, too
		if _, staged := p.set[name]; !staged && p.defaultOf(name) != nil && !p.r.same(name, p.defaultOf(name), p.want[name]) && !p.static(name) {
			p.set[name], p.expect[name] = p.want[name], p.b.Attributes[name]
		}
	}
	c := &change{key: string(step.BIOSReset), step: step.Step{
		Kind: step.BIOSReset, Activation: step.HostReset, Expect: expect, Want: want, EstimatedS: settingsS, Origin: origin,
		Why:  fmt.Sprintf("%s to the default, agreed by %s: %s", plural(len(want), "attribute"), spec.Reset.Owner, spec.Reset.Reason),
		Args: step.Args{Path: p.b.ResetAction},
	}}
	p.afterFirmware(c, origin)
	p.add(c)
}

// settable counts the attributes that this host shows and lets be set.
func (p *biosBuild) settable() int {
	n := 0
	for name := range p.b.Attributes {
		if !p.static(name) {
			n++
		}
	}
	return n
}

// tellsDefaults tells whether the registry has the default of any attribute that can be set.
func (p *biosBuild) tellsDefaults() bool {
	for name := range p.b.Attributes {
		if !p.static(name) && scalar(p.defaultOf(name)) != nil {
			return true
		}
	}
	return false
}

// defaults gives what is not as it would be after a reset with what is wanted on top, and what it is now.
func (p *biosBuild) defaults() (want, expect step.Facts) {
	want, expect = step.Facts{}, step.Facts{}
	fresh := *p.r
	fresh.current, fresh.pending = maps.Clone(p.r.current), nil
	for name, a := range p.r.byName {
		if d := scalar(a.Default); d != nil && !p.static(name) {
			fresh.current[name] = d
		}
	}
	out := fresh.settle(p.want)
	for _, name := range sortedKeys(p.r.byName) {
		current, shown := p.b.Attributes[name]
		_, named := p.want[name]
		s := out.states[name]
		if !shown || named || p.static(name) || slices.Contains(p.node.BIOS.Leave, name) || scalar(p.r.byName[name].Default) == nil ||
			!out.settled || s.fuzzy || s.value == nil || p.r.same(name, current, s.value) {
			continue
		}
		value, problem := p.r.typed(name, s.value)
		if problem != "" {
			continue // a default that the registry itself does not allow
		}
		want[name], expect[name] = value, current
	}
	return want, expect
}

func (p *biosBuild) defaultOf(name string) any {
	if a := p.r.byName[name]; a != nil {
		return a.Default
	}
	return nil
}

// static tells whether an attribute can never be written: it only tells something.
func (p *biosBuild) static(name string) bool {
	a := p.r.byName[name]
	return a == nil || a.Immutable || a.WriteOnly || a.Type == typePassword || p.r.base(nil)[name].flags[propReadOnly] == yes
}

// addSnapshot adds what was so after the last clean apply and is not any more, as far as the drift of the blueprint goes.
func (p *biosBuild) addSnapshot(spec *rack.BIOSSpec, wanted map[string]rack.BIOSValue) {
	if spec.Drift == nil || spec.Drift.Scope == rack.DriftDeclared || spec.Reset != nil {
		return
	}
	for _, name := range spec.Drift.Names {
		if _, shown := p.b.Attributes[name]; !shown && p.r.byName[name] == nil {
			p.unknownAttribute(name, spec.Origin)
		}
	}
	was, ok := p.opt.Setups[p.node.Name]
	if !ok {
		p.warn("bios.drift", "Nothing to compare with", fmt.Sprintf(
			"drift = %q compares with the setup after the last clean apply, and there is none yet on record.", spec.Drift.Scope), spec.Origin)
		return
	}
	for _, name := range sortedKeys(was) {
		current, shown := p.b.Attributes[name]
		_, named := wanted[name]
		chosen := spec.Drift.Scope == rack.DriftAll || slices.Contains(spec.Drift.Names, name)
		if named || !chosen || !shown || was[name] == nil || slices.Contains(spec.Leave, name) || p.static(name) ||
			p.r.same(name, current, was[name]) {
			continue
		}
		wanted[name] = rack.BIOSValue{Value: was[name], From: fromSnapshot, Origin: spec.Origin}
	}
}
