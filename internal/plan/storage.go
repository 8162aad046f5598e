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
	if len(n.node.Volumes) == 0 && n.node.Disks == nil && !n.storageActs() && len(n.opt.Spares[n.node.Name]) == 0 {
		return
	}
	specs := slices.Clone(n.node.Volumes)
	slices.SortFunc(specs, func(a, b rack.VolumeSpec) int { return strings.Compare(a.Name, b.Name) })
	v := volumeBuild{nodeBuild: n, takenVolume: map[string]bool{}, takenDrive: map[string]bool{}, found: map[string]rack.Volume{},
		made: map[string][]rack.Drive{}, cleared: map[string]string{}}
	if v.planReset(); v.resets {
		return
	}
	v.planForeign()
	v.planKeys()
	var open []rack.VolumeSpec
	for _, s := range specs { // names first, so that adoption takes no volume that another name holds
		if !v.byName(s) {
			open = append(open, s)
		}
	}
	for _, s := range open {
		if !v.adopt(s) && !v.awaitsImport(s) {
			v.create(s)
		}
	}
	v.planCaches(specs)
	v.planSpares(specs)
	v.planNamespaces()
	for _, c := range v.inits { // last: a slow one takes hours
		v.add(c)
	}
}

// sentenceEnd ends a text with a full stop, unless it ends a sentence already.
func sentenceEnd(s string) string {
	if strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// volumeBuild is the local volumes of one host.
type volumeBuild struct {
	*nodeBuild
	takenVolume map[string]bool // by path or id
	takenDrive  map[string]bool // by serial
	foreign     []string        // bays of drives that fit and hold another controller's configuration; of the last look
	locked      []string        // bays of drives that fit and are locked
	spared      []string        // bays of drives that fit and are hot spares

	found   map[string]rack.Volume  // by name of the spec: the volume that it is
	made    map[string][]rack.Drive // by name of the spec: the drives of the volume that is made
	inits   []*change               // of the volumes that are made
	cleared map[string]string       // serial of a drive whose foreign configuration is cleared → key of that change
	imports bool                    // a foreign configuration is imported: which volumes come of it, the next plan sees
	resets  bool                    // a controller is reset: its drives are planned for by the next plan
}

func volumeKey(v rack.Volume) string { return v.Controller + " " + v.Path + " " + v.ID }

func (v *volumeBuild) origin(s rack.VolumeSpec) diag.Origin { return originOr(s.Origin, v.node.Origin) }

// indexOf finds the volume that a spec names: by the name it was given, or by the name or id that the operator adopts.
func (v *volumeBuild) indexOf(s rack.VolumeSpec) int {
	name := VolumeName(v.node.Name, s.Name)
	return slices.IndexFunc(v.volumes(), func(x rack.Volume) bool {
		if s.AdoptName != "" {
			return x.Name == s.AdoptName || x.ID == s.AdoptName
		}
		return x.Name == name
	})
}

// byName settles a spec whose name exists: as wanted, or a conflict that only a person can resolve.
func (v *volumeBuild) byName(s rack.VolumeSpec) bool {
	i := v.indexOf(s)
	if i < 0 {
		return v.adoptMissing(s)
	}
	x := v.volumes()[i]
	v.takenVolume[volumeKey(x)], v.found[s.Name] = true, x
	if problem := v.differs(s, x); problem != "" {
		consent := "Consent to lose its data is not given (data_loss)."
		if v.node.AllowDataLoss != nil {
			consent = "Consent is given, but this version never deletes a volume to make another."
		}
		v.block("volume.differs", "Volume exists and is different", fmt.Sprintf(
			"Volume %q: %s. To change it, it would have to be deleted with all its data. %s Delete it by hand, or write what is there.",
			x.Name, problem, consent), v.origin(s))
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
	if problem := v.otherwise(s, x); problem != "" {
		return problem
	}
	for _, serial := range x.Drives {
		i := slices.IndexFunc(v.sys.Drives, func(d rack.Drive) bool { return d.SerialNumber == serial })
		if i >= 0 && v.fit(s.Drives, v.sys.Drives[i]) == no {
			return fmt.Sprintf("its drive in bay %q is not one that the selector takes (%s)", v.sys.Drives[i].Bay, describeDrives(s.Drives))
		}
	}
	return ""
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
		v.block("volume.members", "Wrong number of drives", fmt.Sprintf("Volume %q: %s", s.Name, sentenceEnd(problem)), v.origin(s))
		return
	}
	byController, free, used, unsure := v.candidates(s.Drives)
	refused := ""
	for _, c := range v.controllers() {
		drives := byController[plainPath(c.Path)]
		count := need
		if count == 0 {
			count = len(drives)
		}
		if len(drives) < max(count, rack.RAIDLeast(s.RAID)) || !makes(c, s.RAID) {
			continue
		}
		if why := v.declines(s, c); why != "" {
			refused = why
			continue
		}
		v.plan(s, c, drives[:count])
		return
	}
	if refused != "" {
		v.block("volume.unsupported", "Controller does not offer this", fmt.Sprintf("Volume %q: %s.", s.Name, refused), v.origin(s))
		return
	}
	v.noDrives(s, need, free, used, unsure, byController)
}

// candidates sorts the drives that fit by their controller, in the order in which they are taken.
func (v *volumeBuild) candidates(sel rack.DriveSelector) (byController map[string][]rack.Drive, free, used, unsure int) {
	byController, v.foreign, v.locked, v.spared = map[string][]rack.Drive{}, nil, nil, nil
	for _, d := range v.sys.Drives {
		fit := v.fit(sel, d)
		switch {
		case fit == no:
		case fit == unknown || d.SerialNumber == "":
			unsure++
		case d.State != nil && d.State.Foreign && v.cleared[d.SerialNumber] == "":
			v.foreign = append(v.foreign, d.Bay)
		case d.State != nil && d.State.Encryption == encryptionLocked:
			v.locked = append(v.locked, d.Bay)
		case d.State != nil && d.State.Hotspare != "":
			v.spared = append(v.spared, d.Bay)
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

// compareBays orders "2" before "10", and "Bay 2" before "Bay 10".
func compareBays(a, b string) int {
	headA, numA := bayNumber(a)
	headB, numB := bayNumber(b)
	x, ok1 := whole(numA)
	y, ok2 := whole(numB)
	if ok1 && ok2 && headA == headB {
		return x.Cmp(y)
	}
	return strings.Compare(a, b)
}

// bayNumber splits the digits at the end of a bay's label off.
func bayNumber(bay string) (head, digits string) {
	i := len(strings.TrimRight(bay, "0123456789"))
	return bay[:i], bay[i:]
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

// memberCount gives the number of drives, 0 = all that fit on one controller.
func memberCount(s rack.VolumeSpec) (count int, problem string) {
	least := rack.RAIDLeast(s.RAID)
	if least == 0 {
		return 0, fmt.Sprintf("RAID type %q is unknown; there is %s.%s", s.RAID, strings.Join(rack.RAIDTypes(), ", "),
			didYouMean(strings.ToUpper(s.RAID), rack.RAIDTypes()))
	}
	count = s.Drives.Count
	switch {
	case count == 0 && len(s.Drives.Bays) > 0:
		count = len(s.Drives.Bays)
	case count == 0 && strings.EqualFold(s.RAID, "RAID1"):
		count = least
	}
	if len(s.Drives.Bays) > 0 && count > len(s.Drives.Bays) {
		return 0, fmt.Sprintf("%d drives are wanted out of %d bays", count, len(s.Drives.Bays))
	}
	if count == 0 {
		return 0, ""
	}
	return count, rack.RAIDProblem(s.RAID, count, s.Spans)
}

// noDrives says why no volume can be made: hands, other volumes, the controller, or what could not be seen.
func (v *volumeBuild) noDrives(s rack.VolumeSpec, need, free, used, unsure int, byController map[string][]rack.Drive) {
	need = max(need, rack.RAIDLeast(s.RAID))
	detail := fmt.Sprintf("Volume %q wants %s of %s (%s); %d fit and are free, %d are in volumes, %d do not say enough.",
		s.Name, plural(need, "drive"), s.RAID, describeDrives(s.Drives), free, used, unsure)
	enough := slices.ContainsFunc(sortedKeys(byController), func(k string) bool { return len(byController[k]) >= need })
	switch {
	case len(v.foreign) > 0: // it may be the only copy of somebody's data, and looks like a free drive
		v.block("volume.foreign", "Drives hold a foreign configuration", detail+fmt.Sprintf(" Drives in bays %s hold the configuration of "+
			"another controller, and perhaps data. Say disks { foreign = \"import\" } to take it over or \"clear\" to throw it away, or do it "+
			"by the controller's own tool, then plan again.", strings.Join(v.foreign, ", ")), v.origin(s))
	case len(v.locked) > 0:
		v.block("volume.locked", "Drives are locked", detail+fmt.Sprintf(" Drives in bays %s are self-encrypting and locked by a key that this "+
			"controller does not have. Give the controller that key, or revert the drives by the PSID on their labels.",
			strings.Join(v.locked, ", ")), v.origin(s))
	case enough:
		v.block("volume.controller", "Controller makes no such volume", detail+v.controllersSay(byController)+" Use host software RAID, or make it "+
			"by the controller's own tool.", v.origin(s))
	case unsure > 0:
		v.unreadable("volume.drives", "Drives not readable", detail+" What they are is not guessed.", v.origin(s))
	case free+used+len(v.spared) >= need:
		spared := ""
		if len(v.spared) > 0 {
			spared = fmt.Sprintf(" Drives in bays %s are hot spares.", strings.Join(v.spared, ", "))
		}
		v.block("volume.drives", "Drives are in use", detail+spared+" Nothing is erased or re-created; free them by hand, or choose others."+
			v.drivesAllow(s, byController), v.origin(s))
	case hostOff(v.sys.PowerState) && len(v.sys.Drives) == 0:
		v.unreadable("volume.drives", "Drives not readable", detail+" The host is off, and shows no drive at all.", v.origin(s))
	default:
		v.hands("volume.drives", "Drives missing", detail+" Needs hands: fit the missing drives."+v.drivesAllow(s, byController), v.origin(s))
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
	if size := v.sizeOf(s, drives); size > 0 {
		want["capacity_bytes"] = size
	}
	optionFacts(s, want)
	class, apply := volumeApply(c)
	why := fmt.Sprintf("no such volume yet; drives in bays %s, all free", strings.Join(bays, ", "))
	if slices.Contains(c.PendingVolumes, name) {
		class = max(class, step.HostReset)
		why = "already staged, waits for its activation"
	}
	made := &change{key: "volume:" + s.Name, step: step.Step{
		Kind: step.Volume, Activation: class, Expect: step.Facts{"exists": false}, Want: want, EstimatedS: volumeS,
		Origin: v.origin(s), Why: why,
		Args: step.Args{Path: c.Volumes, Drives: paths, ApplyTime: apply, Store: c.Path},
	}}
	for _, d := range drives {
		if key := v.cleared[d.SerialNumber]; key != "" && !slices.ContainsFunc(made.needs, func(x need) bool { return x.key == key }) {
			made.needs = append(made.needs, need{key, "a volume is made of a drive once its foreign configuration is cleared"})
		}
	}
	if s.Encrypted {
		v.needKey(made, c)
	}
	v.add(made)
	v.made[s.Name] = drives
	v.initialize(s, c, paths, made)
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
