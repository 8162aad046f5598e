package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/rack"
)

const arrayPath = "/redfish/v1/Systems/1/Storage/R"

// arrayLab is a node with ten drives behind one controller that offers everything: eight of one size, a smaller and a spinning one.
func arrayLab() (*lab, *rack.Node, *rack.System) {
	l, n, dev := one("r750")
	sys := &dev.Systems[0]
	act := func(name string) *rack.Action { return &rack.Action{Target: "/act/" + name, Style: rack.StyleDell} }
	sys.Controllers = append(sys.Controllers, rack.StorageController{ID: "R", Path: arrayPath, Name: "PERC H965", Volumes: arrayPath + "/Volumes", CanCreate: true,
		RAIDTypes: rack.RAIDTypes(), ApplyTimes: []string{"OnReset"}, Offer: &rack.ControllerOffer{Dedicate: act("a"), Globalise: act("a"), Unspare: act("u"),
			Import: act("i"), Clear: act("c"), Reset: act("r"), SetKey: act("k"), Volume: &rack.VolumeOffer{Strips: []int64{64 << 10, 256 << 10}, MaxSpans: 8,
				ReadCache: []string{"Off", "ReadAhead"}, WriteCache: []string{"WriteThrough"}, Encrypted: true, Initialize: []string{"Fast"}}}})
	for i := range 10 {
		d := rack.Drive{ID: fmt.Sprintf("r%d", i), Path: fmt.Sprintf("%s/Drives/%d", arrayPath, i), SerialNumber: fmt.Sprintf("R%d", i), Media: "SSD",
			CapacityBytes: 4e12, Protocol: "SAS", Controller: arrayPath, Bay: fmt.Sprintf("Bay %d", i), State: &rack.DriveState{}}
		if i == 8 {
			d.CapacityBytes = 1e12
		}
		if i == 9 {
			d.Media = "HDD"
		}
		sys.Drives = append(sys.Drives, d)
	}
	n.Disks = &rack.DiskSpec{Origin: line(50)}
	return l, n, sys
}

func wanted(raid string, count int) rack.VolumeSpec {
	return rack.VolumeSpec{Name: "data", RAID: raid, OnDestroy: "keep", Origin: line(30), Drives: rack.DriveSelector{Count: count, Protocol: "SAS", Media: "SSD"}}
}

// exists puts a volume of the first drives there.
func exists(sys *rack.System, name, raid string, count int) *rack.Volume {
	v := rack.Volume{ID: "7", Path: arrayPath + "/Volumes/7", Name: name, RAIDType: raid, Controller: arrayPath, Detail: &rack.VolumeDetail{}}
	for i := range sys.Drives {
		if d := &sys.Drives[i]; d.Controller == arrayPath && len(v.Drives) < count {
			v.Drives, d.InVolume = append(v.Drives, d.SerialNumber), true
		}
	}
	sys.Volumes = append(sys.Volumes, v)
	return &sys.Volumes[len(sys.Volumes)-1]
}

func drive(sys *rack.System, serial string) *rack.Drive {
	return &sys.Drives[slices.IndexFunc(sys.Drives, func(d rack.Drive) bool { return d.SerialNumber == serial })]
}

// told is a plan as a line a step: kind, what it wants, and what it waits for.
func told(p Plan) []string {
	var out []string
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			var words []string
			for _, k := range sortedKeys(s.Want) {
				words = append(words, fmt.Sprintf("%s=%v", k, s.Want[k]))
			}
			out = append(out, strings.TrimSpace(string(s.Kind)+" "+strings.Join(words, " ")))
		}
	}
	return out
}

// TestStoragePlanned: what is done for each wish, in which order.
func TestStoragePlanned(t *testing.T) {
	for _, c := range []struct {
		name string
		ask  func(n *rack.Node, sys *rack.System)
		want []string
	}{
		{"everything a volume can say", func(n *rack.Node, _ *rack.System) {
			v := wanted("RAID60", 8)
			v.Spans, v.StripBytes, v.ReadCache, v.WriteCache, v.SharePercent = 2, 256<<10, "ReadAhead", "WriteThrough", 25
			n.Volumes = []rack.VolumeSpec{v}
			n.Volumes[0].Drives = rack.DriveSelector{Bays: []string{"Bay 0", "Bay 1", "Bay 2", "Bay 3", "Bay 4", "Bay 5", "Bay 6", "Bay 7"}}
		}, []string{"volume capacity_bytes=3999999721472 drives=[R0 R1 R2 R3 R4 R5 R6 R7] name=data raid_type=RAID60 read_cache=ReadAhead spans=2 strip_bytes=262144 " +
			"write_cache=WriteThrough", "reset"}},
		{"key, volume, initialisation and spare, each after the one before", func(n *rack.Node, _ *rack.System) {
			v := wanted("RAID5", 3)
			v.Encrypted, v.Initialize, v.Spares = true, "Fast", &rack.DriveSelector{Count: 1}
			n.Volumes = []rack.VolumeSpec{v}
			n.Disks.Keys = []rack.KeySpec{{Controller: "perc", ID: "k1", Key: "env:K"}}
		}, []string{"controller_key key_id=k1", "volume drives=[R0 R1 R2] encrypted=true name=data raid_type=RAID5", "reset", "spare serial=R3 spare=Dedicated volume=data",
			"volume_init method=Fast name=data"}},
		{"adopted by name, without drives", func(n *rack.Node, sys *rack.System) {
			exists(sys, "Virtual Disk 0", "RAID5", 3)
			n.Volumes = []rack.VolumeSpec{{Name: "data", RAID: "RAID5", VolumeOptions: rack.VolumeOptions{Adopt: rack.AdoptOnly, AdoptName: "Virtual Disk 0"}}}
		}, nil},
		{"adopted by id", func(n *rack.Node, sys *rack.System) {
			exists(sys, "Virtual Disk 0", "RAID5", 3)
			n.Volumes = []rack.VolumeSpec{{Name: "data", RAID: "RAID5", VolumeOptions: rack.VolumeOptions{Adopt: rack.AdoptOnly, AdoptName: "7"}}}
		}, nil},
		{"adopted because it fits", func(n *rack.Node, sys *rack.System) {
			exists(sys, "Virtual Disk 0", "RAID5", 3)
			v := wanted("RAID5", 3)
			v.Adopt = rack.AdoptOnly
			n.Volumes = []rack.VolumeSpec{v}
		}, nil},
		{"never adopted: another one is made", func(n *rack.Node, sys *rack.System) {
			exists(sys, "Virtual Disk 0", "RAID5", 3)
			v := wanted("RAID5", 3)
			v.Adopt = rack.AdoptNever
			n.Volumes = []rack.VolumeSpec{v}
		}, []string{"volume drives=[R3 R4 R5] name=data raid_type=RAID5", "reset"}},
		{"caches of a volume that exists", func(n *rack.Node, sys *rack.System) {
			v := exists(sys, "data", "RAID5", 3)
			v.Detail = &rack.VolumeDetail{ReadCache: "Off", WriteCache: "WriteThrough", Writable: []string{"ReadCachePolicy"}}
			w := wanted("RAID5", 3)
			w.ReadCache, w.WriteCache, w.Initialize = "ReadAhead", "WriteThrough", "Fast" // one that exists is never initialised
			n.Volumes = []rack.VolumeSpec{w}
		}, []string{"volume_set read_cache=ReadAhead"}},
		{"a spare beyond the declared, and one of another kind", func(n *rack.Node, sys *rack.System) {
			exists(sys, "data", "RAID5", 3).Detail.Spares = []string{"R3", "R4", "R9"}
			for _, s := range []string{"R3", "R4", "R9"} {
				drive(sys, s).State.Hotspare = rack.SpareDedicated
			}
			v := wanted("RAID5", 3)
			v.Spares = &rack.DriveSelector{Count: 1, Media: "SSD"}
			n.Volumes = []rack.VolumeSpec{v}
		}, []string{"spare serial=R4 spare=None", "spare serial=R9 spare=None"}},
		{"global spares are counted, and dedicated ones are others", func(n *rack.Node, sys *rack.System) {
			exists(sys, "data", "RAID5", 3)
			drive(sys, "R4").State.Hotspare, drive(sys, "R5").State.Hotspare = rack.SpareGlobal, rack.SpareDedicated
			n.Disks.Spares = []rack.SpareSpec{{Name: "any", Drives: rack.DriveSelector{Count: 2, ControllerHas: "perc", Media: "SSD"}}}
		}, []string{"spare serial=R3 spare=Global"}},
		{"spares that nobody speaks of", func(n *rack.Node, sys *rack.System) {
			exists(sys, "data", "RAID5", 3).Detail.Spares = []string{"R3"}
			drive(sys, "R3").State.Hotspare = rack.SpareDedicated
			n.Volumes = []rack.VolumeSpec{wanted("RAID5", 3)}
		}, nil},
		{"cleared first, then used", func(n *rack.Node, sys *rack.System) {
			drive(sys, "R1").State.Foreign = true
			n.Disks.Foreign = rack.ForeignClear
			n.AllowDataLoss = &rack.DataLossGrant{Owner: "ops", Reason: "old"}
			n.Volumes = []rack.VolumeSpec{wanted("RAID1", 2)}
		}, []string{"foreign foreign=cleared", "volume drives=[R0 R1] name=data raid_type=RAID1", "reset"}},
		{"the same key is left alone", func(n *rack.Node, sys *rack.System) {
			sys.Controllers[2].Offer.KeyID = "k1"
			n.Disks.Keys = []rack.KeySpec{{Controller: "R", ID: "k1", Key: "env:K"}}
		}, nil},
		{"a namespace that exists, and one beside it", func(n *rack.Node, sys *rack.System) {
			sys.Controllers[0].Offer = &rack.ControllerOffer{Namespace: true}
			sys.Controllers[0].Volumes = "/v"
			sys.Namespaces = []rack.Namespace{{ID: "1", Path: "/v/1", Name: "a", Drive: "N0", CapacityBytes: 1e12, LBABytes: 4096}}
			n.Disks.Namespaces = []rack.NamespaceSpec{{Name: "a", SizeBytes: 1e12, LBABytes: 4096}, {Name: "b", SizeBytes: 2e12}}
		}, []string{"namespace capacity_bytes=2000000000000 drive=N0 name=b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, n, sys := arrayLab()
			c.ask(n, sys)
			p, r := l.build()
			if !r.Clean() {
				t.Fatalf("left out:\n%s", planText(p))
			}
			if diff := cmp.Diff(c.want, told(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestStorageStops: what stops a plan, and what it says then.
func TestStorageStops(t *testing.T) {
	for _, c := range []struct {
		name, rule, says string
		list             func(Report) []Note
		ask              func(n *rack.Node, sys *rack.System)
	}{
		{"unknown type", "volume.members", "Did you mean \"RAID6\"?", blockedOf, func(n *rack.Node, _ *rack.System) { n.Volumes = []rack.VolumeSpec{wanted("RAID66", 8)} }},
		{"strip", "volume.unsupported", "it offers 64 KiB, 256 KiB", blockedOf, func(n *rack.Node, _ *rack.System) {
			v := wanted("RAID5", 3)
			v.StripBytes = 128 << 10
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"spans", "volume.unsupported", "makes 1 spans at most", blockedOf, func(n *rack.Node, sys *rack.System) {
			sys.Controllers[2].Offer.Volume.MaxSpans = 1
			v := wanted("RAID10", 4)
			v.Spans = 2
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"too few drives", "volume.drives", "would do for RAID0, RAID1", waitingOf, func(n *rack.Node, _ *rack.System) {
			n.Volumes = []rack.VolumeSpec{wanted("RAID5", 3)}
			n.Volumes[0].Drives = rack.DriveSelector{Count: 3, ControllerHas: "BOSS", Bays: []string{"1", "2", "30"}}
		}},
		{"adopt: no such name", "volume.adopt", `Its volumes are Virtual Disk 0. Did you mean "Virtual Disk 0"?`, blockedOf, func(n *rack.Node, sys *rack.System) {
			exists(sys, "Virtual Disk 0", "RAID5", 3)
			n.Volumes = []rack.VolumeSpec{{Name: "data", RAID: "RAID5", VolumeOptions: rack.VolumeOptions{Adopt: rack.AdoptOnly, AdoptName: "Virtual Disc 0"}}}
		}},
		{"adopt: another type", "volume.differs", "it is RAID5 and RAID6 is wanted", blockedOf, func(n *rack.Node, sys *rack.System) {
			exists(sys, "Virtual Disk 0", "RAID5", 3)
			n.Volumes = []rack.VolumeSpec{{Name: "data", RAID: "RAID6", VolumeOptions: rack.VolumeOptions{Adopt: rack.AdoptOnly, AdoptName: "Virtual Disk 0"}}}
		}},
		{"adopt: nothing fits", "volume.adopt", `of "Virtual Disk 0", it has 3 drives and 4 are wanted`, blockedOf, func(n *rack.Node, sys *rack.System) {
			exists(sys, "Virtual Disk 0", "RAID5", 3)
			v := wanted("RAID5", 4)
			v.Adopt = rack.AdoptOnly
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"strip of a volume that exists", "volume.differs", "its strips are 64 KiB and 256 KiB are wanted", blockedOf, func(n *rack.Node, sys *rack.System) {
			exists(sys, "data", "RAID5", 3).Detail.StripBytes = 64 << 10
			v := wanted("RAID5", 3)
			v.StripBytes = 256 << 10
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"not encrypted", "volume.differs", "it is not encrypted and shall be", blockedOf, func(n *rack.Node, sys *rack.System) {
			exists(sys, "data", "RAID5", 3)
			v := wanted("RAID5", 3)
			v.Encrypted = true
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"cache that cannot be written", "volume.cache", "does not let it be written", blockedOf, func(n *rack.Node, sys *rack.System) {
			exists(sys, "data", "RAID5", 3).Detail.WriteCache = "WriteThrough"
			v := wanted("RAID5", 3)
			v.WriteCache = "ProtectedWriteBack"
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"spare too small", "spare.drives", "bay Bay 8 is too small: 1000000000000 bytes, and a member has 4000000000000", waitingOf, func(n *rack.Node, _ *rack.System) {
			v := wanted("RAID5", 3)
			v.Spares = &rack.DriveSelector{Bays: []string{"Bay 8"}}
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"spare of another medium", "spare.drives", "is a HDD, and the volume is of SSDs", waitingOf, func(n *rack.Node, _ *rack.System) {
			v := wanted("RAID5", 3)
			v.Spares = &rack.DriveSelector{Bays: []string{"Bay 9"}}
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"spare on another controller", "spare.drives", "hangs on another controller", waitingOf, func(n *rack.Node, _ *rack.System) {
			v := wanted("RAID5", 3)
			v.Spares = &rack.DriveSelector{Count: 1, ControllerHas: "BOSS"}
			n.Volumes = []rack.VolumeSpec{v}
		}},
		{"no global spares", "spare.unsupported", "dedicated ones only", blockedOf, func(n *rack.Node, sys *rack.System) {
			sys.Controllers[2].Offer.Globalise = nil
			n.Disks.Spares = []rack.SpareSpec{{Name: "any", Drives: rack.DriveSelector{Count: 1, ControllerHas: "perc"}}}
		}},
		{"locked drives", "volume.locked", "bays Bay 2", blockedOf, func(n *rack.Node, sys *rack.System) {
			drive(sys, "R2").State.Encryption = encryptionLocked
			n.Volumes = []rack.VolumeSpec{wanted("RAID5", 3)}
			n.Volumes[0].Drives.Bays = []string{"Bay 2", "Bay 3", "Bay 4"}
		}},
		{"another key", "controller.key", `has the key "old"`, blockedOf, func(n *rack.Node, sys *rack.System) {
			sys.Controllers[2].Offer.KeyID = "old"
			n.Disks.Keys = []rack.KeySpec{{Controller: "R", ID: "k1", Key: "env:K"}}
		}},
		{"two controllers of that name", "controller.unknown", "more than one controller", blockedOf, func(n *rack.Node, sys *rack.System) {
			sys.Controllers[1].Name = "PERC H755"
			n.Disks.Keys = []rack.KeySpec{{Controller: "perc", ID: "k1", Key: "env:K"}}
		}},
		{"clear without consent", "foreign.consent", "loses the volumes that it describes", blockedOf, func(n *rack.Node, sys *rack.System) {
			drive(sys, "R1").State.Foreign = true
			n.Disks.Foreign = rack.ForeignClear
		}},
		{"no room for a namespace", "namespace.room", "less than the namespace wants", blockedOf, func(n *rack.Node, sys *rack.System) {
			sys.Controllers[0].Offer = &rack.ControllerOffer{Namespace: true}
			n.Disks.Namespaces = []rack.NamespaceSpec{{Name: "a", SizeBytes: 8e12}}
		}},
		{"a namespace of another size", "namespace.differs", "its blocks are 512 bytes", blockedOf, func(n *rack.Node, sys *rack.System) {
			sys.Namespaces = []rack.Namespace{{Name: "a", Drive: "N0", CapacityBytes: 1e12, LBABytes: 512}}
			n.Disks.Namespaces = []rack.NamespaceSpec{{Name: "a", LBABytes: 4096}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, n, sys := arrayLab()
			wantBIOS(n, "Quiet", false) // something that could be done
			c.ask(n, sys)
			p, r := l.build()
			if !p.Empty() || !slices.ContainsFunc(c.list(r), func(x Note) bool { return x.Rule == c.rule && strings.Contains(x.Detail, c.says) && !x.Origin.IsZero() }) {
				t.Errorf("want %s with %q:\n%s", c.rule, c.says, planText(p))
			}
		})
	}
}

// TestImportFirst: with an import under way a volume that is not there waits, and the rest of the node goes on.
func TestImportFirst(t *testing.T) {
	l, n, sys := arrayLab()
	wantBIOS(n, "Quiet", false)
	drive(sys, "R1").State.Foreign = true
	n.Disks.Foreign = rack.ForeignImport
	n.Volumes = []rack.VolumeSpec{wanted("RAID1", 2)}
	p, r := l.build()
	if got := told(p); !slices.Contains(got, "foreign foreign=imported") || slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "volume") }) ||
		len(r.Waiting) != 1 || r.Waiting[0].Rule != "volume.import" || len(r.Blocked) != 0 {
		t.Errorf("%v\n%s", got, planText(p))
	}
}

// TestErasedSpare: a drive that is a hot spare is one no more before it is erased.
func TestErasedSpare(t *testing.T) {
	l, n, sys := arrayLab()
	exists(sys, "data", "RAID1", 2)
	n.OnDestroy, n.Erase = "erase", &rack.EraseSpec{Method: "crypto"}
	n.AllowDataLoss = &rack.DataLossGrant{Owner: "ops", Reason: "returned"}
	sys.Drives = slices.DeleteFunc(sys.Drives, func(d rack.Drive) bool { return d.Controller != arrayPath || !d.InVolume && d.SerialNumber != "R5" })
	drive(sys, "R5").State = &rack.DriveState{Hotspare: rack.SpareGlobal, Erase: &rack.DriveErase{Methods: []string{"crypto"}}}
	p, r := Destroy(l.d, l.o, Options{Now: testNow})
	if diff := cmp.Diff([]string{"spare serial=R5 spare=None", "erase erased=true method=crypto serial=R5"}, told(p)); diff != "" || !r.Clean() {
		t.Errorf("(-want +got):\n%s\n%s", diff, planText(p))
	}
}
