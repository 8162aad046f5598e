package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/step"
)

// secondBatch is the key of the attributes that are staged only when the others run.
const secondBatch = "bios:after"

// splitBatches finds what can be written only after another wanted attribute has been applied: an attribute that the host
// hides until then, or, on a platform that holds its rules against what runs, one that is closed until then.
func (p *biosBuild) splitBatches(after outcome) {
	now := p.now()
	p.second = map[string]string{}
	for _, name := range sortedKeys(p.set) {
		was, will := now.states[name], after.states[name]
		if was == nil || will == nil || !now.settled {
			continue
		}
		for _, f := range []struct {
			is   property
			word string
		}{{propHidden, "appears"}, {propReadOnly, "becomes writable"}, {propGrayOut, "becomes writable"}} {
			hides := f.is == propHidden && slices.Contains(p.unshown, name)
			if was.flags[f.is] != yes || will.flags[f.is] == yes || !hides && p.hw.BIOSJudges != "current" {
				continue
			}
			p.second[name] = fmt.Sprintf("%s %s only when %s", name, f.word, p.opener(was.rules[f.is]))
			break
		}
	}
	if len(p.second) == len(p.set) {
		p.second = nil // nothing else changes: what opens them waits already, or runs
	}
}

// opener names the wanted values that make a rule stop to hold.
func (p *biosBuild) opener(rule int) string {
	var parts []string
	if rule > 0 {
		for _, t := range p.b.RegistryDoc.Dependencies[rule-1].Terms {
			if v, ok := p.set[t.Attribute]; ok {
				parts = append(parts, fmt.Sprintf("%s = %s", t.Attribute, show(v)))
			}
		}
	}
	if len(parts) == 0 {
		return "the others run"
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), " and ") + " runs"
}

// stage adds the step that stages all attributes that differ, and a second one for those that must wait for it.
func (p *biosBuild) stage(origin diag.Origin) {
	if p.b.SettingsPath == "" {
		p.block("bios.settings", "BIOS settings unsupported on this BMC",
			"The BIOS resource names no settings object, so nothing can be staged.", origin)
		return
	}
	first := without(sortedKeys(p.set), sortedKeys(p.second))
	c := p.batch(string(step.BIOS), first, origin)
	p.afterFirmware(c, origin)
	if p.reset {
		c.after = append(c.after, string(step.BIOSReset))
		c.step.Args.AfterReset = true
	}
	p.add(c)
	if len(p.second) == 0 {
		return
	}
	var why []string
	for _, name := range sortedKeys(p.second) {
		why = append(why, p.second[name])
	}
	later := p.batch(secondBatch, sortedKeys(p.second), origin)
	later.needs = append(later.needs, need{string(step.BIOS), strings.Join(why, "; ")})
	later.step.Why += "; " + why[0]
	if len(why) > 1 {
		later.step.Why += fmt.Sprintf(" (and %d more)", len(why)-1)
	}
	p.add(later)
}

// batch is one step for some of the attributes that differ.
func (p *biosBuild) batch(key string, names []string, origin diag.Origin) *change {
	why := plural(len(names), "attribute") + " differ"
	if len(names) == 1 {
		origin = originOr(p.wanted[names[0]].Origin, origin)
		why = "1 attribute differs"
	}
	if p.node.BIOS.Profile != "" {
		why += " (profile " + p.node.BIOS.Profile + ")"
	}
	class, apply := step.HostReset, ""
	if slices.Contains(p.b.ApplyTimes, "OnReset") {
		apply = "OnReset"
	}
	silent := 0
	expect, want := step.Facts{}, step.Facts{}
	for _, name := range names {
		want[name] = p.set[name]
		if !slices.Contains(p.unshown, name) {
			expect[name] = p.expect[name]
		}
		if p.isSilent(name, p.set[name]) {
			silent++
		}
	}
	if silent == len(names) && !p.reset {
		class = step.None
		if p.immediate() {
			apply = "Immediate"
		}
	}
	if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(p.dpuByBIOS, n) }) {
		class = step.AuxCycle
		why += "; a mode flip of a DPU is real after a cold cycle (R65)"
	}
	var once []string
	for _, name := range p.once {
		if slices.Contains(names, name) {
			once = append(once, name)
			act := p.act(ActTPMClear)
			why += fmt.Sprintf("; the TPM is cleared, agreed by %s: %s", act.Owner, act.Reason)
		}
	}
	return &change{key: key, step: step.Step{
		Kind: step.BIOS, Activation: class, Expect: expect, Want: want, Origin: origin, Why: why, EstimatedS: settingsS,
		Args: step.Args{Path: p.b.SettingsPath, ApplyTime: apply, Once: once},
	}}
}

// afterFirmware puts a change behind a flash that would wipe it.
func (p *biosBuild) afterFirmware(c *change, origin diag.Origin) {
	fw := p.biosFirmware()
	if fw == nil || fw.step.Args.PreserveNVRM {
		return
	}
	c.needs = append(c.needs, need{fw.key, "its flash clears NVRAM, so settings that are staged before it are lost"})
	p.warn("bios.nvram", "The flash resets the BIOS settings", fmt.Sprintf(
		"The baseline says that BIOS %v does not keep NVRAM: attributes that are as wanted now may differ afterwards; "+
			"the next plan shows and repairs them.",
		fw.step.Want["version"]), origin)
}
