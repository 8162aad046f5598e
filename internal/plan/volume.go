package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// encryptionLocked is Redfish's EncryptionStatus of a drive whose key the controller does not have.
const encryptionLocked = "Locked"

// shareUnit is what a share of the drives is rounded down to: controllers count in MiB.
const shareUnit = 1 << 20

// sizeOf is the size that a spec wants of these drives; 0 = all they give.
func (v *volumeBuild) sizeOf(s rack.VolumeSpec, drives []rack.Drive) int64 {
	if s.SharePercent == 0 || len(drives) == 0 {
		return s.SizeBytes
	}
	least := drives[0].CapacityBytes
	for _, d := range drives {
		least = min(least, d.CapacityBytes)
	}
	whole := least * int64(rack.RAIDData(s.RAID, len(drives), s.Spans))
	return whole * int64(s.SharePercent) / 100 / shareUnit * shareUnit // no drives of this world make it overflow
}

// optionFacts adds what is said on creation to what is wanted.
func optionFacts(s rack.VolumeSpec, want step.Facts) {
	if s.StripBytes > 0 {
		want["strip_bytes"] = s.StripBytes
	}
	if s.Spans > 0 {
		want["spans"] = int64(s.Spans)
	}
	if s.ReadCache != "" {
		want["read_cache"] = s.ReadCache
	}
	if s.WriteCache != "" {
		want["write_cache"] = s.WriteCache
	}
	if s.Encrypted {
		want["encrypted"] = true
	}
}

// declines says what a controller does not offer of what a new volume asks for, and what it offers, or "".
func (v *volumeBuild) declines(s rack.VolumeSpec, c rack.StorageController) string {
	asked := s.StripBytes > 0 || s.Spans > 0 || s.ReadCache != "" || s.WriteCache != "" || s.Encrypted || s.Initialize != ""
	if !asked {
		return ""
	}
	name := firstOf(c.Name, c.ID)
	if c.Offer == nil || c.Offer.Volume == nil {
		return fmt.Sprintf("the BMC of controller %s does not say that strip, spans, caches, encryption or initialisation can be told when a volume is made. "+
			"Leave them out, or make the volume by the controller's own tool", name)
	}
	o := c.Offer.Volume
	word := func(what, want string, offered []string) string {
		if want == "" || slices.Contains(offered, want) {
			return ""
		}
		if len(offered) == 0 {
			return fmt.Sprintf("controller %s takes no %s", name, what)
		}
		return fmt.Sprintf("controller %s takes no %s %s; it offers %s", name, what, want, strings.Join(offered, ", "))
	}
	if why := word("read cache policy", s.ReadCache, o.ReadCache); why != "" {
		return why
	}
	if why := word("write cache policy", s.WriteCache, o.WriteCache); why != "" {
		return why
	}
	if why := word("initialisation", s.Initialize, o.Initialize); why != "" {
		return why
	}
	switch {
	case s.StripBytes > 0 && !o.AnyStrip && len(o.Strips) == 0:
		return fmt.Sprintf("controller %s takes no strip size", name)
	case s.StripBytes > 0 && !o.AnyStrip && !slices.Contains(o.Strips, s.StripBytes):
		var sizes []string
		for _, n := range o.Strips {
			sizes = append(sizes, fmt.Sprintf("%d KiB", n>>10))
		}
		return fmt.Sprintf("controller %s makes no strips of %d KiB; it offers %s", name, s.StripBytes>>10, strings.Join(sizes, ", "))
	case s.Spans > 0 && o.MaxSpans == 0:
		return fmt.Sprintf("controller %s cannot be told the number of spans; leave spans out and it chooses", name)
	case s.Spans > o.MaxSpans:
		return fmt.Sprintf("controller %s makes %d spans at most, not %d", name, o.MaxSpans, s.Spans)
	case s.Encrypted && !o.Encrypted:
		return fmt.Sprintf("controller %s makes no encrypted volumes through its BMC", name)
	case s.Encrypted && c.Offer.KeyID == "" && !v.setsKey(c):
		return fmt.Sprintf("controller %s has no key, and an encrypted volume needs one: add disks { key %q { … } }", name, c.ID)
	}
	return ""
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// otherwise says in what an existing volume differs beyond type, size and drives, where its BMC tells, or "". Caches are not
// here: they can be changed.
func (v *volumeBuild) otherwise(s rack.VolumeSpec, x rack.Volume) string {
	if s.SharePercent > 0 {
		want := v.sizeOf(s, v.drivesOf(x))
		if want > 0 && x.CapacityBytes > 0 && math.Abs(float64(x.CapacityBytes-want)) > sizeSlack*float64(want) {
			return fmt.Sprintf("it has %d bytes, and %d%% of its drives are %d", x.CapacityBytes, s.SharePercent, want)
		}
	}
	d := x.Detail
	switch {
	case d == nil:
		return ""
	case s.StripBytes > 0 && d.StripBytes > 0 && d.StripBytes != s.StripBytes:
		return fmt.Sprintf("its strips are %d KiB and %d KiB are wanted", d.StripBytes>>10, s.StripBytes>>10)
	case s.Spans > 0 && d.Spans > 0 && d.Spans != s.Spans:
		return fmt.Sprintf("it has %d spans and %d are wanted", d.Spans, s.Spans)
	case s.Encrypted && !d.Encrypted:
		return "it is not encrypted and shall be"
	}
	return ""
}

func (v *volumeBuild) drivesOf(x rack.Volume) []rack.Drive {
	return slices.DeleteFunc(slices.Clone(v.sys.Drives), func(d rack.Drive) bool {
		return d.SerialNumber == "" || !slices.Contains(x.Drives, d.SerialNumber)
	})
}

// adoptMissing says that the volume which the operator names is not there. True when the spec is settled by that.
func (v *volumeBuild) adoptMissing(s rack.VolumeSpec) bool {
	if s.AdoptName == "" {
		return false
	}
	if gaps := v.gapsNamed("storage", "volumes"); len(gaps) > 0 {
		v.unreadable("volume.read", "Storage not readable", fmt.Sprintf("Volume %q is to be adopted, and the volumes of this host were not "+
			"read completely.%s", s.AdoptName, because(gaps)), v.origin(s))
		return true
	}
	var names []string
	for _, x := range v.volumes() {
		names = append(names, x.Name)
	}
	if v.imports {
		v.later("volume.adopt", "Volume comes with the import", fmt.Sprintf("Volume %q is looked for again when the foreign configuration is "+
			"imported: plan again then.", s.AdoptName), v.origin(s))
		return true
	}
	there := "This host has no volume."
	if len(names) > 0 {
		there = "Its volumes are " + strings.Join(names, ", ") + "."
	}
	v.block("volume.adopt", "No such volume to adopt", fmt.Sprintf("Volume %q shall be the one that its controller calls %q, by name or id. %s%s",
		s.Name, s.AdoptName, there, didYouMean(s.AdoptName, names)), v.origin(s))
	return true
}

// adopt finds a volume of another name with fitting members, type and size: it counts as the wanted one. Where only adoption
// will do and nothing fits, it says what does not. False when the spec is open still.
func (v *volumeBuild) adopt(s rack.VolumeSpec) bool {
	if s.Adopt == rack.AdoptNever {
		return false
	}
	var unlike []string
	for _, x := range v.volumes() {
		if v.takenVolume[volumeKey(x)] || len(x.Drives) == 0 {
			continue
		}
		if problem := v.differs(s, x); problem != "" {
			unlike = append(unlike, fmt.Sprintf("of %q, %s", x.Name, problem))
			continue
		}
		if s.Drives.Count == 0 && len(s.Drives.Bays) > 0 && len(x.Drives) != len(s.Drives.Bays) {
			unlike = append(unlike, fmt.Sprintf("of %q, it has %s", x.Name, plural(len(x.Drives), "drive")))
			continue
		}
		v.takenVolume[volumeKey(x)], v.found[s.Name] = true, x
		if s.Adopt == "" {
			v.warn("volume.adopted", "Volume of another name taken as the wanted one", fmt.Sprintf(
				"Volume %q is called %q on its controller; members, type and size are as wanted.", s.Name, x.Name), v.origin(s))
		}
		return true
	}
	if s.Adopt != rack.AdoptOnly || v.imports {
		return false
	}
	why := "This host has no other volume."
	if len(unlike) > 0 {
		why = "What does not fit: " + strings.Join(unlike, "; ") + "."
	}
	v.block("volume.adopt", "No volume to adopt", fmt.Sprintf("Volume %q says adopt, and no volume that exists is as wanted. %s Nothing is made in "+
		"its place: write what is there, or take adopt out.", s.Name, why), v.origin(s))
	return true
}

// controllersSay tells which types the controllers of these drives make.
func (v *volumeBuild) controllersSay(byController map[string][]rack.Drive) string {
	var out []string
	for _, c := range v.controllers() {
		if len(byController[plainPath(c.Path)]) == 0 {
			continue
		}
		switch {
		case !c.CanCreate || c.Volumes == "":
			out = append(out, firstOf(c.Name, c.ID)+" makes no volume through its BMC")
		case len(c.RAIDTypes) > 0:
			out = append(out, firstOf(c.Name, c.ID)+" makes "+strings.Join(c.RAIDTypes, ", "))
		}
	}
	if len(out) == 0 {
		return " The controller they hang on offers no volume of this type through its BMC."
	}
	return " Of the controllers they hang on, " + strings.Join(out, "; ") + "."
}

// drivesAllow tells which types the free drives would do for, or "".
func (v *volumeBuild) drivesAllow(s rack.VolumeSpec, byController map[string][]rack.Drive) string {
	var out []string
	for _, c := range v.controllers() {
		n := len(byController[plainPath(c.Path)])
		var types []string
		for _, t := range rack.RAIDTypes() {
			if n > 0 && rack.RAIDProblem(t, n, 0) == "" && makes(c, t) && !strings.EqualFold(t, s.RAID) {
				types = append(types, t)
			}
		}
		if len(types) > 0 {
			out = append(out, fmt.Sprintf("%s on %s would do for %s", plural(n, "free drive"), firstOf(c.Name, c.ID), strings.Join(types, ", ")))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " The " + strings.Join(out, "; ") + "."
}

// planCaches changes the cache policies of volumes that exist, where their BMC lets it.
func (v *volumeBuild) planCaches(specs []rack.VolumeSpec) {
	for _, s := range specs {
		x, there := v.found[s.Name]
		if !there || x.Detail == nil || x.Path == "" {
			continue
		}
		want, expect := step.Facts{}, step.Facts{}
		for _, p := range []struct{ name, key, want, has string }{
			{"read_cache", "ReadCachePolicy", s.ReadCache, x.Detail.ReadCache}, {"write_cache", "WriteCachePolicy", s.WriteCache, x.Detail.WriteCache},
		} {
			if p.want == "" || p.want == p.has {
				continue
			}
			if p.has == "" || !slices.Contains(x.Detail.Writable, p.key) {
				v.block("volume.cache", "Cache policy cannot be changed", fmt.Sprintf("Volume %q has %s %s and shall have %s; its BMC does not let it be "+
					"written on a volume that exists. Change it by the controller's own tool, or write what is there.", x.Name, p.key, firstOf(p.has, "unknown"),
					p.want), v.origin(s))
				continue
			}
			want[p.name], expect[p.name] = p.want, p.has
		}
		if len(want) > 0 {
			v.add(&change{key: "volume_set:" + s.Name, step: step.Step{Kind: step.VolumeSet, Activation: step.None, Expect: expect, Want: want,
				EstimatedS: settingsS, Origin: v.origin(s), Args: step.Args{Path: x.Path, Component: x.Name, Store: x.Controller},
				Why: "cache policy of volume " + x.Name + " is not as written"}})
		}
	}
}

// initialize plans the initialisation of a volume that this plan makes: it is never done to one that may hold data.
func (v *volumeBuild) initialize(s rack.VolumeSpec, c rack.StorageController, paths []string, made *change) {
	if s.Initialize == "" {
		return
	}
	v.inits = append(v.inits, &change{key: "volume_init:" + s.Name, needs: []need{{made.key, "a volume is initialised once it is there"}},
		step: step.Step{Kind: step.VolumeInit, Activation: step.None, Want: step.Facts{"name": made.step.Want["name"], "method": s.Initialize},
			EstimatedS: volumeS, Origin: v.origin(s), Args: step.Args{Path: c.Volumes, Drives: paths, Store: c.Path},
			Why: "initialize = " + strings.ToLower(s.Initialize) + ", of the new volume"}})
}
