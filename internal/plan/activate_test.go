package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

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
		{"a power cycle that leaves standby power is none (R51)", func(l *lab, n *rack.Node, d *rack.Device) {
			all4(n, d)
			d.Capabilities.AuxCycle, d.Capabilities.PowerCycleShallow = "oem:/x", true
			baseline(l, func(b *rack.Baseline) { b.Components[2].Reset = "host_power_cycle" })
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

func extra(l *lab, d *rack.Device, name, class string, needs map[string]string) {
	b := l.d.Baselines["r750/2026.11"]
	c := b.Components[2]
	c.Name, c.Want, c.Reset, c.Needs, c.Select = name, "5", class, needs, rack.RowSelect{ID: "^" + name + "$"}
	b.Components = append(b.Components, c)
	l.d.Baselines[b.Key] = b
	d.Firmware = append(d.Firmware, rack.Firmware{ID: name, Version: "4"})
}

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
