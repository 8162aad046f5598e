package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// TestFewestResets is the promise of the product: one host reset for BIOS settings, BIOS firmware, a volume and NIC
// firmware, and one BMC reset more when the BMC moves too.
// TestBMCFirst: pending jobs may die with the BMC, so nothing is staged before its reset.
// extra adds a component that is not at its version.
// checkOrder holds the structure of a plan: topological, and every staged step activated once, by enough.
// TestReportStops: what is refused, and that nothing of the node is planned then.
// TestNodesAreApart: one bad node does not stop the others.
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

// TestStagedOnRunningRow: Dell marks the row of what runs while an image waits for it; that row still tells what runs.
func TestStagedOnRunningRow(t *testing.T) {
	l, n, dev := one("smc")
	all4(n, dev)
	for i := range dev.Firmware {
		dev.Firmware[i].Staged = true
	}
	p, r := l.build()
	if !r.Clean() || len(p.Nodes) != 1 || p.Nodes[0].Bytes == 0 {
		t.Errorf("want the node planned, with its images:\n%s", planText(p))
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

// TestBootClass: options as real BMCs write them.
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

// TestNotPlanned: every decoded element that this version does nothing about is named.
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
	if p, r := destroy(); !p.Empty() || len(r.Unreadable) == 0 {
		t.Errorf("an erase that nobody knows is refused:\n%s", planText(p))
	}
}

// R47: a BMC whose clock is wrong is said to be, where images are pushed to it, and nowhere else; the reading's own time counts.
func TestClock(t *testing.T) {
	for name, c := range map[string]struct {
		clock string
		flash bool
		want  bool
	}{
		"years ago": {"2020-12-01T00:00:00Z", true, true}, "with an odd zone": {"2020-12-01T00:00:00+0000", true, true},
		"nothing is pushed": {"2020-12-01T00:00:00Z", false, false}, "right": {"2026-11-25T12:03:00Z", true, false}, "not told": {"", true, false},
		"no time": {"0000-00-00T00:00:00Z", true, false},
	} {
		l, n, dev := one("smc")
		if c.flash {
			wantFirmware(n)
			setVersion(dev, "NIC", "28.39")
		}
		l.o.Taken = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
		dev.BMC.DateTime = c.clock
		_, r := Build(l.d, l.o, Options{})
		if got := slices.ContainsFunc(r.Warnings, func(n Note) bool { return n.Rule == "bmc.clock" }); got != c.want {
			t.Errorf("%s: warned %v\n%+v", name, got, r)
		}
	}
}
