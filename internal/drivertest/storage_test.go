package drivertest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

const controllerKey = "Correct-Horse-42"

// disks gives a test node twelve drives behind a controller, two of them larger, and two NVMe drives.
func disks(ask func(n *rack.Node)) func(d *rack.Design, n *rack.Node) {
	return func(d *rack.Design, n *rack.Node) {
		hw := d.Hardware[n.Hardware]
		hw.Disks = []rack.DiskFacts{{Name: "data", Count: 10, CapacityBytes: 960 << 30, Media: "SSD", Protocol: "SATA", By: "redfish"},
			{Name: "large", Count: 2, CapacityBytes: 1920 << 30, Media: "SSD", Protocol: "SATA", By: "redfish"},
			{Name: "scratch", Count: 2, CapacityBytes: 3840 << 30, Media: "SSD", Protocol: "NVMe", By: "host"}}
		d.Hardware[n.Hardware] = hw
		ask(n)
	}
}

// array is a volume that says everything there is to say.
func array(raid string, count int) rack.VolumeSpec {
	return rack.VolumeSpec{Name: "data", RAID: raid, OnDestroy: "keep", Drives: rack.DriveSelector{Count: count, Protocol: "SATA"}}
}

func one(n int) *rack.DriveSelector { return &rack.DriveSelector{Count: n, Protocol: "SATA"} }

// TestStorage: what a controller can be asked for is planned, done once, and found done.
func TestStorage(t *testing.T) {
	sum := sha256.Sum256([]byte(controllerKey))
	for _, c := range []struct {
		name, dialect string
		faults        []string
		ask           func(n *rack.Node)
		resets        int
		real          func(tr sim.Truth) bool
	}{
		{"RAID60, encrypted, initialised, spares of both kinds", "idrac", nil, func(n *rack.Node) {
			v := array("RAID60", 8)
			v.StripBytes, v.WriteCache, v.ReadCache, v.Initialize, v.Encrypted, v.Spares = 256<<10, "ProtectedWriteBack", "AdaptiveReadAhead", "Fast", true, one(1)
			n.Volumes = []rack.VolumeSpec{v}
			n.Disks = &rack.DiskSpec{Spares: []rack.SpareSpec{{Name: "any", Drives: *one(1)}},
				Keys: []rack.KeySpec{{Controller: "RAID.SL", ID: "site-7", Key: "env:RAID_KEY"}}}
		}, 0, func(tr sim.Truth) bool {
			v := tr.Volumes[0]
			k := tr.Keys["RAID.SL.3-1"]
			return v.RAID == "RAID60" && v.StripBytes == 256<<10 && v.WriteCache == "ProtectedWriteBack" && v.ReadCache == "AdaptiveReadAhead" &&
				v.Encrypted && slices.Equal(v.Inits, []string{"Fast"}) && len(v.Spares) == 1 && len(tr.Spares) == 1 && k.ID == "site-7" &&
				k.Sum == hex.EncodeToString(sum[:])
		}},
		{"RAID50 in two spans, a share of it", "ilo", nil, func(n *rack.Node) {
			v := array("RAID50", 6)
			v.StripBytes, v.Spans, v.WriteCache, v.Initialize, v.SharePercent, v.Spares = 128<<10, 2, "ProtectedWriteBack", "Slow", 50, one(1)
			n.Volumes = []rack.VolumeSpec{v}
		}, 0, func(tr sim.Truth) bool {
			v := tr.Volumes[0]
			return v.RAID == "RAID50" && v.Spans == 2 && v.StripBytes == 128<<10 && v.CapacityBytes == 2*960<<30 && slices.Equal(v.Inits, []string{"Slow"}) &&
				len(v.Spares) == 1
		}},
		{"the standard's key, spares and namespaces", "supermicro", []string{"swordfish"}, func(n *rack.Node) {
			v := array("RAID6", 4)
			v.Encrypted, v.Spares = true, one(1)
			n.Volumes = []rack.VolumeSpec{v}
			n.Disks = &rack.DiskSpec{Spares: []rack.SpareSpec{{Name: "any", Drives: *one(2)}}, Keys: []rack.KeySpec{{Controller: "HBA", ID: "k", Key: "env:K"}},
				Namespaces: []rack.NamespaceSpec{{Name: "a", SizeBytes: 1 << 40, LBABytes: 4096}, {Name: "b", SizeBytes: 1 << 40}}}
		}, 0, func(tr sim.Truth) bool {
			return tr.Volumes[0].Encrypted && len(tr.Volumes[0].Spares) == 1 && len(tr.Spares) == 2 && len(tr.Namespaces) == 2 &&
				tr.Namespaces[0].LBABytes == 4096 && tr.Namespaces[1].LBABytes == 512 && tr.Namespaces[0].Drive == tr.Namespaces[1].Drive
		}},
		{"a job that fails and a spare that is dropped are tried again", "idrac", []string{"volume-fails", "spare-dropped"}, func(n *rack.Node) {
			v := array("RAID1", 2)
			n.Volumes = []rack.VolumeSpec{v}
			n.Disks = &rack.DiskSpec{Spares: []rack.SpareSpec{{Name: "any", Drives: *one(1)}}}
		}, 0, func(tr sim.Truth) bool { return len(tr.Volumes) == 1 && len(tr.Spares) == 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, c.dialect, disks(c.ask), c.faults...)
				p := h.bring()
				if tr := h.bmc().Truth(); !c.real(tr) {
					t.Errorf("volumes %+v, spares %v, keys %v, namespaces %+v", tr.Volumes, tr.Spares, tr.Keys, tr.Namespaces)
				}
				if n := h.resets(); n != c.resets {
					t.Errorf("%d resets, want %d:\n%s", n, c.resets, stepsText(p))
				}
				for _, f := range c.faults {
					if h.bmc().Ledger().FaultsFired[f] == 0 {
						t.Errorf("fault %s never struck", f)
					}
				}
				if text, err := json.Marshal(p); err != nil || strings.Contains(string(text), controllerKey) {
					t.Errorf("the plan holds the key (%v)", err)
				}
			})
		})
	}
}

// TestStorageDrift: caches and spares that somebody changed are brought back; spares beyond what is declared are taken back, and
// so are those that this workspace assigned and nobody wants any more. Others are left alone.
func TestStorageDrift(t *testing.T) {
	for _, dialect := range []string{"idrac", "ilo"} {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, dialect, disks(func(n *rack.Node) {
					v := array("RAID5", 3)
					v.WriteCache, v.Spares = "WriteThrough", one(2)
					n.Volumes = []rack.VolumeSpec{v}
				}))
				h.bring()
				spares := h.bmc().Truth().Volumes[0].Spares
				h.node().Volumes[0].WriteCache = "ProtectedWriteBack"
				h.node().Volumes[0].Spares = one(1)
				p := h.bring()
				v := h.bmc().Truth().Volumes[0]
				if len(v.Spares) != 1 || v.WriteCache != "ProtectedWriteBack" || h.resets() > 1 {
					t.Fatalf("%+v after %d resets:\n%s", v, h.resets(), stepsText(p))
				}
				h.node().Volumes[0].Spares = nil
				if p := h.clean(); !p.Empty() {
					t.Fatalf("spares that nobody speaks of are touched:\n%s", stepsText(p))
				}
				h.opt.Spares = map[string][]string{node: spares}
				h.bring()
				if v := h.bmc().Truth().Volumes[0]; len(v.Spares) != 0 {
					t.Errorf("still a spare: %v", v.Spares)
				}
			})
		})
	}
}

// TestForeign: a foreign configuration stops a plan, is imported or cleared when that is said, and cleared only with consent.
func TestForeign(t *testing.T) {
	for _, c := range []struct {
		dialect string
		word    string
		faults  []string
		able    bool
	}{
		{"idrac", rack.ForeignImport, nil, true}, {"idrac", rack.ForeignClear, nil, true}, {"ilo", rack.ForeignImport, nil, false},
		{"supermicro", rack.ForeignImport, []string{"swordfish"}, true}, {"supermicro", rack.ForeignClear, []string{"swordfish"}, false},
		{"xcc", rack.ForeignClear, nil, false},
	} {
		t.Run(c.dialect+" "+c.word, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, c.dialect, disks(func(n *rack.Node) {
					v := array("RAID1", 2)
					v.Drives.Bays = []string{"Bay 0", "Bay 1"}
					n.Volumes = []rack.VolumeSpec{v}
				}), c.faults...)
				if err := h.bmc().Poke(sim.Poke{Foreign: []string{"0", "1"}}); err != nil {
					t.Fatal(err)
				}
				blocked(t, h.plan(), "volume.foreign", "Bay 0, Bay 1")
				h.node().Disks = &rack.DiskSpec{Foreign: c.word}
				if !c.able {
					blocked(t, h.plan(), "foreign.unsupported", "Bay 0, Bay 1")
					return
				}
				if c.word == rack.ForeignClear {
					blocked(t, h.plan(), "foreign.consent", "data_loss")
					h.node().AllowDataLoss = &rack.DataLossGrant{Owner: "ops", Reason: "drives of the old rack"}
					p := h.bring()
					if h.bmc().Ledger().ForeignCleared != 1 || len(h.bmc().Truth().Volumes) != 1 || p.Nodes[0].Steps[0].Kind != step.Foreign {
						t.Errorf("%+v\n%s", h.bmc().Truth().Volumes, stepsText(p))
					}
					return
				}
				p := h.plan()
				if len(p.Report.Waiting) != 1 || len(p.Report.Blocked) != 0 {
					t.Fatalf("%+v", p.Report)
				}
				h.do(p)
				if again := h.clean(); !again.Empty() || !warned(again, "volume.adopted", "foreign-") {
					t.Errorf("the imported volume is not taken: %+v\n%s", again.Report, stepsText(again))
				}
			})
		})
	}
}

func blocked(t *testing.T, p plan.Plan, rule, text string) {
	t.Helper()
	if !p.Empty() || !slices.ContainsFunc(p.Report.Blocked, func(n plan.Note) bool { return n.Rule == rule && strings.Contains(n.Detail, text) }) {
		t.Fatalf("want %s with %q: %+v\n%s", rule, text, p.Report, stepsText(p))
	}
}

// TestControllerReset: it takes an act and consent, names what it loses, and stops at volumes of somebody else.
func TestControllerReset(t *testing.T) {
	for _, dialect := range []string{"idrac", "ilo", "supermicro"} {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, dialect, disks(func(n *rack.Node) {
					a, b := array("RAID1", 2), array("RAID5", 3)
					b.Name = "other"
					n.Volumes = []rack.VolumeSpec{a, b}
				}))
				h.bring()
				h.node().Volumes = h.node().Volumes[:1]
				id := map[string]string{"idrac": "RAID.SL.3-1", "ilo": "DE00B000", "supermicro": "HBA0"}[dialect]
				ask := func(value string) plan.Plan {
					h.opt.Acts = []plan.Act{{Kind: plan.ActControllerReset, Node: node, Value: value, Owner: "ops", Reason: "begins anew"}}
					return h.plan()
				}
				if dialect == "supermicro" {
					blocked(t, ask(id), "controller.reset", "data, other")
					return
				}
				blocked(t, ask(id), "controller.consent", "data, other")
				h.node().AllowDataLoss = &rack.DataLossGrant{Owner: "ops", Reason: "begins anew"}
				blocked(t, ask(id), "controller.strange", "other")
				blocked(t, ask("RAIDX"), "controller.unknown", id)
				p := ask(id + ":all")
				if len(p.Nodes) != 1 || len(p.Report.Blocked) != 0 {
					t.Fatalf("%+v", p.Report)
				}
				h.do(p)
				if l := h.bmc().Ledger(); l.ControllersReset != 1 || len(h.bmc().Truth().Volumes) != 0 {
					t.Errorf("%+v, volumes %v", l.ControllersReset, h.bmc().Truth().Volumes)
				}
				h.opt.Acts = nil
				h.bring()
			})
		})
	}
}

// TestStorageUnsupported: what a platform does not offer is said when it is planned, with the reason.
func TestStorageUnsupported(t *testing.T) {
	spec := func(set func(v *rack.VolumeSpec)) func(n *rack.Node) {
		return func(n *rack.Node) {
			v := array("RAID5", 4)
			set(&v)
			n.Volumes = []rack.VolumeSpec{v}
		}
	}
	for _, c := range []struct {
		name, dialect, rule, text string
		faults                    []string
		ask                       func(n *rack.Node)
	}{
		{"strip", "supermicro", "volume.unsupported", "does not say", nil, spec(func(v *rack.VolumeSpec) { v.StripBytes = 64 << 10 })},
		{"strip size", "ilo", "volume.unsupported", "it offers 64 KiB, 128 KiB", nil, spec(func(v *rack.VolumeSpec) { v.StripBytes = 2 << 20 })},
		{"read cache", "ilo", "volume.unsupported", "it offers Off, ReadAhead", nil, spec(func(v *rack.VolumeSpec) { v.ReadCache = "AdaptiveReadAhead" })},
		{"spans", "idrac", "volume.unsupported", "leave spans out", nil, func(n *rack.Node) {
			n.Volumes = []rack.VolumeSpec{array("RAID50", 6)}
			n.Volumes[0].Spans = 2
		}},
		{"initialise", "xcc", "volume.unsupported", "does not say", nil, spec(func(v *rack.VolumeSpec) { v.Initialize = "Fast" })},
		{"encrypted", "ilo", "volume.unsupported", "makes no encrypted volumes", nil, spec(func(v *rack.VolumeSpec) { v.Encrypted = true })},
		{"encrypted without a key", "idrac", "volume.unsupported", "has no key", nil, spec(func(v *rack.VolumeSpec) { v.Encrypted = true })},
		{"dedicated spare", "xcc", "spare.unsupported", "offers none", nil, spec(func(v *rack.VolumeSpec) { v.Spares = one(1) })},
		{"global spare", "xcc", "spare.unsupported", "offers none", nil, func(n *rack.Node) {
			n.Disks = &rack.DiskSpec{Spares: []rack.SpareSpec{{Name: "any", Drives: *one(1)}}}
		}},
		{"key", "ilo", "controller.key", "does not offer to set one", nil, func(n *rack.Node) {
			n.Disks = &rack.DiskSpec{Keys: []rack.KeySpec{{Controller: "DE00B", ID: "k", Key: "env:K"}}}
		}},
		{"namespace", "idrac", "namespace.unsupported", "make it from the host", nil, func(n *rack.Node) {
			n.Disks = &rack.DiskSpec{Namespaces: []rack.NamespaceSpec{{Name: "a"}}}
		}},
		{"namespace", "openbmc", "namespace.unsupported", "make it from the host", nil, func(n *rack.Node) {
			n.Disks = &rack.DiskSpec{Namespaces: []rack.NamespaceSpec{{Name: "a"}}}
		}},
		{"no RAID60", "ilo", "volume.controller", "makes RAID0, RAID1", []string{"no-raid60"}, func(n *rack.Node) { n.Volumes = []rack.VolumeSpec{array("RAID60", 8)} }},
		{"no volumes at all", "ami", "volume.controller", "makes no volume through its BMC", nil, func(n *rack.Node) { n.Volumes = []rack.VolumeSpec{array("RAID60", 8)} }},
		{"no volumes at all", "openbmc", "volume.controller", "makes no volume through its BMC", nil, func(n *rack.Node) { n.Volumes = []rack.VolumeSpec{array("RAID60", 8)} }},
	} {
		t.Run(c.name+" on "+c.dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				blocked(t, newHost(t, c.dialect, disks(c.ask), c.faults...).plan(), c.rule, c.text)
			})
		})
	}
}

// TestEndlessInit: an initialisation that never ends is under way for ever, and never done.
func TestEndlessInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "ilo", disks(func(n *rack.Node) {
			v := array("RAID1", 2)
			v.Initialize = "Fast"
			n.Volumes = []rack.VolumeSpec{v}
		}), "init-endless")
		p := h.clean()
		d, ops := h.driver(), map[step.ID]*step.Op{}
		defer closing(t, d)
		steps := p.Nodes[0].Steps
		h.carry(d, steps[0], ops)
		if err := d.Act(t.Context(), steps[1], func(op step.Op) error { ops[steps[1].ID] = &op; return nil }); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if st, err := d.Check(t.Context(), steps[1], ops[steps[1].ID]); err != nil || st.Standing != step.Working {
				t.Fatalf("%s %v (%v)", st.Standing, st.Note, err)
			}
		}
	})
}

// TestLockedDrives: drives that are locked by a key nobody here has are named, and taken for nothing.
func TestLockedDrives(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, disks(func(n *rack.Node) {
			v := array("RAID1", 2)
			v.Drives.Bays = []string{"Bay 3", "Bay 4"}
			n.Volumes = []rack.VolumeSpec{v}
		}))
		if err := h.bmc().Poke(sim.Poke{Locked: []string{"3"}}); err != nil {
			t.Fatal(err)
		}
		blocked(t, h.plan(), "volume.locked", "Bay 3")
	})
}
