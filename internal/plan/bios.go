package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// planBIOS compares wanted attributes with what runs and with what is already staged (redfish.md §6.1, §6.2).
func (n *nodeBuild) planBIOS() {
	spec := n.node.BIOS
	if spec == nil || len(spec.Attributes)+len(spec.Intents) == 0 && spec.Reset == nil && spec.Drift == nil && n.act(ActTPMClear) == nil {
		return
	}
	b := n.sys.BIOS
	origin := originOr(spec.Origin, n.node.Origin)
	if b == nil {
		if gaps := n.gapsNamed("bios"); len(gaps) > 0 {
			n.unreadable("bios.read", "BIOS settings not readable", "The BIOS of this host was not seen."+because(gaps), origin)
			return
		}
		n.block("bios.none", "No BIOS settings", "This host has no BIOS settings that its BMC can show.", origin)
		return
	}
	if gaps := n.gapsAt(b.Path, b.SettingsPath); len(gaps) > 0 {
		n.unreadable("bios.read", "BIOS settings not readable",
			"What runs or what waits for a reset was not read completely."+because(gaps), origin)
		return
	}
	p := biosBuild{nodeBuild: n, b: b, r: newRegistry(b, n.missingTermIs()),
		want: map[string]any{}, expect: step.Facts{}, set: step.Facts{}}
	if b.RegistryDoc == nil {
		n.warn("bios.registry", "No attribute registry", "Values are only held against the attributes that the host shows."+
			because(n.gapsNamed("registries")), origin)
	}
	wanted := p.resolveIntents(spec)
	p.addSnapshot(spec, wanted)
	p.wanted = wanted
	for _, name := range sortedKeys(wanted) {
		p.attribute(name, wanted[name])
	}
	if b.RegistryDoc != nil {
		p.follow(wanted)
		p.dependencies(wanted)
	}
	p.foreignPending()
	p.clearTPM()
	p.planReset(origin)
	p.unfinishedDestroy(origin)
	if len(p.set) > 0 && !n.stopped {
		p.stage(origin)
	}
}

// missingTermIs is what a rule means that joins several terms by nothing. Dell writes so and means OR: it lists
// conditions that could never hold together (redfish.md §6.2, inferred).
func (n *nodeBuild) missingTermIs() string {
	if n.dev.BMC.Dialect == "idrac" || strings.HasPrefix(n.dev.BMC.Vendor, "Dell") {
		return "OR"
	}
	return ""
}

// biosBuild is the attributes of one host.
type biosBuild struct {
	*nodeBuild
	b       *rack.BIOS
	r       *registry
	want    map[string]any // as the host takes them, for all attributes that passed
	expect  step.Facts     // of those that differ
	set     step.Facts
	wanted  map[string]rack.BIOSValue // intents resolved, drift added
	before  *outcome                  // the rules as things are, once asked for
	once    []string                  // attributes of set that fall back by themselves after one start
	reset   bool                      // everything else goes back to its default in the same boot
	second  map[string]string         // attributes of set that can be written only after the others run, and why
	unshown []string                  // attributes of set that the registry has and the host does not show now
	silent  int                       // attributes of set that need no reset
}

// attribute checks one wanted value and notes it when it differs.
func (p *biosBuild) attribute(name string, v rack.BIOSValue) {
	origin := originOr(v.Origin, p.node.BIOS.Origin)
	a := p.r.byName[name]
	current, shown := p.b.Attributes[name]
	if a == nil && !shown {
		p.unknownAttribute(name, origin)
		return
	}
	if a == nil && p.b.RegistryDoc != nil {
		p.warn("bios.unregistered", "Attribute without a registry entry",
			fmt.Sprintf("%s is shown by the host and is not in %s; its value is not checked.", name, p.registryName()), origin)
	}
	secret := a != nil && (a.Type == typePassword || a.WriteOnly)
	pending, waits := p.b.Pending[name]
	if !waits || pending == nil {
		pending = current
	}
	entered := waits && p.b.PendingJob != "" && p.r.same(name, current, v.Value) && p.r.same(name, pending, v.Value)
	if !secret && !entered && shown && p.r.same(name, current, v.Value) && p.r.same(name, pending, v.Value) {
		p.want[name] = current // as wanted, even where the registry would not take it (recorded on DGX H100 and GB200)
		return
	}
	value, problem := p.r.typed(name, v.Value)
	if problem != "" {
		p.block("bios.value", "BIOS value not allowed", sentence(problem)+p.help(name)+by(v), origin)
		return
	}
	if secret {
		p.warn("bios.write_only", "Write-only attribute", name+" cannot be read back, so it is not set by this version.", origin)
		return
	}
	p.want[name] = value
	if a != nil && a.Immutable {
		p.block("bios.read_only", "BIOS attribute not writable", fmt.Sprintf("%s is immutable; it is %s and %s is wanted.",
			name, show(current), show(value)), origin)
		return
	}
	if !shown {
		p.unshown = append(p.unshown, name)
	}
	p.expect[name], p.set[name] = current, value
	if p.isSilent(name, value) {
		p.silent++
	}
}

// isSilent tells whether setting an attribute needs no reset: it only takes back what somebody else has staged, or takes
// effect at once. A value that is shown as current and waits in a live job all the same is not current (R55).
func (p *biosBuild) isSilent(name string, value any) bool {
	a := p.r.byName[name]
	if pending, waits := p.b.Pending[name]; waits && p.b.PendingJob != "" && p.r.same(name, pending, value) {
		return false
	}
	return p.r.same(name, p.b.Attributes[name], value) || p.immediate() && a != nil && a.ResetRequired != nil && !*a.ResetRequired
}

// help is the registry's own text about an attribute, shortened, as a sentence with a leading space.
func (p *biosBuild) help(name string) string {
	a := p.r.byName[name]
	if a == nil {
		return ""
	}
	text := strings.Join(strings.Fields(a.Help), " ")
	if text == "" {
		return ""
	}
	const most = 200
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return fmt.Sprintf(" The registry says of it: %q.", text)
}

// immediate tells whether this BMC applies settings without a reset when asked to. ResetRequired: false alone is not
// enough: where no apply time is offered, what is in the settings object waits for a reset all the same.
func (p *biosBuild) immediate() bool { return slices.Contains(p.b.ApplyTimes, "Immediate") }

// unknownAttribute blocks, unless a new BIOS is on its way that may know the name.
func (p *biosBuild) unknownAttribute(name string, origin diag.Origin) {
	guess := didYouMean(name, p.r.names())
	if fw := p.biosFirmware(); fw != nil && guess == "" {
		p.later("bios.unknown", "Attribute waits for the new BIOS", fmt.Sprintf(
			"%s is not an attribute of %s; it is looked for again when BIOS %v runs, which then costs a reset of its own.",
			name, p.registryName(), fw.step.Want["version"]), origin)
		return
	}
	p.block("bios.unknown", "Unknown BIOS attribute",
		fmt.Sprintf("%q is not an attribute of %s (%s).%s", name, p.registryName(), plural(len(p.r.names()), "attribute"), guess), origin)
}

func (p *biosBuild) registryName() string {
	name := "this BIOS"
	if p.sys.BIOSVersion != "" {
		name = "BIOS " + p.sys.BIOSVersion
	}
	if p.b.RegistryDoc != nil && p.b.RegistryDoc.ID != "" {
		name += ", registry " + p.b.RegistryDoc.ID
	}
	return name
}

// dependencies holds the wanted state against the registry's rules. What already is as wanted is an error only where a
// wanted change would move it.
func (p *biosBuild) dependencies(wanted map[string]rack.BIOSValue) {
	before, after := p.r.settle(map[string]any{}), p.r.settle(p.want)
	if !after.settled {
		p.warn("bios.rules", "Registry rules do not settle",
			"Rules of "+p.registryName()+" change each other without end; they are not held against the wanted values.", p.node.BIOS.Origin)
		return
	}
	for _, name := range sortedKeys(p.want) {
		s := after.states[name]
		if s == nil || p.absent(name, after, wanted[name]) {
			continue
		}
		origin := originOr(wanted[name].Origin, p.node.BIOS.Origin)
		_, changes := p.set[name]
		if rule := s.rules[propCurrent]; s.forced != nil && rule > 0 && (changes || before.states[name].rules[propCurrent] == 0) {
			if p.yields(wanted[name]) {
				p.giveWay(name, wanted[name], fmt.Sprintf("the BIOS makes it %s%s", show(s.forced), p.culprits(rule-1, after, wanted)))
				continue
			}
			p.forced(name, s.forced, rule-1, after, wanted, origin)
			continue
		}
		if !changes {
			continue
		}
		for _, f := range []struct {
			is   property
			word string
		}{{propReadOnly, "read-only"}, {propGrayOut, "greyed out"}, {propHidden, "hidden"}} {
			if s.flags[f.is] == yes && p.yields(wanted[name]) {
				p.giveWay(name, wanted[name], "it is "+f.word+p.closedBy(s.rules[f.is], after, wanted))
				break
			}
			if s.flags[f.is] == yes {
				p.closed(name, f.word, s.rules[f.is], after, wanted, origin)
				break
			}
		}
	}
	p.splitBatches(after)
	for _, effect := range p.r.sideEffects(before, after, p.want) {
		p.warn("bios.side_effect", "Another attribute follows", effect+".", p.node.BIOS.Origin)
	}
}

// absent refuses an attribute that the host does not show, unless it is only hidden by a rule now and the wanted state
// opens it (Supermicro leaves hidden attributes out). Nothing could ever verify the others: a registry covers machines
// that have the part and machines that have not.
func (p *biosBuild) absent(name string, after outcome, v rack.BIOSValue) bool {
	if !slices.Contains(p.unshown, name) {
		return false
	}
	if now := p.now().states[name]; now.flags[propHidden] == yes {
		if after.states[name].flags[propHidden] == no || after.states[name].rules[propHidden] > 0 {
			return false // opened, or still hidden by a rule: then that is the better answer
		}
	}
	if p.yields(v) {
		p.giveWay(name, v, "this host does not show it")
		return true
	}
	p.block("bios.absent", "BIOS attribute not offered by this host",
		fmt.Sprintf("%s has %s, and this host does not show it.%s", p.registryName(), name, by(v)), originOr(v.Origin, p.node.BIOS.Origin))
	return true
}

// forced says that a rule sets a wanted attribute to another value.
func (p *biosBuild) forced(name string, value any, rule int, out outcome, wanted map[string]rack.BIOSValue, origin diag.Origin) {
	p.block("bios.conflict", "BIOS values exclude each other", fmt.Sprintf(
		"%s = %s is wanted, and the BIOS makes it %s%s. Rule: %s.",
		name, show(p.want[name]), show(value), p.culprits(rule, out, wanted), ruleText(p.b.RegistryDoc.Dependencies[rule])), origin)
}

// closed says that an attribute cannot be written as things will be.
func (p *biosBuild) closed(name, word string, rule int, out outcome, wanted map[string]rack.BIOSValue, origin diag.Origin) {
	head := fmt.Sprintf("%s is %s; it is %s and %s is wanted", name, word, show(p.expect[name]), show(p.want[name]))
	if rule == 0 {
		p.block("bios.read_only", "BIOS attribute not writable", head+".", origin)
		return
	}
	p.block("bios.conflict", "BIOS attribute not writable", fmt.Sprintf("%s%s. Rule: %s.",
		head, p.culprits(rule-1, out, wanted), ruleText(p.b.RegistryDoc.Dependencies[rule-1])), origin)
}

// closedBy names who closes an attribute, or nobody.
func (p *biosBuild) closedBy(rule int, out outcome, wanted map[string]rack.BIOSValue) string {
	if rule == 0 {
		return ""
	}
	return p.culprits(rule-1, out, wanted)
}

// culprits names the wanted attributes behind a rule and where they are asked for; without any, what the rule's terms
// are now.
func (p *biosBuild) culprits(rule int, out outcome, wanted map[string]rack.BIOSValue) string {
	var parts []string
	for _, name := range p.r.roots(rule, out, p.want) {
		text := fmt.Sprintf("%s = %s", name, show(p.want[name]))
		if at := wanted[name].Origin.Short(); at != "" {
			text += " (" + at + ")"
		}
		parts = append(parts, text)
	}
	if len(parts) > 0 {
		return ", because of " + strings.Join(parts, ", ") + ", which is wanted too"
	}
	for _, t := range p.b.RegistryDoc.Dependencies[rule].Terms {
		if s := out.states[t.Attribute]; s != nil {
			parts = append(parts, fmt.Sprintf("%s is %s", t.Attribute, show(s.value)))
		}
	}
	slices.Sort(parts)
	return ", because " + strings.Join(slices.Compact(parts), ", ")
}

// foreignPending names what somebody else has staged: the next reset makes it real, whoever issues it.
func (p *biosBuild) foreignPending() {
	var others []string
	for _, name := range sortedKeys(p.b.Pending) {
		pending, current := p.b.Pending[name], p.b.Attributes[name]
		if _, ours := p.wanted[name]; ours || pending == nil || p.r.same(name, pending, current) {
			continue
		}
		others = append(others, fmt.Sprintf("%s: %s -> %s", name, show(current), show(pending)))
	}
	if len(others) > 0 {
		p.warn("bios.pending", "Foreign settings wait for a reset",
			"The next reset of this host also makes real, unasked: "+strings.Join(others, "; ")+".", p.node.BIOS.Origin)
	}
}

// sentence ends a text with a full stop, unless it ends with a question.
func sentence(s string) string {
	if strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

func by(v rack.BIOSValue) string {
	if v.From == "" {
		return ""
	}
	return " It comes from " + v.From + "."
}
