package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// eraseByPolicy leaves the method to the floor of the site's policy.
const eraseByPolicy = "policy"

// usualFloor is what is accepted where no policy speaks (sovereignty: crypto or block).
var usualFloor = []rack.EraseResult{{Method: rack.EraseCrypto}, {Method: rack.EraseBlock}}

// eraseConsent blocks the node when nobody has consented to lose its data.
func (n *nodeBuild) eraseConsent(what, name string, origin diag.Origin) bool {
	if n.node.AllowDataLoss != nil {
		return true
	}
	n.block("destroy.consent", "Consent to lose data is missing", fmt.Sprintf(
		"on_destroy = %q of %s %q erases drives. Add consent { data_loss = true, owner, reason } to the node, or keep the data.",
		destroyErase, what, name), origin)
	return false
}

// eraseNode erases every drive of the host that is in no volume which stays.
func (n *nodeBuild) eraseNode() {
	if !n.eraseConsent("node", n.node.Name, n.node.Origin) {
		return
	}
	if gaps := n.gapsNamed("storage", "drives", "volumes", "simplestorage"); len(gaps) > 0 {
		n.unreadable("destroy.erase", "Storage not readable", "Which drives there are was not seen completely."+because(gaps), n.node.Origin)
		return
	}
	for _, d := range n.drivesByBay() {
		if name := n.keeps(d); name != "" {
			n.warn("destroy.erase", "Drive is kept", fmt.Sprintf(
				"The drive in bay %q is part of volume %q, which stays, and is not erased. To erase it too, give that volume on_destroy = %q.",
				d.Bay, name, destroyErase), n.node.Origin)
			continue
		}
		n.eraseDrive(d, n.node.Origin)
	}
}

func (n *nodeBuild) drivesByBay() []rack.Drive {
	out := slices.Clone(n.sys.Drives)
	slices.SortFunc(out, func(a, b rack.Drive) int {
		if c := compareBays(a.Bay, b.Bay); c != 0 {
			return c
		}
		return strings.Compare(a.SerialNumber, b.SerialNumber)
	})
	return out
}

// keeps names the volume of a drive that no change of this plan deletes, or "".
func (n *nodeBuild) keeps(d rack.Drive) string {
	in := false
	for _, x := range n.sys.Volumes {
		if !slices.Contains(x.Drives, d.SerialNumber) || x.RAIDType == "" || strings.EqualFold(x.RAIDType, "None") {
			continue
		}
		in = true
		if n.deletion(d) == nil {
			return x.Name
		}
	}
	if d.InVolume && !in {
		return "unnamed"
	}
	return ""
}

// deletion finds the planned deletion of the volume that a drive is part of.
func (n *nodeBuild) deletion(d rack.Drive) *change {
	for _, c := range n.changes {
		if c.step.Kind == step.Volume && c.step.Want["exists"] == false &&
			slices.Contains(c.step.Expect["drives"].([]any), any(d.SerialNumber)) {
			return c
		}
	}
	return nil
}

// eraseMembers erases the drives of a volume once it is gone.
func (n *nodeBuild) eraseMembers(s rack.VolumeSpec, serials []string, origin diag.Origin) {
	for _, serial := range serials {
		i := slices.IndexFunc(n.sys.Drives, func(d rack.Drive) bool { return serial != "" && d.SerialNumber == serial })
		if i < 0 {
			n.unreadable("destroy.erase", "Drive not readable", fmt.Sprintf(
				"A drive of volume %q, serial number %q, is not among the drives that were seen.", s.Name, serial), origin)
			return
		}
		n.eraseDrive(n.sys.Drives[i], origin)
	}
}

// eraseDrive plans the erase of one drive by a method that the drive offers and the policy accepts, or says why there is none.
func (n *nodeBuild) eraseDrive(d rack.Drive, origin diag.Origin) {
	switch {
	case n.changed("erase:"+d.SerialNumber) != nil || slices.Contains(n.opt.Erased[n.node.Name], d.SerialNumber):
		return
	case d.SerialNumber == "" || d.Path == "" || strings.Contains(d.Path, "#"):
		n.unreadable("destroy.erase", "Drive cannot be told apart", fmt.Sprintf(
			"The drive in bay %q tells no serial number, or is no resource of its own. It is not erased by guess.", d.Bay), origin)
		return
	case d.State == nil:
		n.unreadable("destroy.erase", "Drive not readable", fmt.Sprintf(
			"What erase the drive in bay %q offers was not read.", d.Bay), origin)
		return
	}
	choice, problem := chooseErase(n.eraseMethod(), n.node.EraseFloor, d)
	if problem != "" {
		n.block("erase.floor", "No erase that is accepted", fmt.Sprintf("Drive %s in bay %q: %s", d.SerialNumber, d.Bay, problem), origin)
		return
	}
	class, apply := eraseApply(*d.State.Erase)
	want := step.Facts{"serial": d.SerialNumber, "method": choice.Method, "erased": true}
	if choice.Passes > 0 {
		want["passes"] = int64(choice.Passes)
	}
	g := n.node.AllowDataLoss
	c := &change{key: "erase:" + d.SerialNumber, step: step.Step{
		Kind: step.Erase, Activation: class, Origin: origin, EstimatedS: eraseSeconds(choice, d),
		Expect: step.Facts{"serial": d.SerialNumber, "erased": false}, Want: want,
		Args: step.Args{Path: d.Path, ApplyTime: apply, Method: choice.Method},
		Why: fmt.Sprintf("on_destroy = %q, accepted by %s; consent of %s: %s", destroyErase, floorName(n.node.EraseFloor),
			g.Owner, g.Reason),
	}}
	if gone := n.deletion(d); gone != nil {
		c.needs = append(c.needs, need{gone.key, "a drive is erased when its volume is gone"})
	}
	if d.State.Hotspare != "" {
		v := volumeBuild{nodeBuild: n}
		v.unspare(d, "it is erased", origin)
		c.needs = append(c.needs, need{"unspare:" + d.SerialNumber, "a drive is erased when it is no hot spare any more"})
	}
	n.add(c)
}

func (n *nodeBuild) eraseMethod() rack.EraseSpec {
	if n.node.Erase == nil {
		return rack.EraseSpec{Method: eraseByPolicy}
	}
	return *n.node.Erase
}

// eraseApply chooses when an erase begins: at once, where the BMC does not want a reset for it.
func eraseApply(e rack.DriveErase) (step.Activation, string) {
	switch {
	case slices.Contains(e.ApplyTimes, "Immediate"):
		return step.None, "Immediate"
	case slices.Contains(e.ApplyTimes, "OnReset"):
		return step.HostReset, "OnReset"
	}
	return step.None, ""
}

// eraseSeconds is a working figure: a key or the blocks are gone in a minute, an overwrite takes the drive's own speed.
func eraseSeconds(c rack.EraseResult, d rack.Drive) int {
	if c.Method != rack.EraseOverwrite {
		return eraseS
	}
	rate := int64(overwriteSSDBytesPS)
	if strings.EqualFold(d.Media, "HDD") {
		rate = overwriteHDDBytesPS
	}
	return eraseS + int(d.CapacityBytes/rate)*max(1, c.Passes)
}

func floorName(f *rack.EraseFloor) string {
	if f == nil || f.Policy == "" {
		return "the usual floor (crypto or block)"
	}
	return "policy " + f.Policy
}

// floorOf lists what is accepted for the medium of a drive.
func floorOf(f *rack.EraseFloor, d rack.Drive) []rack.EraseResult {
	if f != nil {
		list := f.Flash
		if strings.EqualFold(d.Media, "HDD") {
			list = f.Magnetic
		}
		if len(list) > 0 {
			return list
		}
	}
	return usualFloor
}

// chooseErase takes the first accepted result that the drive's BMC can give. Methods are not ordered, and none stands in for
// another (R91); what a drive can do was asked first (R90).
func chooseErase(spec rack.EraseSpec, floor *rack.EraseFloor, d rack.Drive) (rack.EraseResult, string) {
	if d.Media == "" {
		return rack.EraseResult{}, "what kind of medium it is, is not told, so no floor can be held."
	}
	accepted := floorOf(floor, d)
	wanted := slices.Clone(accepted)
	if spec.Method != eraseByPolicy && spec.Method != "" {
		wanted = slices.DeleteFunc(wanted, func(r rack.EraseResult) bool { return r.Method != spec.Method })
		if len(wanted) == 0 {
			return rack.EraseResult{}, fmt.Sprintf("%s is not accepted by %s, which takes %s.", spec.Method, floorName(floor), describeFloor(accepted))
		}
	}
	e := d.State.Erase
	switch {
	case e == nil && d.InVolume:
		return rack.EraseResult{}, "its BMC offers no erase while it is part of a volume. Delete the volume first " +
			"(on_destroy = \"delete\"), then erase the node."
	case e == nil:
		return rack.EraseResult{}, "its BMC offers no erase of it. Erase it from the host, or destroy the drive."
	case len(e.Methods) == 0:
		return rack.EraseResult{}, "its BMC offers an erase and does not say by which method; that counts as none. " +
			"Erase it from the host, or destroy the drive."
	}
	var why []string
	for _, w := range wanted {
		if w.Method == rack.EraseOverwrite {
			w.Passes = max(w.Passes, spec.Passes)
		}
		if problem := cannot(*e, w); problem != "" {
			why = append(why, problem)
			continue
		}
		return w, ""
	}
	return rack.EraseResult{}, fmt.Sprintf("%s accepts %s; its BMC offers %s. %s. Nothing weaker is done instead: erase it from the host, or destroy the drive.",
		floorName(floor), describeFloor(wanted), strings.Join(e.Methods, ", "), strings.Join(why, "; "))
}

// cannot says why an erase through the BMC does not give a result, or "".
func cannot(e rack.DriveErase, w rack.EraseResult) string {
	switch {
	case !slices.Contains(e.Methods, w.Method):
		return w.Method + " is not offered"
	case w.ReadBack != "":
		return fmt.Sprintf("%s with read back %q cannot be had: a BMC reads nothing back", w.Method, w.ReadBack)
	case w.Pattern != "":
		return fmt.Sprintf("%s with a %s pattern cannot be had: a BMC does not say what it writes", w.Method, w.Pattern)
	case w.Passes > 1 && !e.Passes:
		return fmt.Sprintf("%s cannot be told to make %d passes", w.Method, w.Passes)
	case len(w.Then) > 0:
		return fmt.Sprintf("%s has to be followed by %s, which is not planned through a BMC", w.Method, strings.Join(w.Then, " or "))
	}
	return ""
}

func describeFloor(list []rack.EraseResult) string {
	var out []string
	for _, r := range list {
		text := r.Method
		if r.Passes > 0 {
			text += fmt.Sprintf(" × %d", r.Passes)
		}
		if r.Pattern != "" {
			text += ", " + r.Pattern
		}
		if r.ReadBack != "" {
			text += ", read back " + r.ReadBack
		}
		out = append(out, text)
	}
	return strings.Join(out, " or ")
}
