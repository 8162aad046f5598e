package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// spareSet is one wanted set of hot spares: those of a volume, or global ones.
type spareSet struct {
	kind    string // rack.SpareDedicated, rack.SpareGlobal
	key     string
	volume  string       // name on its controller, of dedicated ones
	paths   []string     // of the volume's members
	members []rack.Drive // what a spare has to stand in for
	sel     rack.DriveSelector
	has     []string // serial numbers of the spares that the volume has
	made    *change  // the volume is made by this plan
	origin  diag.Origin
}

func (x spareSet) count() int {
	if x.sel.Count == 0 {
		return len(x.sel.Bays)
	}
	return x.sel.Count
}

// planSpares brings each declared set of spares to its number, and takes back those that this workspace once assigned and nobody
// wants any more. Spares that nobody speaks of are left alone.
func (v *volumeBuild) planSpares(specs []rack.VolumeSpec) {
	wanted := map[string]bool{}
	for _, s := range specs {
		if s.Spares == nil {
			continue
		}
		if x, ok := v.spareSetOf(s); ok {
			v.planSpareSet(x, wanted)
		}
	}
	if v.node.Disks != nil {
		for _, s := range v.node.Disks.Spares {
			v.planSpareSet(spareSet{kind: rack.SpareGlobal, key: "spare:" + s.Name, sel: s.Drives, origin: originOr(s.Origin, v.node.Origin),
				members: v.guarded(s.Drives)}, wanted)
		}
	}
	for _, d := range v.drivesByBay() {
		if d.State != nil && d.State.Hotspare != "" && !wanted[d.SerialNumber] && slices.Contains(v.opt.Spares[v.node.Name], d.SerialNumber) {
			v.unspare(d, "this workspace assigned it, and the blueprint wants it no more", v.node.Origin)
		}
	}
}

// spareSetOf is the set of one volume that is there or is made.
func (v *volumeBuild) spareSetOf(s rack.VolumeSpec) (spareSet, bool) {
	x := spareSet{kind: rack.SpareDedicated, key: "spare:" + s.Name, sel: *s.Spares, origin: v.origin(s)}
	if vol, there := v.found[s.Name]; there {
		x.volume, x.members = vol.Name, v.drivesOf(vol)
		if vol.Detail == nil {
			v.unreadable("spare.read", "Volume not readable", fmt.Sprintf("Which spares volume %q has was not read.", vol.Name), x.origin)
			return x, false
		}
		x.has = vol.Detail.Spares
	} else if drives := v.made[s.Name]; len(drives) > 0 {
		x.volume, x.members, x.made = VolumeName(v.node.Name, s.Name), drives, v.changed("volume:"+s.Name)
	} else {
		return x, false // the volume waits or is blocked, and that is said
	}
	for _, d := range x.members {
		x.paths = append(x.paths, d.Path)
	}
	return x, true
}

// guarded are the drives that global spares have to stand in for: the members of the volumes of the controllers meant.
func (v *volumeBuild) guarded(sel rack.DriveSelector) []rack.Drive {
	var out []rack.Drive
	for _, d := range v.sys.Drives {
		if v.fit(rack.DriveSelector{Media: sel.Media, Protocol: sel.Protocol, ControllerHas: sel.ControllerHas}, d) == yes &&
			(d.InVolume || v.takenDrive[d.SerialNumber]) {
			out = append(out, d)
		}
	}
	return out
}

func (v *volumeBuild) planSpareSet(x spareSet, wanted map[string]bool) {
	var has []rack.Drive
	for _, d := range v.drivesByBay() {
		is := d.State != nil && d.State.Hotspare == rack.SpareGlobal && x.kind == rack.SpareGlobal && v.fit(x.sel, d) == yes
		if is || slices.Contains(x.has, d.SerialNumber) {
			has = append(has, d)
		}
	}
	slices.SortStableFunc(has, func(a, b rack.Drive) int { return int(v.fit(x.sel, b)) - int(v.fit(x.sel, a)) }) // what fits stays
	for i, d := range has {
		if i < x.count() && v.fit(x.sel, d) == yes {
			wanted[d.SerialNumber] = true
			continue
		}
		v.unspare(d, "it is a spare more than is declared", x.origin)
	}
	open := x.count() - len(wantedOf(has, wanted))
	if open <= 0 {
		return
	}
	v.assign(x, open, wanted)
}

func wantedOf(list []rack.Drive, wanted map[string]bool) []rack.Drive {
	return slices.DeleteFunc(slices.Clone(list), func(d rack.Drive) bool { return !wanted[d.SerialNumber] })
}

// assign takes free drives for spares, in the order of their bays, or says why there are not enough.
func (v *volumeBuild) assign(x spareSet, open int, wanted map[string]bool) {
	byController, _, used, unsure := v.candidates(x.sel)
	var unfit []string
	for _, c := range v.controllers() {
		for _, d := range byController[plainPath(c.Path)] {
			if open == 0 {
				return
			}
			if why := standsIn(d, x.members); why != "" {
				unfit = append(unfit, fmt.Sprintf("the drive in bay %s %s", d.Bay, why))
				continue
			}
			if !v.addSpare(x, c, d) {
				return
			}
			wanted[d.SerialNumber] = true
			open--
		}
	}
	if open == 0 {
		return
	}
	detail := fmt.Sprintf("%s more %s wanted (%s); %d that fit are in volumes, %d do not say enough.", plural(open, "hot spare"),
		map[bool]string{true: "is", false: "are"}[open == 1], describeDrives(x.sel), used, unsure)
	if x.volume != "" {
		detail = fmt.Sprintf("Volume %q: ", x.volume) + detail
	}
	if len(unfit) > 0 {
		detail += " Of the free ones, " + strings.Join(unfit, "; ") + "."
	}
	switch {
	case len(v.foreign)+len(v.locked) > 0:
		v.block("spare.drives", "No drive for a spare", detail+fmt.Sprintf(" Drives in bays %s hold a foreign configuration or are locked.",
			strings.Join(append(slices.Clone(v.foreign), v.locked...), ", ")), x.origin)
	case unsure > 0:
		v.unreadable("spare.drives", "Drives not readable", detail+" What they are is not guessed.", x.origin)
	default:
		v.hands("spare.drives", "No drive for a spare", detail+" Needs hands: fit a drive, or choose another.", x.origin)
	}
}

// standsIn says why a drive cannot stand in for one of the members, or "".
func standsIn(d rack.Drive, members []rack.Drive) string {
	var largest int64
	for _, m := range members {
		switch {
		case plainPath(m.Controller) != plainPath(d.Controller):
			return "hangs on another controller than the volume"
		case m.Media != "" && d.Media != "" && !strings.EqualFold(m.Media, d.Media):
			return fmt.Sprintf("is a %s, and the volume is of %ss", d.Media, m.Media)
		case m.Protocol != "" && d.Protocol != "" && !strings.EqualFold(m.Protocol, d.Protocol):
			return fmt.Sprintf("speaks %s, and the volume's drives speak %s", d.Protocol, m.Protocol)
		}
		largest = max(largest, m.CapacityBytes)
	}
	if d.CapacityBytes < largest {
		return fmt.Sprintf("is too small: %d bytes, and a member has %d", d.CapacityBytes, largest)
	}
	return ""
}

// addSpare plans one spare, or says that its controller offers none.
func (v *volumeBuild) addSpare(x spareSet, c rack.StorageController, d rack.Drive) bool {
	var how *rack.Action
	if c.Offer != nil {
		if how = c.Offer.Globalise; x.kind == rack.SpareDedicated {
			how = c.Offer.Dedicate
		}
	}
	if how == nil {
		v.block("spare.unsupported", "Hot spares unsupported on this BMC", fmt.Sprintf("%s hot spares are wanted on controller %s, and its BMC offers "+
			"%s. Assign them by the controller's own tool, and leave them out here.", x.kind, firstOf(c.Name, c.ID), sparesOffered(c)), x.origin)
		return false
	}
	v.takenDrive[d.SerialNumber] = true
	want := step.Facts{"serial": d.SerialNumber, "spare": x.kind}
	if x.volume != "" {
		want["volume"] = x.volume
	}
	ch := &change{key: x.key + ":" + d.SerialNumber, step: step.Step{Kind: step.Spare, Activation: step.None, Want: want, EstimatedS: settingsS,
		Expect: step.Facts{"serial": d.SerialNumber, "spare": rack.SpareNone}, Origin: x.origin,
		Args: step.Args{Path: d.Path, Store: c.Path, Resource: c.Volumes, Drives: x.paths, Method: how.Style, Target: how.Target},
		Why:  "free drive in bay " + d.Bay + ", as large as the members and of their kind"}}
	if x.made != nil {
		ch.needs = append(ch.needs, need{x.made.key, "a spare is assigned once its volume is there"})
	}
	if key := v.cleared[d.SerialNumber]; key != "" {
		ch.needs = append(ch.needs, need{key, "a drive becomes a spare once its foreign configuration is cleared"})
	}
	v.add(ch)
	return true
}

func sparesOffered(c rack.StorageController) string {
	switch {
	case c.Offer == nil || c.Offer.Dedicate == nil && c.Offer.Globalise == nil:
		return "none"
	case c.Offer.Globalise == nil:
		return "dedicated ones only"
	}
	return "global ones only"
}

// unspare plans that a drive is no hot spare any more.
func (v *volumeBuild) unspare(d rack.Drive, why string, origin diag.Origin) {
	key := "unspare:" + d.SerialNumber
	if v.changed(key) != nil {
		return
	}
	c, _ := v.controller(d.Controller)
	if c.Offer == nil || c.Offer.Unspare == nil {
		v.block("spare.unsupported", "Hot spare cannot be taken back", fmt.Sprintf("The drive in bay %s is a hot spare: %s. The BMC of controller %s does "+
			"not offer to take it back; do it by the controller's own tool.", d.Bay, why, firstOf(c.Name, c.ID)), origin)
		return
	}
	kind := rack.SpareGlobal
	args := step.Args{Path: d.Path, Store: c.Path, Method: c.Offer.Unspare.Style, Target: c.Offer.Unspare.Target}
	for _, x := range v.volumes() {
		if x.Detail != nil && slices.Contains(x.Detail.Spares, d.SerialNumber) {
			kind, args.Resource = rack.SpareDedicated, c.Volumes
			for _, m := range v.drivesOf(x) {
				args.Drives = append(args.Drives, m.Path)
			}
		}
	}
	v.add(&change{key: key, step: step.Step{Kind: step.Spare, Activation: step.None, Expect: step.Facts{"serial": d.SerialNumber, "spare": kind},
		Want: step.Facts{"serial": d.SerialNumber, "spare": rack.SpareNone}, EstimatedS: settingsS, Origin: origin, Args: args, Why: why}})
}
