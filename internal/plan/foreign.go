package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// everyVolume is the suffix of a controller reset that also throws away volumes which the blueprint does not know.
const everyVolume = ":all"

// storageActs tells whether an act about a controller is asked for.
func (n *nodeBuild) storageActs() bool {
	return n.act(ActForeignImport) != nil || n.act(ActForeignClear) != nil || n.act(ActControllerReset) != nil
}

// foreignOn lists the drives of a controller that hold the configuration of another one.
func (v *volumeBuild) foreignOn(c rack.StorageController) []rack.Drive {
	return slices.DeleteFunc(v.drivesByBay(), func(d rack.Drive) bool {
		return d.State == nil || !d.State.Foreign || plainPath(d.Controller) != plainPath(c.Path)
	})
}

// planForeign imports or clears foreign configurations where the blueprint or an act says so. Without a word they are left
// alone, and their drives are taken for nothing.
func (v *volumeBuild) planForeign() {
	if d := v.node.Disks; d != nil && (d.Foreign == rack.ForeignImport || d.Foreign == rack.ForeignClear) {
		origin := originOr(d.Origin, v.node.Origin)
		for _, c := range v.controllers() {
			if list := v.foreignOn(c); len(list) > 0 {
				v.foreignStep(c, list, d.Foreign, fmt.Sprintf("foreign = %q", d.Foreign), origin)
			}
		}
	}
	for _, x := range []struct {
		kind ActKind
		word string
	}{{ActForeignImport, rack.ForeignImport}, {ActForeignClear, rack.ForeignClear}} {
		kind, word := x.kind, x.word
		act := v.act(kind)
		if act == nil {
			continue
		}
		c, ok := v.controllerNamed(act.Value, string(kind))
		if !ok {
			continue
		}
		if list := v.foreignOn(c); len(list) > 0 {
			v.foreignStep(c, list, word, fmt.Sprintf("asked for by %s: %s", act.Owner, act.Reason), v.node.Origin)
		} else {
			v.warn("foreign.none", "No foreign configuration", fmt.Sprintf("No drive of controller %s holds one.", firstOf(c.Name, c.ID)), v.node.Origin)
		}
	}
}

// controllerNamed finds the one controller whose id or name holds a part, or says that there is none or more.
func (v *volumeBuild) controllerNamed(part, what string) (rack.StorageController, bool) {
	var hits []rack.StorageController
	var known, words []string
	for _, c := range v.controllers() {
		if words = append(words, c.ID, c.Name); c.Name == "" || c.Name == c.ID {
			known = append(known, c.ID)
		} else {
			known = append(known, fmt.Sprintf("%s (%s)", c.ID, c.Name))
		}
		if strings.EqualFold(c.ID, part) {
			return c, true
		}
		if strings.Contains(strings.ToLower(c.ID+"\x00"+c.Name), strings.ToLower(part)) {
			hits = append(hits, c)
		}
	}
	if len(hits) == 1 {
		return hits[0], true
	}
	problem := "is on no controller"
	if len(hits) > 1 {
		problem = "is on more than one controller"
	}
	v.block("controller.unknown", "No such storage controller", fmt.Sprintf("%s names %q, which %s of this host; it has %s.%s", what, part, problem,
		strings.Join(known, ", "), didYouMean(part, words)), v.node.Origin)
	return rack.StorageController{}, false
}

// foreignStep plans the import or the clearing of what the drives of one controller hold.
func (v *volumeBuild) foreignStep(c rack.StorageController, list []rack.Drive, word, why string, origin diag.Origin) {
	var how *rack.Action
	done := "imported"
	if c.Offer != nil {
		how = c.Offer.Import
	}
	if word == rack.ForeignClear {
		done = "cleared"
		if how = nil; c.Offer != nil {
			how = c.Offer.Clear
		}
	}
	var bays, serials, paths []string
	for _, d := range list {
		bays, serials, paths = append(bays, d.Bay), append(serials, d.SerialNumber), append(paths, d.Path)
	}
	switch {
	case how == nil:
		v.block("foreign.unsupported", "Foreign configuration cannot be handled through this BMC", fmt.Sprintf("Drives in bays %s hold a foreign "+
			"configuration, and the BMC of controller %s does not offer to %s it; it offers %s. Do it by the controller's own tool.",
			strings.Join(bays, ", "), firstOf(c.Name, c.ID), word, foreignOffered(c)), origin)
		return
	case word == rack.ForeignClear && v.node.AllowDataLoss == nil:
		v.block("foreign.consent", "Consent to lose data is missing", fmt.Sprintf("Clearing the foreign configuration of the drives in bays %s loses the "+
			"volumes that it describes. Add consent { data_loss = true, owner, reason } to the node, or import it.", strings.Join(bays, ", ")), origin)
		return
	case v.changed("foreign:"+c.ID) != nil:
		return
	}
	if g := v.node.AllowDataLoss; word == rack.ForeignClear {
		why += fmt.Sprintf("; consent of %s: %s", g.Owner, g.Reason)
	}
	slices.Sort(serials)
	ch := &change{key: "foreign:" + c.ID, step: step.Step{Kind: step.Foreign, Activation: step.None, Expect: step.Facts{"drives": anyList(serials)},
		Want: step.Facts{"foreign": done}, EstimatedS: volumeS, Origin: origin, Why: why,
		Args: step.Args{Path: c.Path, Store: c.Path, Drives: paths, Method: how.Style, Target: how.Target, Component: firstOf(c.Name, c.ID)}}}
	v.add(ch)
	if word == rack.ForeignImport {
		v.imports = true
		return
	}
	for _, s := range serials {
		v.cleared[s] = ch.key
	}
}

func foreignOffered(c rack.StorageController) string {
	switch {
	case c.Offer == nil || c.Offer.Import == nil && c.Offer.Clear == nil:
		return "neither import nor clear"
	case c.Offer.Import == nil:
		return "clear only"
	}
	return "import only"
}

// awaitsImport puts a volume off until the imported configuration can be seen.
func (v *volumeBuild) awaitsImport(s rack.VolumeSpec) bool {
	if v.imports {
		v.later("volume.import", "Volume waits for the import", fmt.Sprintf("Which volumes come of the foreign configuration is seen when it is imported; "+
			"volume %q is planned after that. Plan again then.", s.Name), v.origin(s))
	}
	return v.imports
}

// planReset throws away everything that a controller keeps: only for an act, only with consent, and what is lost is named.
func (v *volumeBuild) planReset() {
	act := v.act(ActControllerReset)
	if act == nil {
		return
	}
	part, all := strings.CutSuffix(act.Value, everyVolume)
	c, ok := v.controllerNamed(part, string(ActControllerReset))
	if !ok {
		return
	}
	name := firstOf(c.Name, c.ID)
	if gaps := v.gapsNamed("storage", "drives", "volumes"); len(gaps) > 0 {
		v.unreadable("controller.reset", "Storage not readable", "What a reset of controller "+name+" would lose was not seen completely."+because(gaps), v.node.Origin)
		return
	}
	ours := map[string]bool{}
	for _, s := range v.node.Volumes {
		if i := v.indexOf(s); i >= 0 {
			ours[volumeKey(v.volumes()[i])] = true
		}
	}
	names, strange := []string{}, []string{}
	for _, x := range v.volumes() {
		if plainPath(x.Controller) != plainPath(c.Path) {
			continue
		}
		names = append(names, x.Name)
		if !ours[volumeKey(x)] {
			strange = append(strange, x.Name)
		}
	}
	held := "It holds no volume."
	if len(names) > 0 {
		held = "It holds the volumes " + strings.Join(names, ", ") + "."
	}
	switch {
	case c.Offer == nil || c.Offer.Reset == nil:
		v.block("controller.reset", "Controller reset unsupported on this BMC", fmt.Sprintf("The BMC of controller %s does not offer to throw its configuration "+
			"away. %s Delete its volumes one by one (on_destroy), or do it by the controller's own tool.", name, held), v.node.Origin)
	case v.node.AllowDataLoss == nil:
		v.block("controller.consent", "Consent to lose data is missing", fmt.Sprintf("A reset of controller %s loses all that is on it. %s Add consent "+
			"{ data_loss = true, owner, reason } to the node.", name, held), v.node.Origin)
	case len(strange) > 0 && !all:
		v.block("controller.strange", "Volumes of somebody else", fmt.Sprintf("A reset of controller %s loses volumes that the blueprint does not know: %s. To "+
			"lose them too, ask for %s=%s%s.", name, strings.Join(strange, ", "), ActControllerReset, c.ID, everyVolume), v.node.Origin)
	case len(names) == 0 && len(v.sparesOn(c)) == 0:
		v.warn("controller.reset", "Nothing to reset", fmt.Sprintf("Controller %s holds no volume and no spare.", name), v.node.Origin)
	default:
		g := v.node.AllowDataLoss
		v.resets = true
		slices.Sort(names)
		v.later("controller.reset", "Volumes wait for the reset", fmt.Sprintf("Volumes, spares and namespaces are planned when controller %s is empty. Plan "+
			"again then.", name), v.node.Origin)
		v.add(&change{key: "controller_reset:" + c.ID, step: step.Step{Kind: step.ControllerReset, Activation: step.None,
			Expect: step.Facts{"volumes": anyList(names)}, Want: step.Facts{"volumes": []any{}}, EstimatedS: volumeS, Origin: v.node.Origin,
			Args: step.Args{Path: c.Path, Store: c.Path, Resource: c.Volumes, Drives: v.sparesOn(c), Method: c.Offer.Reset.Style, Target: c.Offer.Reset.Target,
				Component: name},
			Why: fmt.Sprintf("asked for by %s: %s; consent of %s: %s", act.Owner, act.Reason, g.Owner, g.Reason)}})
	}
}

// sparesOn lists the paths of the hot spares of a controller.
func (v *volumeBuild) sparesOn(c rack.StorageController) []string {
	var out []string
	for _, d := range v.drivesByBay() {
		if d.State != nil && d.State.Hotspare != "" && plainPath(d.Controller) == plainPath(c.Path) {
			out = append(out, d.Path)
		}
	}
	return out
}

// setsKey tells whether this plan gives a controller its key.
func (v *volumeBuild) setsKey(c rack.StorageController) bool {
	return v.changed("controller_key:"+c.ID) != nil
}

// needKey makes an encrypted volume wait for the key of its controller.
func (v *volumeBuild) needKey(c *change, ctl rack.StorageController) {
	if v.setsKey(ctl) {
		c.needs = append(c.needs, need{"controller_key:" + ctl.ID, "an encrypted volume is made once its controller has a key"})
	}
}

// planKeys gives controllers the key that they lock drives with. A key that is there already is never changed: that takes the
// old one, and drives that are locked by it would be lost.
func (v *volumeBuild) planKeys() {
	if v.node.Disks == nil {
		return
	}
	for _, k := range v.node.Disks.Keys {
		origin := originOr(k.Origin, v.node.Origin)
		c, ok := v.controllerNamed(k.Controller, "key")
		if !ok {
			continue
		}
		name := firstOf(c.Name, c.ID)
		switch {
		case c.Offer == nil:
			v.unreadable("controller.key", "Controller not readable", fmt.Sprintf("Whether controller %s has a key was not read.", name), origin)
		case c.Offer.KeyID == k.ID:
		case c.Offer.KeyID != "":
			v.block("controller.key", "Controller has another key", fmt.Sprintf("Controller %s has the key %q and shall have %q. A key is never changed by a plan: "+
				"it takes the old key, and drives that are locked by it would be lost. Change it by the controller's own tool, or write what is there.",
				name, c.Offer.KeyID, k.ID), origin)
		case c.Offer.SetKey == nil:
			v.block("controller.key", "Encryption key unsupported on this BMC", fmt.Sprintf("Controller %s shall have the key %q, and its BMC does not offer to set "+
				"one, or the controller cannot encrypt.", name, k.ID), origin)
		default:
			v.add(&change{key: "controller_key:" + c.ID, step: step.Step{Kind: step.ControllerKey, Activation: step.None, Expect: step.Facts{"key_id": ""},
				Want: step.Facts{"key_id": k.ID}, EstimatedS: settingsS, Origin: origin,
				Args: step.Args{Path: c.Path, Store: c.Path, Secret: k.Key, Method: c.Offer.SetKey.Style, Target: c.Offer.SetKey.Target, Component: name},
				Why:  "controller " + name + " has no key"}})
		}
	}
}
