package plan

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"

	"github.com/hashicorp/hcl/v2"
)

var testNow = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func line(n int) diag.Origin {
	return diag.At(hcl.Range{Filename: "main.mw.hcl", Start: hcl.Pos{Line: n, Column: 3}, End: hcl.Pos{Line: n, Column: 20}})
}

// lab is a design with its observation, built up by a test.
type lab struct {
	d rack.Design
	o rack.Observation
}

// newLab knows two platforms: a Dell-like and a Supermicro-like, each with a baseline and everything behind it.
func newLab() *lab {
	l := &lab{}
	l.d = rack.Design{Format: rack.DesignFormat, Blueprint: rack.Meta{Name: "lab"},
		Hardware: map[string]rack.Hardware{}, Baselines: map[string]rack.Baseline{}}
	l.o = rack.Observation{Format: rack.ObservationFormat, Taken: testNow, Devices: []rack.Device{}, Gaps: []rack.Gap{}}
	for _, p := range []struct{ key, vendor, model, dialect string }{
		{"r750", "Dell Inc.", "PowerEdge R750", "idrac"}, {"smc", "Supermicro", "SYS-821GE-TNHR", "supermicro"},
	} {
		l.d.Hardware["server."+p.key] = rack.Hardware{Key: "server." + p.key, Kind: "server", Vendor: p.vendor, Dialect: p.dialect,
			Identity: rack.Identity{Manufacturer: p.vendor, Models: []string{p.model}}}
		b := rack.Baseline{Key: p.key + "/2026.11", Platform: p.key, Version: "2026.11",
			Match: rack.BaselineMatch{Manufacturer: p.vendor, Models: []string{p.model}, Hardware: []string{p.key}}}
		for i, c := range []struct{ name, want, reset string }{
			{"bmc", "2.0", "bmc_reset"}, {"bios", "2.1", "host_reset"}, {"nic", "28.43", "host_reset"},
		} {
			b.Components = append(b.Components, rack.BaselineComponent{Name: c.name, Want: c.want, Compare: "exact", Reset: c.reset,
				Method: "auto", Apply: "on_reset", Keeps: true, TimeS: 1800,
				Select: rack.RowSelect{ID: "^" + strings.ToUpper(c.name) + "$"},
				Image:  rack.ImageRef{File: c.name + ".fwpkg", SizeBytes: int64(i+1) << 20, Digest: "sha256:00"}})
		}
		l.d.Baselines[b.Key] = b
	}
	return l
}

// node adds a node that is as its baseline says and asks for nothing.
func (l *lab) node(name, platform string) (*rack.Node, *rack.Device) {
	hw := l.d.Hardware["server."+platform]
	l.d.Nodes = append(l.d.Nodes, rack.Node{Address: rack.Address("node." + platform + `["` + name + `"]`), Name: name,
		Hardware: hw.Key, OnDestroy: "keep", Origin: line(10)})
	sys := "/redfish/v1/Systems/1"
	dev := rack.Device{Address: string(l.d.Nodes[len(l.d.Nodes)-1].Address), Node: name,
		BMC: rack.BMC{Vendor: hw.Vendor, FirmwareVersion: "2.0", Dialect: hw.Dialect},
		Systems: []rack.System{{ID: "1", Path: sys, Host: true, Manufacturer: hw.Identity.Manufacturer, Model: hw.Identity.Models[0],
			PowerState: "On", BIOSVersion: "2.1",
			BIOS: &rack.BIOS{Path: sys + "/Bios", SettingsPath: sys + "/Bios/Settings", ApplyTimes: []string{"OnReset"},
				Attributes: rack.Attributes{"Sriov": "Disabled", "Numa": "NPS1", "Delay": int64(3), "Quiet": true},
				Pending:    rack.Attributes{}, Registry: "R.v1", RegistryDoc: smallRegistry()},
			Boot: &rack.Boot{OverrideEnabled: "Disabled", OverrideTarget: "None", OverrideMode: "UEFI", Targets: []string{"None", "Cd", "Pxe"},
				Order: []string{"Boot0001", "Boot0002"}, OrderWritable: true, Options: []rack.BootOption{
					{Reference: "Boot0001", Name: "PXE Slot 1", Alias: "Pxe", Enabled: true},
					{Reference: "Boot0002", Name: "Ubuntu", Alias: "Hdd", Enabled: true}}},
			Media: []rack.MediaSlot{{ID: "CD1", Path: "/redfish/v1/Managers/1/VirtualMedia/CD1", Types: []string{"CD", "DVD"}, CanPost: true}},
			Drives: []rack.Drive{
				{ID: "d10", Path: sys + "/Storage/B/Drives/10", SerialNumber: "S10", CapacityBytes: 960e9, Media: "SSD", Protocol: "SATA", Controller: sys + "/Storage/B", Bay: "10"},
				{ID: "d2", Path: sys + "/Storage/B/Drives/2", SerialNumber: "S2", CapacityBytes: 960e9, Media: "SSD", Protocol: "SATA", Controller: sys + "/Storage/B", Bay: "2"},
				{ID: "d1", Path: sys + "/Storage/B/Drives/1", SerialNumber: "S1", CapacityBytes: 960e9, Media: "SSD", Protocol: "SATA", Controller: sys + "/Storage/B", Bay: "1"},
				{ID: "n0", Path: sys + "/Storage/A/Drives/0", SerialNumber: "N0", CapacityBytes: 3840e9, Media: "SSD", Protocol: "NVMe", Controller: sys + "/Storage/A", Bay: "0"},
			},
			Controllers: []rack.StorageController{
				{ID: "A", Path: sys + "/Storage/A", Name: "NVMe"},
				{ID: "B", Path: sys + "/Storage/B", Name: "BOSS-S2", Volumes: sys + "/Storage/B/Volumes", CanCreate: true,
					RAIDTypes: []string{"RAID0", "RAID1"}, ApplyTimes: []string{"OnReset"}},
			},
		}},
		Firmware: []rack.Firmware{{ID: "BMC", Name: "BMC", Version: "2.0"}, {ID: "BIOS", Name: "BIOS", Version: "2.1"},
			{ID: "NIC", Name: "NIC", Version: "28.43"}},
		Capabilities: rack.Capabilities{ResetTypes: []string{"On", "ForceOff", "ForceRestart", "PowerCycle"},
			ManagerResetTypes: []string{"GracefulRestart"}, MultipartPush: true, SimpleUpdate: true,
			ApplyTimes: []string{"Immediate", "OnReset"}, MaxImageBytes: 1 << 30, VirtualMedia: true},
	}
	l.o.Devices = append(l.o.Devices, dev)
	return &l.d.Nodes[len(l.d.Nodes)-1], &l.o.Devices[len(l.o.Devices)-1]
}

// one is a lab of one node.
func one(platform string) (*lab, *rack.Node, *rack.Device) {
	l := newLab()
	n, dev := l.node("n1", platform)
	return l, n, dev
}

func (l *lab) build() (Plan, Report) { return Build(l.d, l.o, Options{Now: testNow}) }

func wantBIOS(n *rack.Node, pairs ...any) {
	n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{}, Origin: line(20)}
	for i := 0; i < len(pairs); i += 2 {
		n.BIOS.Attributes[pairs[i].(string)] = rack.BIOSValue{Value: pairs[i+1], Origin: line(21 + i/2)}
	}
}

func wantFirmware(n *rack.Node) {
	key := strings.TrimPrefix(n.Hardware, "server.")
	n.Firmware = &rack.FirmwareRef{Set: rack.Address("firmware." + key), Baseline: key + "/2026.11", Origin: line(40)}
}

func wantVolume(n *rack.Node) {
	n.Volumes = []rack.VolumeSpec{{Name: "boot", RAID: "RAID1", OnDestroy: "keep", Origin: line(30),
		Drives: rack.DriveSelector{Count: 2, Protocol: "SATA", ControllerHas: "boss"}}}
}

func setVersion(dev *rack.Device, id, version string) {
	for i := range dev.Firmware {
		if dev.Firmware[i].ID == id {
			dev.Firmware[i].Version = version
		}
	}
}

func smallRegistry() *rack.BIOSRegistryInfo {
	enum := func(name string, values ...string) rack.RegistryAttribute {
		a := rack.RegistryAttribute{Name: name, Type: "Enumeration", Default: values[0]}
		for _, v := range values {
			a.Values = append(a.Values, rack.RegistryValue{Name: v, DisplayName: v})
		}
		return a
	}
	return &rack.BIOSRegistryInfo{ID: "R.v1", Attributes: []rack.RegistryAttribute{
		enum("Sriov", "Disabled", "Enabled"), enum("Numa", "NPS1", "NPS2", "NPS4"),
		{Name: "Delay", Type: "Integer", LowerBound: big.NewInt(0), UpperBound: big.NewInt(60), Increment: big.NewInt(3), Default: int64(0)},
		{Name: "Quiet", Type: "Boolean", Default: true},
		{Name: "Model", Type: "String", ReadOnly: true},
	}}
}

// settled is what the observation would be after the plan ran: the pure executor of the properties.
func settled(o rack.Observation, p Plan) rack.Observation {
	o = clone(o)
	for _, np := range p.Nodes {
		i := slices.IndexFunc(o.Devices, func(d rack.Device) bool { return d.Node == np.Name })
		for _, s := range np.Steps {
			settleStep(&o.Devices[i], s)
		}
	}
	return o
}

func settleStep(dev *rack.Device, s step.Step) {
	k := slices.IndexFunc(dev.Systems, func(x rack.System) bool { return x.Host })
	sys := &dev.Systems[k]
	text := func(key string) string { v, _ := s.Want[key].(string); return v }
	switch s.Kind {
	case step.Reset:
		if s.Activation.Host() { // an aux cycle too ends with the host on
			sys.PowerState = powerOn
		}
	case step.Power:
		sys.PowerState = text("power_state")
	case step.BIOS:
		for name, v := range s.Want {
			sys.BIOS.Attributes[name] = v
			delete(sys.BIOS.Pending, name)
		}
	case step.Firmware:
		for _, id := range s.Args.Rows {
			setVersion(dev, id, text("version"))
		}
	case step.BootOrder:
		if list, ok := s.Want["order"].([]any); ok {
			sys.Boot.Order = nil
			for _, v := range list {
				sys.Boot.Order = append(sys.Boot.Order, v.(string))
			}
		}
		if m := text("mode"); m != "" {
			sys.Boot.OverrideMode = m
		}
	case step.BootOnce:
		sys.Boot.OverrideEnabled, sys.Boot.OverrideTarget = "Disabled", "None"
	case step.Media:
		for j := range sys.Media {
			if sys.Media[j].Path == s.Args.Path {
				sys.Media[j].Image, sys.Media[j].Inserted = text("image"), true
			}
		}
	case step.Volume:
		var serials []string
		for _, v := range s.Want["drives"].([]any) {
			serials = append(serials, v.(string))
		}
		vol := rack.Volume{ID: text("name"), Name: text("name"), RAIDType: text("raid_type"), Drives: serials}
		for j := range sys.Drives {
			if slices.Contains(serials, sys.Drives[j].SerialNumber) {
				sys.Drives[j].InVolume = true
				vol.Controller = sys.Drives[j].Controller
				vol.CapacityBytes = sys.Drives[j].CapacityBytes
			}
		}
		if n, ok := s.Want["capacity_bytes"].(int64); ok {
			vol.CapacityBytes = n
		}
		sys.Volumes = append(sys.Volumes, vol)
	}
}

func clone[T any](v T) T {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out T
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// planText is the plan and its report as text, for golden files and failures.
func planText(p Plan) string {
	var b strings.Builder
	for _, w := range p.Waves {
		fmt.Fprintf(&b, "wave %s: %s (parallel %d, on error %s, may fail %d)\n", w.Name, strings.Join(w.Nodes, " "), w.MaxParallel, w.OnError, w.AllowFailed)
	}
	for _, n := range p.Nodes {
		fmt.Fprintf(&b, "\n%s  resets %s, naive %d, %d s, %d bytes\n", n.Address, facts(n.Resets), n.NaiveResets, n.EstimatedS, n.Bytes)
		for _, s := range n.Steps {
			fmt.Fprintf(&b, "  %s  %s\n", s.ID, s.Activation)
			if len(s.Want) > 0 {
				fmt.Fprintf(&b, "      %s -> %s\n", facts(s.Expect), facts(s.Want))
			}
			if len(s.After) > 0 {
				fmt.Fprintf(&b, "      after %s\n", ids(s.After))
			}
			if len(s.Activates) > 0 {
				fmt.Fprintf(&b, "      activates %s\n", ids(s.Activates))
			}
			fmt.Fprintf(&b, "      %s%s\n", s.Why, at(s.Origin))
		}
		for _, m := range n.NotMerged {
			fmt.Fprintf(&b, "  not merged: %s\n", m)
		}
	}
	for _, l := range []struct {
		name  string
		notes []Note
	}{{"waiting", p.Report.Waiting}, {"blocked", p.Report.Blocked}, {"unreadable", p.Report.Unreadable},
		{"not planned", p.Report.NotPlanned}, {"warning", p.Report.Warnings}} {
		for _, n := range l.notes {
			fmt.Fprintf(&b, "\n%s: %s (%s) %s%s\n  %s\n", l.name, n.Summary, n.Rule, n.Address, at(n.Origin), n.Detail)
		}
	}
	return b.String()
}

func facts(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func ids(list []step.ID) string {
	var out []string
	for _, id := range list {
		_, tail, _ := strings.Cut(string(id), "/")
		out = append(out, tail)
	}
	return strings.Join(out, " ")
}

func at(o diag.Origin) string {
	if o.IsZero() {
		return ""
	}
	return " at " + o.Short()
}

// shared finds a file or folder beside the repository, or skips the test.
func shared(t *testing.T, parts ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	p := filepath.Join(append([]string{filepath.Dir(dir), "shared"}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		msg := fmt.Sprintf("%s is absent: looked for %s", filepath.Join(parts...), p)
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	return p
}
