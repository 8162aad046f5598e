package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/metalwright/metalwright/internal/rack"
)

// drawLab makes any rack of up to five nodes, in any state, asked for anything that can be asked.
func drawLab(t *rapid.T) *lab {
	l := newLab()
	for _, p := range []string{"r750", "smc"} {
		drawPlatform(t, l, p)
	}
	names := []string{"n1", "n2", "n3", "n4", "n5"}
	for _, name := range names[:rapid.IntRange(1, 5).Draw(t, "nodes")] {
		n, dev := l.node(name, rapid.SampledFrom([]string{"r750", "smc"}).Draw(t, "platform"))
		drawState(t, dev)
		drawWishes(t, n)
	}
	return l
}

func drawPlatform(t *rapid.T, l *lab, p string) {
	b := l.d.Baselines[p+"/2026.11"]
	for i := range b.Components {
		b.Components[i].Keeps = rapid.Bool().Draw(t, "keeps")
		if i > 0 {
			b.Components[i].Reset = rapid.SampledFrom([]string{"none", "host_reset", "host_power_cycle", "aux_cycle", "bmc_reset"}).Draw(t, "class")
		}
		before := b.Components[rapid.IntRange(0, 2).Draw(t, "before")]
		if before.Name != b.Components[i].Name {
			switch rapid.IntRange(0, 3).Draw(t, "edge") {
			case 0:
				b.Components[i].Needs = map[string]string{before.Name: before.Want}
			case 1:
				b.Components[i].After = []string{before.Name}
			}
		}
	}
	if rapid.Bool().Draw(t, "no merge") {
		b.NoMerge = [][2]string{{"bios", "nic"}}
	}
	l.d.Baselines[b.Key] = b
	hw := l.d.Hardware["server."+p]
	if rapid.Bool().Draw(t, "platform no merge") {
		hw.NoMerge = []rack.NoMerge{{A: "bios", B: "volume", Why: "R57"}, {A: "volume", B: "volume", Why: "serial"}, {A: "bios", B: "firmware", Why: "x"}}
	}
	l.d.Hardware["server."+p] = hw
	l.d.Firmware = append(l.d.Firmware, rack.FirmwareSet{Address: rack.Address("firmware." + p), Rollout: rack.Rollout{
		Canary: rapid.IntRange(0, 2).Draw(t, "canary"), MaxParallel: rapid.IntRange(0, 3).Draw(t, "parallel")}})
}

func drawState(t *rapid.T, dev *rack.Device) {
	s := &dev.Systems[0]
	s.PowerState = rapid.SampledFrom([]string{"On", "Off", "PoweringOn"}).Draw(t, "state")
	dev.Capabilities.AuxCycle = "oem:/aux"
	s.BIOS.ApplyTimes = rapid.SampledFrom([][]string{nil, {"OnReset"}, {"OnReset", "Immediate"}}).Draw(t, "apply times")
	if rapid.Bool().Draw(t, "numa") {
		s.BIOS.Attributes["Numa"] = "NPS4"
	}
	if rapid.Bool().Draw(t, "pending") {
		s.BIOS.Pending = rack.Attributes{"Numa": "NPS2", "Sriov": "Enabled"}
	}
	for i, v := range []string{"1.0", "1.4", "28.39"} {
		if rapid.Bool().Draw(t, "old") {
			dev.Firmware[i].Version = v
		}
	}
	s.Controllers[1].ApplyTimes = rapid.SampledFrom([][]string{nil, {"OnReset"}, {"Immediate"}}).Draw(t, "volume times")
	if rapid.Bool().Draw(t, "order") {
		s.Boot.Order = []string{"Boot0002", "Boot0001"}
	}
}

func drawWishes(t *rapid.T, n *rack.Node) {
	n.Power = rapid.SampledFrom([]string{"", "On", "Off"}).Draw(t, "power")
	if rapid.Bool().Draw(t, "bios") {
		wantBIOS(n, "Numa", rapid.SampledFrom([]string{"NPS1", "NPS4"}).Draw(t, "value"), "Delay", int64(6), "Quiet", rapid.Bool().Draw(t, "quiet"))
	}
	if rapid.Bool().Draw(t, "firmware") {
		wantFirmware(n)
	}
	if rapid.Bool().Draw(t, "volume") {
		wantVolume(n)
		if rapid.Bool().Draw(t, "second volume") {
			n.Volumes = append(n.Volumes, rack.VolumeSpec{Name: "a-longer-name-than-that", RAID: "RAID0", Drives: rack.DriveSelector{Count: 1, Protocol: "SATA"}})
		}
	}
	if rapid.Bool().Draw(t, "boot") {
		n.Boot = &rack.BootSpec{Mode: "UEFI", Order: rapid.SampledFrom([][]string{{"Hdd"}, {"Pxe", "Hdd"}}).Draw(t, "classes")}
	}
	if rapid.Bool().Draw(t, "media") {
		n.Media = &rack.MediaSpec{Image: "https://mirror/i.iso", BootOnce: rapid.Bool().Draw(t, "once")}
	}
}

// TestPlanProperties: what holds for any rack.
func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLab(t)
		p, r := l.build()
		checkOrder(t, p)
		checkWaves(t, p)
		if len(r.Blocked) > 0 && r.Blocked[0].Rule != "firmware.order" { // a drawn circle; nothing else may be refused here
			t.Fatalf("refused:\n%s", planText(p))
		}

		again, _ := Build(shuffled(t, l.d), shuffledObservation(t, l.o), Options{Now: testNow})
		again.Design, again.Observation = p.Design, p.Observation // digests of what was shuffled
		again.Digest = again.ComputeDigest()
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("the plan depends on the order of its input (-as given +shuffled):\n%s", diff)
		}

		if back := clone(p); back.ComputeDigest() != p.Digest {
			t.Fatalf("a plan read back has another digest")
		}

		after, r := Build(l.d, settled(l.o, p), Options{Now: testNow})
		if !after.Empty() {
			t.Fatalf("after the plan ran, this is left:\n%s\nfirst plan:\n%s", planText(after), planText(p))
		}
		if len(r.Unreadable)+len(r.Waiting) > 0 {
			t.Fatalf("after the plan ran, a report:\n%s", planText(after))
		}
	})
}

// checkWaves: every planned node stands in exactly one wave, and no wave is larger than it may be.
func checkWaves(t *rapid.T, p Plan) {
	var inWaves, inPlan []string
	for _, w := range p.Waves {
		if len(w.Nodes) == 0 || w.MaxParallel < 1 || w.MaxParallel > len(w.Nodes) {
			t.Fatalf("wave %+v", w)
		}
		inWaves = append(inWaves, w.Nodes...)
	}
	for _, n := range p.Nodes {
		inPlan = append(inPlan, n.Name)
	}
	if !slices.Equal(inWaves, inPlan) {
		t.Fatalf("waves hold %v, the plan %v", inWaves, inPlan)
	}
}

// shuffled changes the order of everything whose order means nothing.
func shuffled(t *rapid.T, d rack.Design) rack.Design {
	d = clone(d)
	d.Nodes = rapid.Permutation(d.Nodes).Draw(t, "nodes order")
	d.Firmware = rapid.Permutation(d.Firmware).Draw(t, "sets order")
	for i := range d.Nodes {
		if len(d.Nodes[i].Volumes) > 1 {
			d.Nodes[i].Volumes = rapid.Permutation(d.Nodes[i].Volumes).Draw(t, "volumes order")
		}
	}
	return d
}

func shuffledObservation(t *rapid.T, o rack.Observation) rack.Observation {
	o = clone(o)
	o.Devices = rapid.Permutation(o.Devices).Draw(t, "devices order")
	for i := range o.Devices {
		d := &o.Devices[i]
		d.Firmware = rapid.Permutation(d.Firmware).Draw(t, "rows order")
		d.Systems[0].Drives = rapid.Permutation(d.Systems[0].Drives).Draw(t, "drives order")
		d.Systems[0].Controllers = rapid.Permutation(d.Systems[0].Controllers).Draw(t, "controllers order")
		d.Systems[0].Boot.Options = rapid.Permutation(d.Systems[0].Boot.Options).Draw(t, "options order")
	}
	return o
}

// TestBuildChangesNoInput: Build is pure, also in what it is given.
func TestBuildChangesNoInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLab(t)
		d, o := rack.DigestOf(l.d), rack.DigestOf(l.o)
		l.build()
		Destroy(l.d, l.o, Options{})
		if rack.DigestOf(l.d) != d || rack.DigestOf(l.o) != o {
			t.Fatalf("Build changed its input")
		}
	})
}
