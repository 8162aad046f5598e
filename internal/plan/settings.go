package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// attributePrefix marks an entry of a manager step that is the vendor's own attribute.
const attributePrefix = "attributes."

// planManager compares the wanted settings of the controller, its chassis and its power limit with what they are: one
// step a node, which costs no reset of the host.
func (n *nodeBuild) planManager() {
	spec := n.node.BMC.Manager
	if spec == nil || len(spec.Settings)+len(spec.Attributes) == 0 {
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	seen := n.dev.BMC.Settings
	if seen == nil {
		n.unreadable("manager.read", "Settings of the BMC not readable", "They were not seen."+because(n.gapsNamed("managers")), origin)
		return
	}
	m := managerBuild{nodeBuild: n, spec: spec, seen: seen, origin: origin,
		expect: step.Facts{}, want: step.Facts{}, places: map[string]rack.SettingPlace{}}
	for _, word := range sortedKeys(spec.Settings) {
		m.word(word, spec.Settings[word])
	}
	m.attributes()
	if m.want[lockdown] == true { // its own change, when nothing else is left to write: planLockdown
		delete(m.want, lockdown)
		delete(m.expect, lockdown)
		delete(m.places, lockdown)
	}
	if len(m.want) == 0 || n.stopped {
		return
	}
	c := &change{key: string(step.Manager), step: step.Step{
		Kind: step.Manager, Activation: step.None, Expect: m.expect, Want: m.want, EstimatedS: settingsS,
		Origin: origin, Why: "settings of the BMC differ",
	}}
	if m.reset {
		c.step.Activation, c.step.Why = step.BMCReset, "settings of the BMC differ; some count once it has restarted"
	}
	c.step.Args.Places = m.places
	n.add(c)
}

const lockdown = "lockdown"

// planLockdown orders a lock-down among the changes: it comes off before anything is written, and is set when all else is
// real. Where it is on and nobody wants it off, nothing of this node can be changed.
func (n *nodeBuild) planLockdown() {
	seen := n.dev.BMC.Settings
	spec := n.node.BMC.Manager
	if seen == nil || spec == nil || n.stopped {
		return
	}
	is, offered := seen.Words[lockdown]
	want, wanted := spec.Settings[lockdown]
	if !offered {
		return
	}
	origin := originOr(want.Origin, n.node.Origin)
	switch {
	case is.Value == true && (!wanted || want.Value == true):
		if len(n.changes) > 0 {
			n.block("manager.locked", "The BMC is locked down", fmt.Sprintf(
				"%s would have to be changed, and this BMC refuses every change. Set lockdown = false in bmc { }, apply, then lock it again.",
				plural(len(n.changes), "thing")), origin)
		}
	case is.Value == true: // unlocked by the manager step: everything else waits for it
		for _, c := range n.changes {
			if c.key != string(step.Manager) {
				c.after = append(c.after, string(step.Manager))
			}
		}
	case wanted && want.Value == true:
		c := &change{key: lockdown, step: step.Step{Kind: step.Manager, Activation: step.None, EstimatedS: settingsS, Origin: origin,
			Expect: step.Facts{lockdown: is.Value}, Want: step.Facts{lockdown: true},
			Why: "the BMC is locked down once everything else is real"}}
		c.step.Args.Places = map[string]rack.SettingPlace{lockdown: is.Place}
		if slices.ContainsFunc(n.changes, func(o *change) bool { return o.last }) {
			n.later("manager.lockdown", "The lock-down waits", "Media is inserted by this plan, which a lock-down would refuse. The next plan sets it.", origin)
			return
		}
		for _, other := range n.changes {
			c.needs = append(c.needs, need{key: other.key, why: "a lock-down closes settings"})
		}
		n.add(c)
	}
}

// managerBuild is the settings of one controller.
type managerBuild struct {
	*nodeBuild
	spec   *rack.ManagerSpec
	seen   *rack.Settings
	origin diag.Origin
	expect step.Facts
	want   step.Facts
	places map[string]rack.SettingPlace
	reset  bool
}

// word checks one wanted setting and notes it when it differs.
func (m *managerBuild) word(word string, v rack.SettingValue) {
	origin := originOr(v.Origin, m.origin)
	w, known := rack.SettingWordOf(word)
	if !known {
		m.block("manager.unknown", "Unknown setting", fmt.Sprintf("%q is not a setting of a BMC.%s", word,
			didYouMean(word, settingNames())), origin)
		return
	}
	s, offered := m.seen.Words[word]
	if !offered {
		m.notOffered(w, v.Value, origin)
		return
	}
	if rack.SameSetting(v.Value, s.Value) {
		if s.Pending {
			m.warn("manager.pending", "A setting waits for a restart of the BMC",
				fmt.Sprintf("%s is shown as wanted, and counts once the BMC has restarted.", word), origin)
		}
		return
	}
	if s.Fixed {
		m.block("manager.read_only", "Setting not writable on this BMC", fmt.Sprintf("%s is %s on this BMC and %s is wanted; its attribute "+
			"registry says that it is read-only.", word, show(s.Value), show(v.Value)), origin)
		return
	}
	if problem := settingProblem(word, s, v.Value); problem != "" {
		m.block("manager.value", "Setting not possible on this BMC", problem, origin)
		return
	}
	m.expect[word], m.want[word], m.places[word] = s.Value, v.Value, s.Place
	m.reset = m.reset || s.Place.Reset
}

// notOffered blocks, but for what another word brings along and what is off because it is not there.
func (m *managerBuild) notOffered(w rack.SettingWord, value any, origin diag.Origin) {
	gaps := m.gapsNamed("managers", "chassis", "sessionservice")
	if len(gaps) > 0 {
		m.unreadable("manager.read", "Setting not readable", fmt.Sprintf("%s was not seen.%s", w.Name, because(gaps)), origin)
		return
	}
	switch {
	case w.By == "location" && w.Name != "location_rack":
		m.warn("manager.unsupported", "Not kept by this BMC", w.Name+" has no place on this BMC.", origin)
	case w.By != "" && w.By != "location":
		// another word brings it: where a server list is all there is, the list alone says it
	case value == false:
		// what this BMC does not have is off
	default:
		m.block("manager.unsupported", "Unsupported on this BMC", fmt.Sprintf(
			"%s (%s) has no place on this BMC that is known. Take it out of this node, or name the vendor's attribute in attributes.",
			w.Name, w.Means), origin)
	}
}

// settingProblem says why a value cannot be, or nothing.
func settingProblem(word string, s rack.Setting, value any) string {
	if l, ok := value.([]any); ok && s.Place.Room() > 0 && len(l) > s.Place.Room() {
		return fmt.Sprintf("%s names %s; this BMC has room for %d.", word, plural(len(l), "server"), s.Place.Room())
	}
	v, ok := value.(int64)
	switch {
	case ok && s.Min != nil && v < *s.Min:
		return fmt.Sprintf("%s = %d is wanted; this BMC takes no less than %d.", word, v, *s.Min)
	case ok && s.Max != nil && v > *s.Max:
		return fmt.Sprintf("%s = %d is wanted; this BMC takes no more than %d.", word, v, *s.Max)
	}
	return ""
}

func settingNames() []string {
	var out []string
	for _, w := range rack.SettingWords {
		if w.By == "" {
			out = append(out, w.Name)
		}
	}
	return out
}

// attributes compares the vendor's own attributes, held against their registry.
func (m *managerBuild) attributes() {
	if len(m.spec.Attributes) == 0 {
		return
	}
	if m.seen.Path == "" {
		m.block("manager.attributes", "No manager attributes", "This BMC has no attributes of its own; they are a feature of Dell's iDRAC.", m.origin)
		return
	}
	b := rack.BIOS{Attributes: m.seen.Attributes, Pending: rack.Attributes{}, RegistryDoc: m.seen.RegistryDoc}
	r := newRegistry(&b, "OR")
	if b.RegistryDoc == nil {
		m.warn("manager.registry", "No attribute registry", "Values are only held against the attributes that the BMC shows.", m.origin)
	}
	for _, name := range sortedKeys(m.spec.Attributes) {
		v := m.spec.Attributes[name]
		origin := originOr(v.Origin, m.origin)
		current, shown := m.seen.Attributes[name]
		if !shown {
			names := r.names()
			m.block("manager.unknown", "Unknown manager attribute", fmt.Sprintf("%q is not an attribute of this BMC (%s).%s",
				name, plural(len(names), "attribute"), didYouMean(name, names)), origin)
			continue
		}
		if r.same(name, current, v.Value) {
			continue
		}
		value, problem := r.typed(name, v.Value)
		if problem != "" {
			p := biosBuild{r: r}
			m.block("manager.value", "Attribute value not allowed", sentence(problem)+p.help(name), origin)
			continue
		}
		if a := r.byName[name]; a != nil && (a.ReadOnly || a.Immutable) {
			p := biosBuild{r: r}
			m.block("manager.read_only", "Attribute not writable", fmt.Sprintf("%s is read-only; it is %s and %s is wanted.%s", name,
				show(current), show(value), p.help(name)), origin)
			continue
		}
		key := attributePrefix + name
		m.expect[key], m.want[key] = current, value
		m.places[key] = rack.SettingPlace{Path: m.seen.Path, Slots: [][]string{{"Attributes", name}}, Form: "raw"}
		m.clash(name, origin)
	}
}

// clash blocks where an attribute is the very place of a word that is wanted too.
func (m *managerBuild) clash(name string, origin diag.Origin) {
	for word := range m.spec.Settings {
		s, ok := m.seen.Words[word]
		if !ok || !strings.EqualFold(s.Place.Path, m.seen.Path) {
			continue
		}
		for _, slot := range s.Place.Slots {
			if slot[len(slot)-1] == name {
				m.block("manager.twice", "One setting is wanted twice", fmt.Sprintf("%s is what %s writes on this BMC. Take one of them out.", name, word), origin)
			}
		}
	}
}
