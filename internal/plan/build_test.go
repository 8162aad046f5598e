package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// TestFewestResets is the promise of the product: one host reset for BIOS settings, BIOS firmware, a volume and NIC firmware,
// and one BMC reset more when the BMC moves too.
func TestFewestResets(t *testing.T) {
	for _, platform := range []string{"r750", "smc"} {
		for _, c := range []struct {
			name   string
			change func(*rack.Node, *rack.Device)
			want   map[string]int
			naive  int
		}{
			{"nothing", func(*rack.Node, *rack.Device) {}, nil, 0},
			{"attributes", func(n *rack.Node, _ *rack.Device) { wantBIOS(n, "Sriov", "Enabled", "Numa", "NPS4") }, map[string]int{"host_reset": 1}, 1},
			{"all four", all4, map[string]int{"host_reset": 1}, 4},
			{"all four and BMC", func(n *rack.Node, d *rack.Device) { all4(n, d); setVersion(d, "BMC", "1.0") },
				map[string]int{"host_reset": 1, "bmc_reset": 1}, 5},
			{"BMC alone", func(n *rack.Node, d *rack.Device) { wantFirmware(n); setVersion(d, "BMC", "1.0") }, map[string]int{"bmc_reset": 1}, 1},
			{"all four on a host that is off", func(n *rack.Node, d *rack.Device) { all4(n, d); n.Power = "On"; d.Systems[0].PowerState = "Off" },
				map[string]int{}, 4},
		} {
			t.Run(platform+"/"+c.name, func(t *testing.T) {
				l, n, dev := one(platform)
				c.change(n, dev)
				p, r := l.build()
				if !r.Clean() {
					t.Fatalf("not clean:\n%s", planText(p))
				}
				if c.want == nil {
					if !p.Empty() {
						t.Fatalf("want an empty plan, got:\n%s", planText(p))
					}
					return
				}
				if len(p.Nodes) != 1 {
					t.Fatalf("want one node planned, got:\n%s", planText(p))
				}
				if diff := cmp.Diff(c.want, p.Nodes[0].Resets); diff != "" {
					t.Errorf("resets (-want +got):\n%s\n%s", diff, planText(p))
				}
				if got := p.Nodes[0].NaiveResets; got != c.naive {
					t.Errorf("naive resets: want %d, got %d", c.naive, got)
				}
			})
		}
	}
}

func all4(n *rack.Node, d *rack.Device) {
	wantBIOS(n, "Sriov", "Enabled")
	wantFirmware(n)
	wantVolume(n)
	setVersion(d, "BIOS", "1.4")
	setVersion(d, "NIC", "28.39")
}

// TestBMCFirst: pending jobs may die with the BMC, so nothing is staged before its reset.
func TestBMCFirst(t *testing.T) {
	l, n, dev := one("r750")
	all4(n, dev)
	setVersion(dev, "BMC", "1.0")
	p, _ := l.build()
	var kinds []string
	for _, s := range p.Nodes[0].Steps {
		kinds = append(kinds, string(s.Kind)+" "+s.Args.Component)
	}
	want := []string{"firmware bmc", "reset ", "firmware bios", "firmware nic", "bios ", "volume ", "reset "}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLayers(t *testing.T) {
	baseline := func(l *lab, f func(*rack.Baseline)) {
		b := l.d.Baselines["r750/2026.11"]
		f(&b)
		l.d.Baselines[b.Key] = b
	}
	for _, c := range []struct {
		name  string
		setup func(*lab, *rack.Node, *rack.Device)
		want  map[string]int
		merge string // part of a not_merged reason
	}{
		{"needs of a BMC cuts no second host reset", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			setVersion(d, "BMC", "1.0")
			baseline(l, func(b *rack.Baseline) { b.Components[1].Needs = map[string]string{"bmc": "2.0"} })
		}, map[string]int{"bmc_reset": 1, "host_reset": 1}, ""},
		{"needs of a host component cuts a layer", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			baseline(l, func(b *rack.Baseline) { b.Components[2].Needs = map[string]string{"bios": "2.1"} })
		}, map[string]int{"host_reset": 2}, "needs bios 2.1 running first"},
		{"a need that is met already cuts nothing", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			baseline(l, func(b *rack.Baseline) { b.Components[1].Needs = map[string]string{"nic": "28.39"} })
		}, map[string]int{"host_reset": 1}, ""},
		{"after is order only", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			baseline(l, func(b *rack.Baseline) { b.Components[1].After = []string{"nic"} })
		}, map[string]int{"host_reset": 1}, ""},
		{"no_merge of the baseline", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			baseline(l, func(b *rack.Baseline) { b.NoMerge = [][2]string{{"nic", "bios"}} })
		}, map[string]int{"host_reset": 2}, "no_merge of baseline"},
		{"no_merge of the platform", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			hw := l.d.Hardware["server.r750"]
			hw.NoMerge = []rack.NoMerge{{A: "bios", B: "volume", Why: "R57: jobs derail"}}
			l.d.Hardware["server.r750"] = hw
		}, map[string]int{"host_reset": 2}, "R57"},
		{"a flash that clears NVRAM comes before the settings", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			baseline(l, func(b *rack.Baseline) { b.Components[1].Keeps = false })
		}, map[string]int{"host_reset": 2}, "clears NVRAM"},
		{"the strongest class serves the weaker", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			d.Capabilities.AuxCycle = "oem:/x"
			baseline(l, func(b *rack.Baseline) { b.Components[2].Reset = "aux_cycle" })
		}, map[string]int{"aux_cycle": 1}, ""},
		{"a BMC that goes last has its reset last", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			setVersion(d, "BMC", "1.0")
			baseline(l, func(b *rack.Baseline) { b.Components[0].Needs = map[string]string{"nic": "28.43"} })
		}, map[string]int{"bmc_reset": 1, "host_reset": 1}, ""},
		{"a chain of BMC parts comes before all else", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			setVersion(d, "BMC", "1.0")
			extra(l, d, "cpld", "bmc_reset", map[string]string{"bmc": "2.0"})
			baseline(l, func(b *rack.Baseline) { b.Components[1].Needs = map[string]string{"cpld": "5"} })
		}, map[string]int{"bmc_reset": 2, "host_reset": 1}, ""},
		{"what needs a late BMC shares the layer that follows it", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			setVersion(d, "BMC", "1.0")
			extra(l, d, "cpld", "host_reset", map[string]string{"nic": "28.43"})
			baseline(l, func(b *rack.Baseline) {
				b.Components[0].Needs = map[string]string{"nic": "28.43"}
				b.Components[1].Needs = map[string]string{"bmc": "2.0"}
			})
		}, map[string]int{"bmc_reset": 1, "host_reset": 2}, "needs nic 28.43"},
		{"a BMC that is staged after another part waits for its activation", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			setVersion(d, "BMC", "1.0")
			extra(l, d, "cpld", "host_reset", map[string]string{"bmc": "2.0"})
			baseline(l, func(b *rack.Baseline) { b.Components[0].After = []string{"nic"} })
		}, map[string]int{"bmc_reset": 1, "host_reset": 2}, ""},
		{"media rides on the same reset", func(_ *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			n.Media = &rack.MediaSpec{Image: "https://mirror/i.iso", BootOnce: true}
		}, map[string]int{"host_reset": 1}, ""},
		{"media does not ride on an aux cycle", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			d.Capabilities.AuxCycle = "oem:/x"
			baseline(l, func(b *rack.Baseline) { b.Components[2].Reset = "aux_cycle" })
			n.Media = &rack.MediaSpec{Image: "https://mirror/i.iso", BootOnce: true}
		}, map[string]int{"aux_cycle": 1, "host_reset": 1}, "do not survive"},
		{"a class without a verb rises to the next", func(_ *lab, n *rack.Node, d *rack.Device) {
			wantBIOS(n, "Sriov", "Enabled")
			d.Capabilities.ResetTypes = []string{"On", "PowerCycle"}
		}, map[string]int{"host_power_cycle": 1}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, n, dev := one("r750")
			c.setup(l, n, dev)
			p, r := l.build()
			if !r.Clean() || len(p.Nodes) != 1 {
				t.Fatalf("want a clean plan of one node:\n%s", planText(p))
			}
			if diff := cmp.Diff(c.want, p.Nodes[0].Resets); diff != "" {
				t.Errorf("resets (-want +got):\n%s\n%s", diff, planText(p))
			}
			merged := strings.Join(p.Nodes[0].NotMerged, "\n")
			if c.merge == "" && merged != "" || !strings.Contains(merged, c.merge) {
				t.Errorf("not merged: want %q, got %q", c.merge, merged)
			}
			checkOrder(t, p)
		})
	}
}

// extra adds a component that is not at its version.
func extra(l *lab, d *rack.Device, name, class string, needs map[string]string) {
	b := l.d.Baselines["r750/2026.11"]
	c := b.Components[2]
	c.Name, c.Want, c.Reset, c.Needs, c.Select = name, "5", class, needs, rack.RowSelect{ID: "^" + name + "$"}
	b.Components = append(b.Components, c)
	l.d.Baselines[b.Key] = b
	d.Firmware = append(d.Firmware, rack.Firmware{ID: name, Version: "4"})
}

// checkOrder holds the structure of a plan: topological, and every staged step activated once, by enough.
func checkOrder(t interface{ Errorf(string, ...any) }, p Plan) {
	for _, n := range p.Nodes {
		at := map[step.ID]int{}
		activated := map[step.ID]int{}
		last := step.ID("")
		for i, s := range n.Steps {
			if s.ID <= last {
				t.Errorf("%s: ids do not rise", s.ID)
			}
			last = s.ID
			for _, a := range s.After {
				if j, ok := at[a]; !ok || j >= i {
					t.Errorf("%s comes after %s, which is not before it", s.ID, a)
				}
			}
			for _, a := range s.Activates {
				activated[a]++
				j, ok := at[a]
				if !ok {
					t.Errorf("%s activates %s, which is not before it", s.ID, a)
					continue
				}
				class := s.Activation
				if s.Kind == step.Power { // turning an off host on serves what a reset or power cycle of the host would
					class = step.HostPowerCycle
				}
				if n.Steps[j].Activation > class {
					t.Errorf("%s needs %s and gets %s", a, n.Steps[j].Activation, class)
				}
			}
			at[s.ID] = i
		}
		members := map[any]bool{}
		for _, s := range n.Steps {
			list, _ := s.Want["drives"].([]any)
			for _, serial := range list {
				if members[serial] {
					t.Errorf("drive %v goes into two volumes", serial)
				}
				members[serial] = true
			}
		}
		for _, s := range n.Steps {
			want := 0
			if s.Activation > step.None && s.Kind != step.Reset {
				want = 1
			}
			if activated[s.ID] != want {
				t.Errorf("%s is activated %d times, want %d", s.ID, activated[s.ID], want)
			}
		}
		total := 0
		for _, k := range n.Resets {
			total += k
		}
		if total > n.NaiveResets {
			t.Errorf("%s: %d resets, more than the naive %d", n.Name, total, n.NaiveResets)
		}
	}
}

// TestReportStops: what is refused, and that nothing of the node is planned then.
func TestReportStops(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(*lab, *rack.Node, *rack.Device)
		list  func(Report) []Note
		rule  string
		has   string
	}{
		{"no device", func(l *lab, _ *rack.Node, _ *rack.Device) { l.o.Devices = nil }, unreadableOf, "node.unseen", "No BMC answered"},
		{"two devices", func(l *lab, _ *rack.Node, d *rack.Device) { l.o.Devices = append(l.o.Devices, *d) }, blockedOf, "node.twice", "2 devices"},
		{"no host", func(l *lab, _ *rack.Node, d *rack.Device) {
			d.Systems[0].Host = false
			l.o.Gaps = []rack.Gap{{Address: d.Address, Path: "/redfish/v1/Systems", Reason: "503"}}
		}, unreadableOf, "node.host", "503"},
		{"swapped unit", func(_ *lab, _ *rack.Node, d *rack.Device) { d.Systems[0].Model = "PowerEdge R760" }, blockedOf, RuleIdentity, `"PowerEdge R760"`},
		{"leak", func(_ *lab, _ *rack.Node, d *rack.Device) {
			d.LeakDetectors = []rack.LeakDetector{{ID: "Leak_0", State: "Critical", Status: "Enabled"}}
		}, blockedOf, "safety", "Leak_0"},
		{"GPU missing", func(l *lab, _ *rack.Node, d *rack.Device) {
			hw := l.d.Hardware["server.r750"]
			hw.GPU = &rack.PartFacts{Model: "H100", Count: 2}
			l.d.Hardware["server.r750"] = hw
			d.Systems[0].GPUs = []rack.GPU{{ID: "1", SerialNumber: "A"}, {ID: "1b", SerialNumber: "A"}}
			d.Systems = append(d.Systems, rack.System{ID: "other", Host: true, GPUs: []rack.GPU{{ID: "2", SerialNumber: "B"}}})
		}, waitingOf, RuleGPUs, "1 of 2 GPUs"},
		{"unknown attribute", func(_ *lab, n *rack.Node, _ *rack.Device) { wantBIOS(n, "Sriovv", "Enabled") }, blockedOf, "bios.unknown", `Did you mean "Sriov"?`},
		{"value not allowed", func(_ *lab, n *rack.Node, _ *rack.Device) { wantBIOS(n, "Numa", "NPS3") }, blockedOf, "bios.value", `"NPS1" or "NPS2" or "NPS4"`},
		{"out of bounds", func(_ *lab, n *rack.Node, _ *rack.Device) { wantBIOS(n, "Delay", int64(61)) }, blockedOf, "bios.value", "at most 60"},
		{"off the increment", func(_ *lab, n *rack.Node, _ *rack.Device) { wantBIOS(n, "Delay", int64(4)) }, blockedOf, "bios.value", "steps of 3"},
		{"read-only", func(_ *lab, n *rack.Node, d *rack.Device) {
			wantBIOS(n, "Model", "X")
			d.Systems[0].BIOS.Attributes["Model"] = "Y"
		}, blockedOf, "bios.read_only", "read-only"},
		{"not offered by this host", func(_ *lab, n *rack.Node, _ *rack.Device) { wantBIOS(n, "Model", "X") }, blockedOf, "bios.absent", "does not show it"},
		{"BIOS gap", func(l *lab, n *rack.Node, d *rack.Device) {
			wantBIOS(n, "Sriov", "Enabled")
			l.o.Gaps = []rack.Gap{{Address: d.Address, Path: "/redfish/v1/systems/1/BIOS/Settings/", Reason: "timed out"}}
		}, unreadableOf, "bios.read", "timed out"},
		{"below the floor", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			l.d.Baselines["r750/2026.11"].Components[1].Floor = "2.2"
		}, blockedOf, "firmware.floor", "below its floor 2.2"},
		{"image too large", func(_ *lab, n *rack.Node, d *rack.Device) { all4(n, d); d.Capabilities.MaxImageBytes = 1 }, blockedOf, "firmware.size", "takes 1"},
		{"no method", func(_ *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			d.Capabilities.MultipartPush, d.Capabilities.SimpleUpdate = false, false
		}, blockedOf, "firmware.method", "offers none"},
		{"baseline of another platform", func(l *lab, n *rack.Node, _ *rack.Device) {
			n.Firmware = &rack.FirmwareRef{Baseline: "smc/2026.11"}
		}, blockedOf, "firmware.match", "is for"},
		{"expired baseline", func(l *lab, n *rack.Node, _ *rack.Device) {
			wantFirmware(n)
			b := l.d.Baselines["r750/2026.11"]
			b.Expires = "2026-11-19T00:00:00Z"
			l.d.Baselines[b.Key] = b
		}, blockedOf, "firmware.expired", "expired"},
		{"placeholder version", func(_ *lab, n *rack.Node, d *rack.Device) { wantFirmware(n); setVersion(d, "NIC", "N/A") }, unreadableOf, "firmware.version", "NIC"},
		{"no row", func(_ *lab, n *rack.Node, d *rack.Device) { wantFirmware(n); d.Firmware = d.Firmware[:2] }, blockedOf, "firmware.row", "nic"},
		{"no row, with a gap", func(l *lab, n *rack.Node, d *rack.Device) {
			wantFirmware(n)
			d.Firmware = d.Firmware[:2]
			l.o.Gaps = []rack.Gap{{Address: d.Address, Path: "/redfish/v1/UpdateService/FirmwareInventory/NIC", Reason: "500"}}
		}, unreadableOf, "firmware.row", "500"},
		{"need that nothing reaches", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			l.d.Baselines["r750/2026.11"].Components[1].Needs = map[string]string{"bmc": "3.0"}
		}, blockedOf, "firmware.needs", "needs bmc 3.0"},
		{"circle", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			l.d.Baselines["r750/2026.11"].Components[1].After = []string{"nic"}
			l.d.Baselines["r750/2026.11"].Components[2].After = []string{"bios"}
		}, blockedOf, "firmware.order", "firmware:bios, firmware:nic"},
		{"class without a verb", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			l.d.Baselines["r750/2026.11"].Components[2].Reset = "ac_cycle"
		}, waitingOf, "reset.class", "pull the feed"},
		{"volume of other members", func(_ *lab, n *rack.Node, d *rack.Device) {
			wantVolume(n)
			d.Systems[0].Volumes = []rack.Volume{{ID: "1", Name: "boot", RAIDType: "RAID1", Drives: []string{"N0", "S1"}}}
		}, blockedOf, "volume.differs", "data_loss"},
		{"volume of another type, with consent", func(_ *lab, n *rack.Node, d *rack.Device) {
			wantVolume(n)
			n.AllowDataLoss = &rack.DataLossGrant{Owner: "me"}
			d.Systems[0].Volumes = []rack.Volume{{ID: "1", Name: "boot", RAIDType: "RAID0", Drives: []string{"S1", "S2"}}}
		}, blockedOf, "volume.differs", "never deletes"},
		{"drives in use", func(_ *lab, n *rack.Node, d *rack.Device) {
			wantVolume(n)
			for i := range d.Systems[0].Drives {
				d.Systems[0].Drives[i].InVolume = true
			}
		}, blockedOf, "volume.drives", "Nothing is erased"},
		{"drives missing", func(_ *lab, n *rack.Node, d *rack.Device) {
			wantVolume(n)
			d.Systems[0].Drives = d.Systems[0].Drives[:1]
		}, waitingOf, "volume.drives", "fit the missing"},
		{"drives that say nothing", func(_ *lab, n *rack.Node, d *rack.Device) {
			wantVolume(n)
			for i := range d.Systems[0].Drives {
				d.Systems[0].Drives[i].Protocol = ""
			}
		}, unreadableOf, "volume.drives", "not guessed"},
		{"controller makes none", func(_ *lab, n *rack.Node, d *rack.Device) {
			wantVolume(n)
			d.Systems[0].Controllers[1].CanCreate = false
		}, blockedOf, "volume.controller", "host software RAID"},
		{"order not writable", func(_ *lab, n *rack.Node, d *rack.Device) {
			n.Boot = &rack.BootSpec{Order: []string{"Hdd"}}
			d.Systems[0].Boot.OrderWritable = false
		}, blockedOf, "boot.order", "does not let"},
		{"no media slot", func(_ *lab, n *rack.Node, d *rack.Device) {
			n.Media = &rack.MediaSpec{Image: "x"}
			d.Systems[0].Media = nil
		}, blockedOf, "media.none", "no virtual media"},
		{"media in use", func(_ *lab, n *rack.Node, d *rack.Device) {
			n.Media = &rack.MediaSpec{Image: "x"}
			d.Systems[0].Media[0].Inserted, d.Systems[0].Media[0].Image = true, "y"
		}, waitingOf, "media.busy", "holds y"},
		{"power unknown", func(_ *lab, n *rack.Node, d *rack.Device) { n.Power = "On"; d.Systems[0].PowerState = "" }, unreadableOf, "power.state", "whether it is on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, n, dev := one("r750")
			wantBIOS(n, "Quiet", false) // something that could be done
			c.setup(l, n, dev)
			p, r := l.build()
			if !p.Empty() {
				t.Errorf("something is planned:\n%s", planText(p))
			}
			for _, note := range c.list(r) {
				if note.Rule == c.rule && strings.Contains(note.Detail, c.has) {
					if note.Origin.IsZero() {
						t.Errorf("the note has no place in the text: %+v", note)
					}
					return
				}
			}
			t.Errorf("no note of rule %s with %q:\n%s", c.rule, c.has, planText(p))
		})
	}
}

func waitingOf(r Report) []Note    { return r.Waiting }
func blockedOf(r Report) []Note    { return r.Blocked }
func unreadableOf(r Report) []Note { return r.Unreadable }

// TestNodesAreApart: one bad node does not stop the others.
func TestNodesAreApart(t *testing.T) {
	l := newLab()
	n, _ := l.node("bad", "r750")
	wantBIOS(n, "Nothing", "x")
	n, _ = l.node("good", "smc")
	wantBIOS(n, "Quiet", false)
	p, r := l.build()
	if len(p.Nodes) != 1 || p.Nodes[0].Name != "good" || len(r.Blocked) != 1 || r.Blocked[0].Node != "bad" {
		t.Errorf("got:\n%s", planText(p))
	}
	p, r = Build(l.d, l.o, Options{Only: []string{"bad", "godo"}})
	if len(p.Nodes) != 0 || len(r.Blocked) != 2 || !strings.Contains(r.Blocked[0].Detail+r.Blocked[1].Detail, `Did you mean "good"?`) {
		t.Errorf("only: got:\n%s", planText(p))
	}
}

func TestWaivers(t *testing.T) {
	l, n, dev := one("r750")
	wantBIOS(n, "Quiet", false)
	dev.Systems[0].Model = "PowerEdge R760"
	l.d.Waivers = []rack.Waiver{{Address: "waiver.x", Rule: RuleIdentity, Targets: []rack.Address{"node.r750"}, Owner: "ops",
		Reason: "loan unit", Expires: "2026-11-20"}}
	if p, _ := l.build(); p.Empty() || len(p.Report.Warnings) != 1 {
		t.Errorf("on its last day the waiver holds and is on record:\n%s", planText(p))
	}
	l.d.Waivers[0].Expires = "2026-11-19"
	if p, _ := l.build(); !p.Empty() {
		t.Errorf("an expired waiver must not hold:\n%s", planText(p))
	}
	l.d.Waivers[0].Expires, l.d.Waivers[0].Targets = "2027-01-01", []rack.Address{"node.r75"}
	if p, _ := l.build(); !p.Empty() {
		t.Errorf("a waiver of another node must not hold:\n%s", planText(p))
	}
}

// TestStaged: what already waits for a reset is not staged again, and the reset is planned.
func TestStaged(t *testing.T) {
	l, n, dev := one("smc")
	all4(n, dev)
	dev.Systems[0].BIOS.Pending["Sriov"] = "Enabled"
	dev.Systems[0].Controllers[1].PendingVolumes = []string{"boot"}
	dev.Firmware = append(dev.Firmware, rack.Firmware{ID: "Staging_BIOS", Version: "2.1"},
		rack.Firmware{ID: "NIC", Version: "28.43", Staged: true},
		rack.Firmware{ID: "Staging_NIC", Version: "28.39"}) // a copy of what runs waits for nothing
	p, r := l.build()
	if len(r.Warnings) > 0 || !r.Clean() || p.Nodes[0].Resets["host_reset"] != 1 || p.Nodes[0].Bytes != 0 || len(p.Nodes[0].Steps) != 5 {
		t.Errorf("want four staged steps without a byte to push, and the reset:\n%s", planText(p))
	}
}

// TestPendingOfOthers: another value that waits is taken back, and what nobody asked for is told.
func TestPendingOfOthers(t *testing.T) {
	l, n, dev := one("r750")
	wantBIOS(n, "Quiet", true)
	dev.Systems[0].BIOS.Pending = rack.Attributes{"Quiet": false, "Numa": "NPS4", "Sriov": "Disabled"}
	p, r := l.build()
	if len(p.Nodes) != 1 || p.Nodes[0].Steps[0].Want["Quiet"] != true || len(p.Nodes[0].Resets) != 0 {
		t.Errorf("want Quiet taken back without a reset:\n%s", planText(p))
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0].Detail, `Numa: "NPS1" -> "NPS4"`) || strings.Contains(r.Warnings[0].Detail, "Sriov") {
		t.Errorf("want a warning about Numa alone: %+v", r.Warnings)
	}
}

// TestWithoutReset: an attribute that needs no reset costs none, where the BMC can apply it at once.
func TestWithoutReset(t *testing.T) {
	l, n, dev := one("r750")
	wantBIOS(n, "Quiet", false)
	b := dev.Systems[0].BIOS
	b.RegistryDoc.Attributes[3].ResetRequired = new(bool)
	if p, _ := l.build(); p.Nodes[0].Resets["host_reset"] != 1 {
		t.Errorf("no Immediate offered: it waits for a reset:\n%s", planText(p))
	}
	b.ApplyTimes = []string{"OnReset", "Immediate"}
	if p, _ := l.build(); len(p.Nodes[0].Steps) != 1 || p.Nodes[0].Steps[0].Args.ApplyTime != "Immediate" || p.Nodes[0].NaiveResets != 0 {
		t.Errorf("want one step at once:\n%s", planText(p))
	}
	n.BIOS.Attributes["Sriov"] = rack.BIOSValue{Value: "Enabled"}
	if p, _ := l.build(); p.Nodes[0].Resets["host_reset"] != 1 || p.Nodes[0].Steps[0].Args.ApplyTime != "OnReset" {
		t.Errorf("together with one that needs a reset:\n%s", planText(p))
	}
}

func TestPower(t *testing.T) {
	for _, c := range []struct {
		state, want string
		bios        bool
		steps       string
		resets      int
	}{
		{"On", "On", false, "", 0},
		{"Off", "Off", false, "", 0},
		{"Off", "", false, "", 0},
		{"Off", "On", false, "power", 0},
		{"On", "Off", false, "power", 0},
		{"PoweringOn", "On", false, "", 0},
		{"On", "", true, "bios reset", 1},
		{"On", "Off", true, "bios reset power", 1},
		{"Off", "On", true, "bios power", 0},
		{"Off", "", true, "bios power", 0},
		{"Off", "Off", true, "bios power power", 0},
	} {
		l, n, dev := one("r750")
		n.Power, dev.Systems[0].PowerState = c.want, c.state
		if c.bios {
			wantBIOS(n, "Quiet", false)
		}
		p, r := l.build()
		var kinds []string
		resets := 0
		for _, np := range p.Nodes {
			for _, s := range np.Steps {
				kinds = append(kinds, string(s.Kind))
			}
			for _, k := range np.Resets {
				resets += k
			}
		}
		if got := strings.Join(kinds, " "); got != c.steps || resets != c.resets || !r.Clean() {
			t.Errorf("%s, wanted %q, BIOS %v: want %q with %d resets, got %q with %d:\n%s", c.state, c.want, c.bios, c.steps, c.resets, got, resets, planText(p))
		}
		checkOrder(t, p)
	}
}

func TestBoot(t *testing.T) {
	for _, c := range []struct {
		name  string
		order []string // wanted
		now   []string
		want  []any // nil = nothing to do
	}{
		{"as wanted", []string{"Pxe", "Hdd"}, []string{"Boot0001", "Boot0002"}, nil},
		{"other first", []string{"Hdd", "Pxe"}, []string{"Boot0001", "Boot0002"}, []any{"Boot0002", "Boot0001"}},
		{"dropped entry (R60)", []string{"Pxe", "Hdd"}, []string{"Boot0001"}, []any{"Boot0001", "Boot0002"}},
		{"unasked entry stays, at the end", []string{"Hdd"}, []string{"BootFFFF", "Boot0002"}, []any{"Boot0002", "BootFFFF"}},
		{"order of the rest does not count", []string{"Pxe", "Hdd"}, []string{"Boot0001", "BootFFFF", "Boot0002"}, nil},
		{"by reference", []string{"Boot0002"}, []string{"Boot0001", "Boot0002"}, []any{"Boot0002", "Boot0001"}},
	} {
		l, n, dev := one("r750")
		n.Boot = &rack.BootSpec{Mode: "UEFI", Order: c.order}
		dev.Systems[0].Boot.Order = c.now
		p, r := l.build()
		var got []any
		if len(p.Nodes) > 0 {
			got, _ = p.Nodes[0].Steps[0].Want["order"].([]any)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || !r.Clean() {
			t.Errorf("%s (-want +got):\n%s\n%s", c.name, diff, planText(p))
		}
	}

	// What should stand first is not there: nothing is moved to its place.
	l, n, dev := one("r750")
	n.Boot = &rack.BootSpec{Order: []string{"Cd", "Hdd"}}
	if p, r := l.build(); !p.Empty() || len(r.Warnings) != 1 {
		t.Errorf("first class missing:\n%s", planText(p))
	}

	l, n, dev = one("r750")
	n.Boot = &rack.BootSpec{Mode: "UEFI"}
	dev.Systems[0].Boot.OverrideMode = "Legacy"
	if p, _ := l.build(); len(p.Nodes) != 1 || p.Nodes[0].Steps[0].Want["mode"] != "UEFI" {
		t.Errorf("mode:\n%s", planText(p))
	}

	l, n, dev = one("r750")
	hw := l.d.Hardware["server.r750"]
	hw.Identity.Models = []string{"DGXH100"}
	l.d.Hardware["server.r750"] = hw
	dev.Systems[0].Model = "DGXH100"
	n.Boot = &rack.BootSpec{Order: []string{"Hdd"}}
	wantBIOS(n, "Quiet", false)
	p, r := l.build()
	if len(r.Waiting) != 1 || r.Waiting[0].Rule != "boot.unsafe" || len(p.Nodes) != 1 {
		t.Errorf("R62: want the boot order told and the rest planned:\n%s", planText(p))
	}
}

// TestBootClass: options as real BMCs write them.
func TestBootClass(t *testing.T) {
	for _, c := range []struct {
		o    rack.BootOption
		want string
	}{
		{rack.BootOption{Name: "x", Alias: "Pxe", UEFIPath: "HD(1)"}, "Pxe"},
		{rack.BootOption{Name: "Slot 2 (PXE IPv4)", UEFIPath: "PciRoot(0x2)/Pci(0x1,0x0)/MAC(58,0x1)/IPv4(0.0.0.0)"}, "Pxe"},
		{rack.BootOption{Name: "UEFI: PXE IPv4", UEFIPath: "PciRoot(0x2)/MAC(58,0x1)/IPv4(0.0.0.0)/Uri()"}, "UefiHttp"},
		{rack.BootOption{Name: "UEFI PXEv4", UEFIPath: "PciRoot(0x5)/USB(0x4,0x0)/MAC(EE,0x1)/IPv4(0.0.0.0)"}, "Pxe"},
		{rack.BootOption{Name: "UEFI Flash Drive", UEFIPath: "PciRoot(0x5)/USB(0x2,0x0)"}, "Usb"},
		{rack.BootOption{Name: "Ubuntu", UEFIPath: `HD(1,GPT,7A46)/\EFI\ubuntu\shimx64.efi`}, "Hdd"},
		{rack.BootOption{Name: "OCP Slot 18", UEFIPath: "PciRoot(0xF)/Ctrl(0x0)/Scsi(0xEF,0x0)"}, "Hdd"},
		{rack.BootOption{Name: "HardDisk", UEFIPath: "VenHw_B2AD"}, "Hdd"},
		{rack.BootOption{Name: "Network", UEFIPath: "VenHw_B2AD"}, "Pxe"},
		{rack.BootOption{Name: "HTTP Device 1: NIC in Slot 5", UEFIPath: "VenHw(986D)"}, "UefiHttp"},
		{rack.BootOption{Name: "UEFI: Built-in EFI Shell"}, ""},
	} {
		got := ""
		for _, class := range []string{"Hdd", "Pxe", "UefiHttp", "Cd", "Usb"} {
			if inClass(c.o, class) {
				got += class
			}
		}
		if got != c.want {
			t.Errorf("%+v: want %q, got %q", c.o, c.want, got)
		}
	}
}

func TestMediaArmedEarlier(t *testing.T) {
	l, n, dev := one("r750")
	n.Media = &rack.MediaSpec{Image: "i.iso", BootOnce: true}
	dev.Systems[0].Media[0].Inserted, dev.Systems[0].Media[0].Image = true, "i.iso"
	if p, r := l.build(); !p.Empty() || !r.Clean() {
		t.Errorf("inserted and booted:\n%s", planText(p))
	}
	dev.Systems[0].Boot.OverrideEnabled, dev.Systems[0].Boot.OverrideTarget = "Once", "Cd"
	if p, _ := l.build(); len(p.Nodes) != 1 || p.Nodes[0].Resets["host_reset"] != 1 {
		t.Errorf("inserted and armed, not booted:\n%s", planText(p))
	}
}

// TestVolumeChoice: members are chosen by bay as numbers, on one controller that can; equal members are adopted.
func TestVolumeChoice(t *testing.T) {
	l, n, dev := one("r750")
	wantVolume(n)
	p, _ := l.build()
	s := p.Nodes[0].Steps[0]
	if diff := cmp.Diff(step.Facts{"name": "boot", "raid_type": "RAID1", "drives": []any{"S1", "S2"}}, s.Want); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dev.Systems[0].Volumes = []rack.Volume{{ID: "7", Name: "by hand", RAIDType: "RAID1", Drives: []string{"S10", "S2"}}}
	if p, r := l.build(); !p.Empty() || !r.Clean() || len(r.Warnings) != 1 {
		t.Errorf("adopt:\n%s", planText(p))
	}
	n.Volumes[0].SizeBytes = 100e9
	dev.Systems[0].Volumes[0].CapacityBytes = 960e9
	dev.Systems[0].Drives[0].InVolume, dev.Systems[0].Drives[1].InVolume = true, true
	if p, r := l.build(); !p.Empty() || r.Clean() {
		t.Errorf("another size is not adopted, and its drives are not taken:\n%s", planText(p))
	}
	long := VolumeName("n1", "a-name-longer-than-that")
	if len(long) != 15 || !strings.HasPrefix(long, "mw-") || long == VolumeName("n2", "a-name-longer-than-that") {
		t.Errorf("name %q", long)
	}
}

func TestWaves(t *testing.T) {
	l := newLab()
	l.d.Firmware = []rack.FirmwareSet{{Address: "firmware.r750", Baseline: "r750/2026.11", Rollout: rack.Rollout{Canary: 1, MaxParallel: 2, OnError: "continue"}}}
	for _, name := range []string{"a", "b", "c", "d"} {
		n, dev := l.node(name, "r750")
		wantFirmware(n)
		setVersion(dev, "NIC", "1")
	}
	for i := range 10 {
		n, _ := l.node(string(rune('p'+i)), "smc")
		wantBIOS(n, "Quiet", false)
	}
	p, _ := l.build()
	want := []Wave{
		{Name: "canary", Nodes: []string{"p", "a"}, MaxParallel: 2, OnError: "halt"},
		{Name: "1", Nodes: []string{"q", "r", "s", "t", "u", "v", "w", "x", "b", "c"}, MaxParallel: 10, OnError: "halt", AllowFailed: 1},
		{Name: "2", Nodes: []string{"y", "d"}, MaxParallel: 2, OnError: "halt"},
	}
	if diff := cmp.Diff(want, p.Waves); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNotPlanned: every decoded element that this version does nothing about is named.
func TestNotPlanned(t *testing.T) {
	l, n, _ := one("r750")
	n.NICs = []rack.NICSpec{{Name: "slot3"}}
	l.d.Unplanned = []rack.Element{{Address: "fabric.f", Kind: "fabric", Origin: line(5)}, {Address: "stack.s", Kind: "stack"}}
	l.d.OS = []rack.OS{{Address: "os.u"}}
	l.d.Acceptances = []rack.Acceptance{{Address: "acceptance.a", Thresholds: map[string]json.RawMessage{"busbw": json.RawMessage("400")}}}
	l.d.Checks = []rack.Check{{Address: "check.c", Phase: "bringup"}}
	_, r := l.build()
	var rules []string
	for _, note := range r.NotPlanned {
		rules = append(rules, note.Rule)
	}
	want := []string{"not_planned.acceptance", "not_planned.check", "not_planned.fabric", "not_planned.nic", "not_planned.os", "not_planned.stack"}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestContract holds the names of the plan's JSON form (format 1).
func TestContract(t *testing.T) {
	l, n, _ := one("r750")
	wantBIOS(n, "Quiet", false)
	p, _ := l.build()
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	has := func(o any, keys ...string) {
		t.Helper()
		for _, k := range keys {
			if v, ok := o.(map[string]any)[k]; !ok || v == nil {
				t.Errorf("no %q in %v", k, o)
			}
		}
	}
	has(m, "format", "digest", "design", "observation", "nodes", "report", "waves")
	node := m["nodes"].([]any)[0]
	has(node, "address", "steps", "resets", "naive_resets", "estimated_s", "bytes")
	for _, s := range node.(map[string]any)["steps"].([]any) {
		has(s, "id", "kind", "activation", "from", "to", "after", "why", "origin")
	}
	has(m["report"], "waiting", "blocked", "unreadable", "not_planned")
	if got := node.(map[string]any)["steps"].([]any)[0].(map[string]any)["activation"]; got != "host_reset" {
		t.Errorf("activation %v", got)
	}
	var back Plan
	if err := json.Unmarshal(raw, &back); err != nil || back.ComputeDigest() != p.Digest {
		t.Errorf("a plan read back has another digest (%v)", err)
	}
	empty, _ := Build(rack.Design{}, rack.Observation{}, Options{})
	raw, _ = json.Marshal(empty)
	if !strings.Contains(string(raw), `"nodes":[]`) || !strings.Contains(string(raw), `"waiting":[]`) {
		t.Errorf("an empty plan writes empty lists: %s", raw)
	}
}

func TestDrift(t *testing.T) {
	l, n, dev := one("r750")
	all4(n, dev)
	p, _ := l.build()
	var got []string
	for _, c := range Drift(p) {
		got = append(got, strings.TrimSpace(string(c.Kind)+" "+c.Name)+" "+facts(c.From)+" "+facts(c.To))
	}
	want := []string{`firmware bios "1.4" "2.1"`, `firmware nic "28.39" "28.43"`, `bios Sriov "Disabled" "Enabled"`, `volume boot "absent" "RAID1"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDestroy(t *testing.T) {
	l, n, dev := one("r750")
	all4(n, dev)
	n.BIOS.Attributes["Sriov"] = rack.BIOSValue{Value: "Enabled"}
	dev.Systems[0].BIOS.Attributes["Sriov"] = "Enabled"
	dev.Systems[0].Volumes = []rack.Volume{{ID: "1", Path: "/v/1", Name: "boot", RAIDType: "RAID1", Drives: []string{"S1", "S2"},
		Controller: dev.Systems[0].Controllers[1].Path}}
	destroy := func() (Plan, Report) { return Destroy(l.d, l.o, Options{Now: testNow}) }
	if p, r := destroy(); !p.Empty() || !r.Clean() {
		t.Errorf("keep must do nothing:\n%s", planText(p))
	}
	n.OnDestroy = "reset_bios"
	if p, _ := destroy(); len(p.Nodes) != 1 || p.Nodes[0].Steps[0].Want["Sriov"] != "Disabled" || p.Nodes[0].Resets["host_reset"] != 1 {
		t.Errorf("reset_bios:\n%s", planText(p))
	}
	n.Volumes[0].OnDestroy = "delete"
	if p, r := destroy(); !p.Empty() || len(r.Blocked) != 1 || r.Blocked[0].Rule != "destroy.consent" {
		t.Errorf("no consent:\n%s", planText(p))
	}
	n.AllowDataLoss = &rack.DataLossGrant{Owner: "ops", Reason: "returned"}
	p, r := destroy()
	if !r.Clean() || len(p.Nodes) != 1 || p.Nodes[0].Resets["host_reset"] != 1 {
		t.Fatalf("consent:\n%s", planText(p))
	}
	if s := p.Nodes[0].Steps[1]; s.Kind != step.Volume || s.Want["exists"] != false || s.Args.Path != "/v/1" {
		t.Errorf("delete step: %+v", s)
	}
	n.OnDestroy = "erase"
	if p, r := destroy(); !p.Empty() || len(r.Blocked) != 1 {
		t.Errorf("erase is refused:\n%s", planText(p))
	}
}
