package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// The attributes by which Dell sets a port. VirtualizationMode and LegacyBootProto: recorded on R750; NetworkLinkType: Dell, Server
// Configuration Profiles reference guide, "InfiniBand modes".
const (
	nicLinkType  = "NetworkLinkType"
	nicVirtual   = "VirtualizationMode"
	nicBootProto = "LegacyBootProto"
)

// value reads a vendor's attribute that can be written.
func (w *functionBuild) value(name string) (any, bool) {
	if w.f.Attributes == nil || w.f.Attributes.SettingsPath == "" {
		return nil, false
	}
	v, ok := w.f.Attributes.Values[name]
	return v, ok && v != nil
}

// oneOf wants one of several words of an attribute: nothing where it has one of them, else the first that its registry takes.
func (w *functionBuild) oneOf(name, what string, words ...string) {
	now, problem := w.f.Attributes.Values[name], ""
	for _, word := range words {
		if w.r.same(name, now, word) {
			w.attribute(name, now, now)
			return
		}
	}
	for _, word := range words {
		to, bad := w.r.typed(name, word)
		if bad == "" {
			w.attribute(name, now, to)
			return
		}
		if problem == "" {
			problem = bad
		}
	}
	w.unsupported(what, problem+strings.TrimSuffix(w.help(name), "."))
}

// attribute notes what is wanted of one attribute, where it differs, or where something else waits to replace it.
func (w *functionBuild) attribute(name string, from, to any) {
	pending, waits := w.f.Attributes.Pending[name]
	if w.named == nil {
		w.named = map[string]any{}
	}
	w.named[name] = to
	if !w.r.same(name, from, to) || waits && !w.r.same(name, pending, to) {
		w.wish(name, from, to, true)
	}
}

// vendor wants attributes under the vendor's names, held against the registry of this very port.
func (w *functionBuild) vendor(want map[string]string) {
	for _, name := range sortedKeys(want) {
		a := w.f.Attributes
		if a == nil {
			w.unsupported("Attribute "+name, "its BMC keeps no attributes of ports")
			return
		}
		now, shown := a.Values[name]
		entry := w.r.byName[name]
		switch {
		case !shown && entry == nil:
			known := w.r.names()
			w.refuse("Unknown port attribute", fmt.Sprintf("%s of adapter %s has no attribute %q (%s).%s", w.f.ID, w.f.Adapter, name,
				plural(len(known), "attribute"), didYouMean(name, known)))
			continue
		case !shown:
			w.refuse("Port attribute not offered by this port", fmt.Sprintf("%s has %s, and %s does not show it.", registryOf(a), name, w.f.ID))
			continue
		case a.SettingsPath == "":
			w.unsupported("Attribute "+name, "its BMC takes no settings of it")
			return
		}
		to, problem := w.r.typed(name, want[name])
		if had, twice := w.named[name]; twice && !w.r.same(name, had, want[name]) {
			w.refuse("Two wishes for one port attribute", fmt.Sprintf("attributes wants %s = %s, and another setting of this port makes it %s.",
				name, show(want[name]), show(had)))
			continue
		}
		same := w.r.same(name, now, want[name])
		switch {
		case same:
			w.attribute(name, now, now)
			continue
		case problem != "":
			w.refuse("Port attribute value not allowed", sentence(problem)+w.help(name))
			continue
		case entry != nil && (entry.ReadOnly || entry.Immutable):
			w.refuse("Port attribute not writable", fmt.Sprintf("%s of %s is read-only; it is %s and %s is wanted.%s", name, w.f.ID, show(now),
				show(to), w.help(name)))
			continue
		}
		w.attribute(name, now, to)
	}
}

func (w *functionBuild) refuse(summary, detail string) {
	w.failed = true
	w.block("nic.attribute", summary, detail, w.origin)
}

// registryOf names the registry of a port.
func registryOf(a *rack.NICAttributes) string {
	if a.RegistryDoc == nil || a.RegistryDoc.ID == "" {
		return "its registry"
	}
	return a.RegistryDoc.ID
}

// help is the registry's own text about an attribute, as a sentence with a leading space.
func (w *functionBuild) help(name string) string {
	p := biosBuild{r: w.r}
	return p.help(name)
}

// foreign names what somebody else has staged for this port: the next reset makes it real, whoever issues it.
func (w *functionBuild) foreign() {
	a := w.f.Attributes
	if a == nil {
		return
	}
	var others []string
	for _, name := range sortedKeys(a.Pending) {
		if _, ours := w.named[name]; !ours {
			others = append(others, fmt.Sprintf("%s: %s -> %s", name, show(a.Values[name]), show(a.Pending[name])))
		}
	}
	if len(others) > 0 {
		w.warn("nic.pending", "Foreign settings wait for a reset", fmt.Sprintf("The next reset of this host also makes real on %s, unasked: %s.",
			w.f.ID, strings.Join(others, "; ")), w.origin)
	}
}

// rules holds what is wanted against the rules of the port's registry.
func (w *functionBuild) rules() {
	if w.failed || w.r == nil || w.r.info == nil || len(w.r.info.Dependencies) == 0 || len(w.named) == 0 {
		return
	}
	out := w.r.settle(maps.Clone(w.named))
	if !out.settled {
		w.warn("nic.rules", "Registry rules do not settle", "Rules of "+registryOf(w.f.Attributes)+" change each other without end; they "+
			"are not held against the wanted values.", w.origin)
		return
	}
	for _, x := range w.wishes {
		s := out.states[x.name]
		if !x.attribute || s == nil {
			continue
		}
		for _, flag := range []property{propReadOnly, propGrayOut, propHidden} {
			if s.flags[flag] != yes {
				continue
			}
			why := ""
			if rule := s.rules[flag]; rule > 0 {
				why = " Rule: " + ruleText(w.r.info.Dependencies[rule-1]) + "."
			}
			w.refuse("Port attribute not writable", fmt.Sprintf("%s of %s cannot be written as things will be; it is %s and %s is wanted.%s",
				x.name, w.f.ID, show(x.from), show(x.to), why))
			break
		}
		if rule := s.rules[propCurrent]; s.forced != nil && rule > 0 && !w.r.same(x.name, s.forced, x.to) {
			w.refuse("Port attributes exclude each other", fmt.Sprintf("%s = %s is wanted of %s, and its adapter makes it %s. Rule: %s.", x.name,
				show(x.to), w.f.ID, show(s.forced), ruleText(w.r.info.Dependencies[rule-1])))
		}
	}
}

// dpuByPorts wants the mode of BlueFields that their vendor's port attributes keep, and tells whether there are any.
func (n *nodeBuild) dpuByPorts(mode string, origin diag.Origin) bool {
	found := false
	for _, f := range n.sys.NetworkFunctions {
		if f.Attributes == nil {
			continue
		}
		i := slices.IndexFunc(sortedKeys(f.Attributes.Values), dpuAttribute.MatchString)
		if i < 0 {
			continue
		}
		found = true
		w := n.functionBuild(f, origin)
		w.class = step.AuxCycle // a mode flip is real after a cold cycle (R65)
		w.oneOf(sortedKeys(f.Attributes.Values)[i], "DPU mode "+mode, dpuWord(mode))
		if !w.failed {
			w.step(true, f.Attributes.Path, f.Attributes.SettingsPath, f.Attributes.ApplyTimes)
		}
	}
	return found
}
