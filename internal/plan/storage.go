package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// maxVolumeName is what every controller takes (HPE: ^.{0,15}$; storage.md §1).
const maxVolumeName = 15

// VolumeName is the name a volume gets on its controller: its own, or, where that is too long, "mw-" and twelve digits
// of the digest of node and name.
func VolumeName(node, name string) string {
	if len(name) <= maxVolumeName {
		return name
	}
	d := rack.DigestOf(struct{ Node, Volume string }{node, name})
	return "mw-" + strings.TrimPrefix(string(d), "sha256:")[:12]
}

// sizeSlack is how much of a wanted size a controller may round away: to strips and to its own metadata.
const sizeSlack = 0.01

// planVolumes finds each wanted volume among those that exist, or picks drives for it. Nothing is erased, re-created or
// shrunk.
func (n *nodeBuild) planVolumes() {
	if len(n.node.Volumes) == 0 {
		return
	}
	specs := slices.Clone(n.node.Volumes)
	slices.SortFunc(specs, func(a, b rack.VolumeSpec) int { return strings.Compare(a.Name, b.Name) })
	v := volumeBuild{nodeBuild: n, takenVolume: map[string]bool{}, takenDrive: map[string]bool{}}
	var open []rack.VolumeSpec
	for _, s := range specs { // names first, so that adoption takes no volume that another name holds
		if !v.byName(s) {
			open = append(open, s)
		}
	}
	for _, s := range open {
		if !v.adopt(s) {
			v.create(s)
		}
	}
}

// volumeBuild is the local volumes of one host.
type volumeBuild struct {
	*nodeBuild
	takenVolume map[string]bool // by path or id
	takenDrive  map[string]bool // by serial
	foreign     []string        // bays of drives that fit and hold another controller's configuration; of the last look
}

func volumeKey(v rack.Volume) string { return v.Controller + " " + v.Path + " " + v.ID }

func (v *volumeBuild) origin(s rack.VolumeSpec) diag.Origin { return originOr(s.Origin, v.node.Origin) }

// byName settles a spec whose name exists: as wanted, or a conflict that only a person can resolve.
func (v *volumeBuild) byName(s rack.VolumeSpec) bool {
	name := VolumeName(v.node.Name, s.Name)
	i := slices.IndexFunc(v.volumes(), func(x rack.Volume) bool { return x.Name == name })
	if i < 0 {
		return false
	}
	x := v.volumes()[i]
	v.takenVolume[volumeKey(x)] = true
	if problem := v.differs(s, x); problem != "" {
		consent := "Consent to lose its data is not given (data_loss)."
		if v.node.AllowDataLoss != nil {
			consent = "Consent is given, but this version never deletes a volume to make another."
		}
		v.block("volume.differs", "Volume exists and is different", fmt.Sprintf(
			"Volume %q: %s. To change it, it would have to be deleted with all its data. %s Delete it by hand, or write what is there.",
			name, problem, consent), v.origin(s))
	}
	return true
}

// volumes lists the real volumes in a stable order; pass-through drives are none (R111).
func (v *volumeBuild) volumes() []rack.Volume {
	out := slices.DeleteFunc(slices.Clone(v.sys.Volumes), func(x rack.Volume) bool {
		return x.RAIDType == "" || strings.EqualFold(x.RAIDType, "None")
	})
	slices.SortFunc(out, func(a, b rack.Volume) int { return strings.Compare(volumeKey(a), volumeKey(b)) })
	return out
}

// differs says in what way a volume is not as wanted, or "".
func (v *volumeBuild) differs(s rack.VolumeSpec, x rack.Volume) string {
	if !strings.EqualFold(x.RAIDType, s.RAID) {
		return fmt.Sprintf("it is %s and %s is wanted", x.RAIDType, s.RAID)
	}
	if s.SizeBytes > 0 && x.CapacityBytes > 0 && math.Abs(float64(x.CapacityBytes-s.SizeBytes)) > sizeSlack*float64(s.SizeBytes) {
		return fmt.Sprintf("it has %d bytes and %d are wanted", x.CapacityBytes, s.SizeBytes)
	}
	if s.Drives.Count > 0 && len(x.Drives) != s.Drives.Count {
		return fmt.Sprintf("it has %s and %d are wanted", plural(len(x.Drives), "drive"), s.Drives.Count)
	}
	for _, serial := range x.Drives {
		i := slices.IndexFunc(v.sys.Drives, func(d rack.Drive) bool { return d.SerialNumber == serial })
		if i >= 0 && v.fit(s.Drives, v.sys.Drives[i]) == no {
			return fmt.Sprintf("its drive in bay %q is not one that the selector takes (%s)", v.sys.Drives[i].Bay, describeDrives(s.Drives))
		}
	}
	return ""
}

// adopt finds a volume of another name with fitting members, type and size: it counts as the wanted one.
func (v *volumeBuild) adopt(s rack.VolumeSpec) bool {
	for _, x := range v.volumes() {
		if v.takenVolume[volumeKey(x)] || len(x.Drives) == 0 || v.differs(s, x) != "" {
			continue
		}
		if s.Drives.Count == 0 && len(s.Drives.Bays) > 0 && len(x.Drives) != len(s.Drives.Bays) {
			continue
		}
		v.takenVolume[volumeKey(x)] = true
		v.warn("volume.adopted", "Volume of another name taken as the wanted one", fmt.Sprintf(
			"Volume %q is called %q on its controller; members, type and size are as wanted.", s.Name, x.Name), v.origin(s))
		return true
	}
	return false
}

// fit tells whether a drive is one that a selector takes; unknown where the drive does not say what is asked.
func (v *volumeBuild) fit(sel rack.DriveSelector, d rack.Drive) tri {
	out := yes
	text := func(want, has string) {
		switch {
		case want == "" || strings.EqualFold(want, has):
		case has == "":
			out = min(out, unknown)
		default:
			out = no
		}
	}
	text(sel.Media, d.Media)
	text(sel.Protocol, d.Protocol)
	switch {
	case sel.MinSizeBytes == 0 || d.CapacityBytes >= sel.MinSizeBytes:
	case d.CapacityBytes == 0:
		out = min(out, unknown)
	default:
		out = no
	}
	if len(sel.Bays) > 0 && !slices.Contains(sel.Bays, d.Bay) {
		out = no
	}
	if sel.ControllerHas != "" {
		c, ok := v.controller(d.Controller)
		part := strings.ToLower(sel.ControllerHas)
		if !ok || !strings.Contains(strings.ToLower(c.ID+"\x00"+c.Name), part) {
			out = no
		}
	}
	return out
}

func (v *volumeBuild) controller(path string) (rack.StorageController, bool) {
	for _, c := range v.sys.Controllers {
		if path != "" && plainPath(c.Path) == plainPath(path) {
			return c, true
		}
	}
	return rack.StorageController{}, false
}

// create picks drives and plans the volume.
func (v *volumeBuild) create(s rack.VolumeSpec) {
	if gaps := v.gapsNamed("storage", "drives", "volumes", "simplestorage"); len(gaps) > 0 {
		v.unreadable("volume.read", "Storage not readable", fmt.Sprintf(
			"Volume %q was not found, and the storage of this host was not read completely.%s", s.Name, because(gaps)), v.origin(s))
		return
	}
	need, problem := memberCount(s)
	if problem != "" {
		v.block("volume.members", "Wrong number of drives", fmt.Sprintf("Volume %q: %s.", s.Name, problem), v.origin(s))
		return
	}
	byController, free, used, unsure := v.candidates(s)
	for _, c := range v.controllers() {
		drives := byController[plainPath(c.Path)]
		count := need
		if count == 0 {
			count = len(drives)
		}
		if len(drives) < max(count, minMembers[strings.ToUpper(s.RAID)]) || !makes(c, s.RAID) {
			continue
		}
		v.plan(s, c, drives[:count])
		return
	}
	v.noDrives(s, need, free, used, unsure, byController)
}

// candidates sorts the drives that fit by their controller, in the order in which they are taken.
func (v *volumeBuild) candidates(s rack.VolumeSpec) (byController map[string][]rack.Drive, free, used, unsure int) {
	byController, v.foreign = map[string][]rack.Drive{}, nil
	for _, d := range v.sys.Drives {
		fit := v.fit(s.Drives, d)
		switch {
		case fit == no:
		case fit == unknown || d.SerialNumber == "":
			unsure++
		case d.State != nil && d.State.Foreign:
			v.foreign = append(v.foreign, d.Bay)
		case d.InVolume || v.takenDrive[d.SerialNumber]:
			used++
		default:
			free++
			key := plainPath(d.Controller)
			byController[key] = append(byController[key], d)
		}
	}
	for _, drives := range byController {
		slices.SortFunc(drives, func(a, b rack.Drive) int {
			if c := compareBays(a.Bay, b.Bay); c != 0 {
				return c
			}
			return strings.Compare(a.SerialNumber, b.SerialNumber)
		})
	}
	return byController, free, used, unsure
}

// compareBays orders "2" before "10".
func compareBays(a, b string) int {
	x, ok1 := whole(a)
	y, ok2 := whole(b)
	if ok1 && ok2 {
		return x.Cmp(y)
	}
	return strings.Compare(a, b)
}

func (v *volumeBuild) controllers() []rack.StorageController {
	out := slices.Clone(v.sys.Controllers)
	slices.SortFunc(out, func(a, b rack.StorageController) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// makes tells whether a controller creates volumes of this type.
func makes(c rack.StorageController, raid string) bool {
	return c.CanCreate && c.Volumes != "" && (len(c.RAIDTypes) == 0 || slices.ContainsFunc(c.RAIDTypes, func(t string) bool {
		return strings.EqualFold(t, raid)
	}))
}

var minMembers = map[string]int{"RAID0": 1, "RAID1": 2, "RAID5": 3, "RAID6": 4, "RAID10": 4}

// memberCount gives the number of drives, 0 = all that fit on one controller.
func memberCount(s rack.VolumeSpec) (count int, problem string) {
	raid := strings.ToUpper(s.RAID)
	least, ok := minMembers[raid]
	if !ok {
		return 0, fmt.Sprintf("RAID type %q is unknown", s.RAID)
	}
	count = s.Drives.Count
	switch {
	case count == 0 && len(s.Drives.Bays) > 0:
		count = len(s.Drives.Bays)
	case count == 0 && raid == "RAID1":
		count = least
	}
	switch {
	case count > 0 && count < least:
		return 0, fmt.Sprintf("%s needs %d drives or more, not %d", raid, least, count)
	case raid == "RAID10" && count%2 != 0:
		return 0, fmt.Sprintf("RAID10 needs an even number of drives, not %d", count)
	case len(s.Drives.Bays) > 0 && count > len(s.Drives.Bays):
		return 0, fmt.Sprintf("%d drives are wanted out of %d bays", count, len(s.Drives.Bays))
	}
	return count, ""
}

// noDrives says why no volume can be made: hands, other volumes, the controller, or what could not be seen.
func (v *volumeBuild) noDrives(s rack.VolumeSpec, need, free, used, unsure int, byController map[string][]rack.Drive) {
	need = max(need, minMembers[strings.ToUpper(s.RAID)])
	detail := fmt.Sprintf("Volume %q wants %s of %s (%s); %d fit and are free, %d are in volumes, %d do not say enough.",
		s.Name, plural(need, "drive"), s.RAID, describeDrives(s.Drives), free, used, unsure)
	enough := slices.ContainsFunc(sortedKeys(byController), func(k string) bool { return len(byController[k]) >= need })
	switch {
	case len(v.foreign) > 0: // it may be the only copy of somebody's data, and looks like a free drive
		v.block("volume.foreign", "Drives hold a foreign configuration", detail+fmt.Sprintf(" Drives in bays %s hold the configuration of "+
			"another controller, and perhaps data. Import or clear it by the controller's own tool, then plan again.",
			strings.Join(v.foreign, ", ")), v.origin(s))
	case enough:
		v.block("volume.controller", "Controller makes no such volume", detail+" The controller they hang on offers no volume "+
			"of this type through its BMC; use host software RAID, or make it by the controller's own tool.", v.origin(s))
	case unsure > 0:
		v.unreadable("volume.drives", "Drives not readable", detail+" What they are is not guessed.", v.origin(s))
	case free+used >= need:
		v.block("volume.drives", "Drives are in use", detail+" Nothing is erased or re-created; free them by hand, or choose others.", v.origin(s))
	case hostOff(v.sys.PowerState) && len(v.sys.Drives) == 0:
		v.unreadable("volume.drives", "Drives not readable", detail+" The host is off, and shows no drive at all.", v.origin(s))
	default:
		v.hands("volume.drives", "Drives missing", detail+" Needs hands: fit the missing drives.", v.origin(s))
	}
}

func (v *volumeBuild) plan(s rack.VolumeSpec, c rack.StorageController, drives []rack.Drive) {
	var serials, paths, bays []string
	for _, d := range drives {
		v.takenDrive[d.SerialNumber] = true
		serials = append(serials, d.SerialNumber)
		paths = append(paths, d.Path)
		bays = append(bays, d.Bay)
	}
	slices.Sort(serials)
	members := []any{}
	for _, x := range serials {
		members = append(members, x)
	}
	name := VolumeName(v.node.Name, s.Name)
	want := step.Facts{"name": name, "raid_type": strings.ToUpper(s.RAID), "drives": members}
	if s.SizeBytes > 0 {
		want["capacity_bytes"] = s.SizeBytes
	}
	class, apply := volumeApply(c)
	why := fmt.Sprintf("no such volume yet; drives in bays %s, all free", strings.Join(bays, ", "))
	if slices.Contains(c.PendingVolumes, name) {
		class = max(class, step.HostReset)
		why = "already staged, waits for its activation"
	}
	v.add(&change{key: "volume:" + s.Name, step: step.Step{
		Kind: step.Volume, Activation: class, Expect: step.Facts{"exists": false}, Want: want, EstimatedS: volumeS,
		Origin: v.origin(s), Why: why,
		Args: step.Args{Path: c.Volumes, Drives: paths, ApplyTime: apply},
	}})
}

// volumeApply chooses when a controller makes a change real: at once, where it offers that.
func volumeApply(c rack.StorageController) (class step.Activation, apply string) {
	switch {
	case slices.Contains(c.ApplyTimes, "Immediate"):
		return step.None, "Immediate"
	case slices.Contains(c.ApplyTimes, "OnReset"):
		return step.HostReset, "OnReset"
	default:
		return step.None, ""
	}
}

func describeDrives(s rack.DriveSelector) string {
	var parts []string
	for _, p := range [][2]string{{"media", s.Media}, {"protocol", s.Protocol}, {"bays", strings.Join(s.Bays, " ")},
		{"controller", s.ControllerHas}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	if s.MinSizeBytes > 0 {
		parts = append(parts, fmt.Sprintf("at least %d bytes", s.MinSizeBytes))
	}
	if len(parts) == 0 {
		return "any drives"
	}
	return strings.Join(parts, ", ")
}
