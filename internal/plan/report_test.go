package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/rack"
)

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
		{"leak at a device that is no node", func(l *lab, _ *rack.Node, _ *rack.Device) {
			l.o.Devices = append(l.o.Devices, rack.Device{Address: "https://cdu", LeakDetectors: []rack.LeakDetector{{ID: "L1", State: "Critical"}}})
		}, blockedOf, "safety", "https://cdu"},
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
	want := []string{"not_planned.acceptance", "not_planned.check", "not_planned.fabric", "not_planned.os", "not_planned.stack"}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
