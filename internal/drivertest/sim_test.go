package drivertest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// dialect is what the suite has to know of one simulated vendor: names that a plan would take from catalog and
// baseline.
type dialect struct {
	attribute string // a BIOS attribute, its factory value, and another
	from, to  any
	rows      map[string]string // component → a part of the id or name of its rows
	classes   map[string]step.Activation
	noOrder   bool // the boot order is not to be written (R62)
	aux       bool // it can cut standby power by itself
}

var usual = map[string]step.Activation{"bmc": step.BMCReset, "bios": step.HostReset, "nic": step.HostReset}

var dialects = map[string]dialect{
	"idrac": {attribute: "LogicalProc", from: "Enabled", to: "Disabled", classes: usual, aux: true,
		rows: map[string]string{"bmc": "Installed-*__iDRAC.", "bios": "Installed-*__BIOS.", "nic": "Installed-*__NIC."}},
	"ilo": {attribute: "ProcHyperthreading", from: "Enabled", to: "Disabled", classes: usual, aux: true,
		rows: map[string]string{"bmc": "iLO 6", "bios": "System ROM", "nic": "Mellanox"}},
	"supermicro": {attribute: "Hyper_Threading_ALL__F27F", from: "Enable", to: "Disable", classes: usual,
		rows: map[string]string{"bmc": "BMC", "bios": "BIOS", "nic": "NIC1"}},
	"xcc": {attribute: "Processors_HyperThreading", from: "Enabled", to: "Disabled", classes: usual, aux: true,
		rows: map[string]string{"bmc": "BMC-Primary", "bios": "UEFI", "nic": "Slot_1.1"}},
	"ami": {attribute: "NumaEn", from: "Enable", to: "Disable", noOrder: true,
		classes: map[string]step.Activation{"bmc": step.BMCReset, "bios": step.HostPowerCycle, "nic": step.HostPowerCycle},
		rows:    map[string]string{"bmc": "HostBMC_0", "bios": "HostBIOS_0", "nic": "NIC_0"}},
	"openbmc": {attribute: "EGM", from: false, to: true, aux: true,
		classes: map[string]step.Activation{"bmc": step.BMCReset, "bios": step.HostPowerCycle, "nic": step.HostPowerCycle},
		rows:    map[string]string{"bmc": "FW_BMC_0", "bios": "HGX_FW_CPU_0", "nic": "NIC_0"}},
}

const (
	node       = "n1"
	oldVersion = "1.0.0"
	newVersion = "2.0.0"
)

// design is one node of one dialect.
func design(name string) rack.Design {
	key := "server.test_" + name
	var parts []rack.ComponentFacts
	for _, c := range []string{"bmc", "bios", "nic"} {
		parts = append(parts, rack.ComponentFacts{Name: c, Version: oldVersion, Activation: dialects[name].classes[c].String(), FlashS: 120})
	}
	model := "TEST-" + name
	if name == "ami" {
		model = "DGXH100"
	}
	return rack.Design{
		Format: rack.DesignFormat,
		Nodes:  []rack.Node{{Address: "node.gpu[\"n1\"]", Name: node, Hardware: key}},
		Hardware: map[string]rack.Hardware{key: {Key: key, Kind: "server", Vendor: name, Dialect: name,
			Identity: rack.Identity{Models: []string{model}}, Components: parts,
			GPU: &rack.PartFacts{Model: "GPU", Count: 2}, CPU: &rack.PartFacts{Model: "CPU", Count: 2},
			NICs: []rack.PartFacts{{Name: nicName(name), Model: "NIC", Count: 2, Ports: 1}},
			Disks: []rack.DiskFacts{{Name: "os", Count: 2, CapacityBytes: 480 << 30, Media: "SSD", Protocol: "SATA", By: "redfish"},
				{Name: "data", Count: 2, CapacityBytes: 3840 << 30, Media: "SSD", Protocol: "NVMe", By: "host"}}}},
	}
}

func newRack(t *testing.T, name string, seed uint64, faults ...string) *sim.Rack {
	t.Helper()
	r, err := sim.New(design(name), sim.Options{Seed: seed, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // also after a fatal failure: a bubble must not keep goroutines
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// rig makes a rig of a simulated node with faults.
func rig(name string, faults ...string) func(t *testing.T) *drivertest.Rig {
	return seededRig(name, 7, faults...)
}

func seededRig(name string, seed uint64, faults ...string) func(t *testing.T) *drivertest.Rig {
	return func(t *testing.T) *drivertest.Rig {
		t.Helper()
		dev := survey(t, newRack(t, name, seed)) // a twin: the same serial numbers, no faults
		r := newRack(t, name, seed, faults...)
		images := packages(t, name)
		open := func() drivertest.Driver { return driver(t, r, images) }
		host, ok := dev.Host()
		if !ok {
			t.Fatal("the survey found no host")
		}
		b := r.BMC(node)
		return &drivertest.Rig{
			Open:  open,
			Cases: cases(t, name, dev, host, b, images),
			ResetOf: func(class step.Activation) step.Step {
				return step.Step{ID: step.ID("n1/900-" + class.String()), Node: node, Kind: step.Reset, Activation: class,
					Args: step.Args{System: host.Path}, EstimatedS: 300}
			},
			AuxCycle: dialects[name].aux,
			Writes:   func() int { return b.Ledger().Writes },
			Effects: func() map[string]int {
				l := b.Ledger()
				out := maps.Clone(l.Resets)
				for c, n := range l.Flashes {
					out["flash of "+c] = n
				}
				out["volume"] = l.VolumesCreated
				out["erase"] = l.DrivesErased
				return out
			},
			Broken:   func() []string { return b.Ledger().Violations },
			Sessions: func() int { return b.Ledger().SessionsOpen },
			Faults:   func() map[string]int { return b.Ledger().FaultsFired },
		}
	}
}

// driver opens a driver of the rack's one node. mirror says where the BMC can fetch firmware itself; without it nowhere.
func driver(t *testing.T, r *sim.Rack, images map[string][]byte, mirror ...func(string) (string, error)) *bmc.Driver {
	t.Helper()
	opt := bmc.Options{Images: func(file string) (io.ReaderAt, int64, error) {
		return bytes.NewReader(images[file]), int64(len(images[file])), nil
	}, Keys: func(file string) (io.ReadCloser, error) { return keyFile(file) },
		Secrets: func(context.Context, rack.SecretRef) (string, error) { return controllerKey, nil }}
	if len(mirror) > 0 {
		opt.ImageURL = mirror[0]
	}
	b := r.Bindings()[0]
	d, err := bmc.Open(t.Context(), bmc.Endpoint{URL: b.URL, System: b.System, Dial: r.DialContext,
		Trust: redfish.Trust{PinSHA256: b.PinSHA256},
		Login: func(context.Context) (string, string, error) {
			user, pass := r.Credentials(node)
			return user, pass, nil
		}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// survey reads a rack without faults.
func survey(t *testing.T, r *sim.Rack) rack.Device {
	t.Helper()
	d := driver(t, r, nil)
	dev, gaps, err := d.Survey(t.Context(), inventory.Options{Facets: []rack.Facet{rack.FacetNetwork, rack.FacetSecureBoot, rack.FacetErase}})
	if err != nil || len(gaps) > 0 {
		t.Fatalf("survey: %v, gaps %v", err, gaps)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dev
}

// packages makes the images of the new versions, by file name.
func packages(t *testing.T, name string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, c := range []string{"bmc", "bios", "nic"} {
		p, err := firmware.BuildPackage(firmware.Spec{
			Version:     fmt.Sprintf("mwsim:test_%s:%s:%s", name, c, newVersion),
			Descriptors: []firmware.Descriptor{{Type: 0, Data: []byte{0x01, 0x02}}},
			Components:  []firmware.ComponentSpec{{Version: newVersion, Image: bytes.Repeat([]byte(c), 1000)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		out[c+".fwpkg"] = p
	}
	return out
}

func cases(t *testing.T, name string, dev rack.Device, host rack.System, b *sim.BMC, images map[string][]byte) []drivertest.Case {
	t.Helper()
	dia := dialects[name]
	at := step.Args{System: host.Path}
	var out []drivertest.Case
	add := func(c drivertest.Case) {
		c.Step.ID, c.Step.Node, c.Step.Activation = step.ID("n1/"+c.Name), node, c.Reset
		out = append(out, c)
	}

	bios := at
	bios.Path = host.BIOS.SettingsPath
	if slices.Contains(host.BIOS.ApplyTimes, "OnReset") {
		bios.ApplyTime = "OnReset"
	}
	add(drivertest.Case{Name: "bios", Reset: step.HostReset,
		Step: step.Step{Kind: step.BIOS, Args: bios, Expect: step.Facts{dia.attribute: dia.from}, Want: step.Facts{dia.attribute: dia.to}},
		Real: func() bool { return b.Truth().BIOS[dia.attribute] == dia.to }})

	for _, c := range hostCases(host, b) {
		add(c)
	}
	for _, c := range []string{"bmc", "bios", "nic"} {
		add(firmwareCase(t, dia, dev, host, b, c, images[c+".fwpkg"]))
	}
	if c, ok := volumeCase(host, b); ok {
		add(c)
	}
	if c, ok := eraseCase(host, b); ok {
		add(c)
	}
	if len(host.Media) > 0 {
		add(mediaCase(host, b))
	}
	if !dia.noOrder {
		add(orderCase(host, b))
	}
	add(drivertest.Case{Name: "boot once", Reset: step.None,
		Step: step.Step{Kind: step.BootOnce, Args: at, Want: step.Facts{"target": "Pxe", "mode": "UEFI"}},
		Real: func() bool { return b.Truth().BootOnce == "Pxe" }})
	add(managerCase(t, name, 7, host, b))
	add(drivertest.Case{Name: "power", Reset: step.None,
		Step: step.Step{Kind: step.Power, Args: at, Expect: step.Facts{"power_state": "On"}, Want: step.Facts{"power_state": "Off"}},
		Real: func() bool { return b.Truth().Power == "Off" }})
	return out
}

func firmwareCase(t *testing.T, dia dialect, dev rack.Device, host rack.System, b *sim.BMC, part string, image []byte) drivertest.Case {
	t.Helper()
	var rows []string
	head, tail, _ := strings.Cut(dia.rows[part], "*")
	for _, f := range dev.Firmware {
		whole := tail == "" && (f.ID == head || strings.HasPrefix(f.Name, head) && f.ID != "" && f.ID[0] <= '9')
		if whole || tail != "" && strings.HasPrefix(f.ID, head) && strings.Contains(f.ID, tail) {
			rows = append(rows, f.ID)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("no row of %s in %v", part, dev.Firmware)
	}
	sum := sha256.Sum256(image)
	args := step.Args{System: host.Path, Component: part, Rows: rows, Compare: "exact", File: part + ".fwpkg", SizeBytes: int64(len(image)),
		Digest: "sha256:" + hex.EncodeToString(sum[:]), Method: "auto", Apply: "on_reset", PreserveNVRM: true}
	if dia.classes[part] == step.BMCReset {
		args.Apply = "immediate"
	}
	return drivertest.Case{Name: "firmware " + part, Reset: dia.classes[part],
		Step: step.Step{Kind: step.Firmware, Args: args, EstimatedS: 300, Expect: step.Facts{"version": oldVersion},
			Want: step.Facts{"version": newVersion}},
		Drift: func() error { return b.Poke(sim.Poke{Firmware: map[string]string{part: "1.5.0"}}) },
		Real:  func() bool { return b.Truth().Firmware[part] == newVersion }}
}

func volumeCase(host rack.System, b *sim.BMC) (drivertest.Case, bool) {
	for _, c := range host.Controllers {
		if !c.CanCreate {
			continue
		}
		args := step.Args{System: host.Path, Path: c.Volumes}
		reset := step.None
		if slices.Contains(c.ApplyTimes, "OnReset") {
			args.ApplyTime, reset = "OnReset", step.HostReset
		}
		var serials []string
		for _, d := range host.Drives {
			if d.Controller == c.Path && len(args.Drives) < 2 {
				args.Drives = append(args.Drives, d.Path)
				serials = append(serials, d.SerialNumber)
			}
		}
		slices.Sort(serials)
		if len(serials) < 2 {
			continue
		}
		return drivertest.Case{Name: "volume", Reset: reset,
			Step: step.Step{Kind: step.Volume, Args: args, Expect: step.Facts{"exists": false},
				Want: step.Facts{"name": "os", "raid_type": "RAID1", "drives": serials}},
			Real: func() bool { return len(b.Truth().Volumes) == 1 }}, true
	}
	return drivertest.Case{}, false
}

// eraseCase erases the last drive whose BMC says by which method.
func eraseCase(host rack.System, b *sim.BMC) (drivertest.Case, bool) {
	for _, d := range slices.Backward(host.Drives) {
		if d.State == nil || d.State.Erase == nil || !slices.Contains(d.State.Erase.Methods, rack.EraseCrypto) {
			continue
		}
		args := step.Args{System: host.Path, Path: d.Path, Method: rack.EraseCrypto}
		if slices.Contains(d.State.Erase.ApplyTimes, "Immediate") {
			args.ApplyTime = "Immediate"
		}
		return drivertest.Case{Name: "erase", Reset: step.None,
			Step: step.Step{Kind: step.Erase, Args: args, Expect: step.Facts{"serial": d.SerialNumber, "erased": false},
				Want: step.Facts{"serial": d.SerialNumber, "method": rack.EraseCrypto, "erased": true}},
			Real: func() bool { return b.Truth().Erased[d.SerialNumber] == "CryptographicErase" }}, true
	}
	return drivertest.Case{}, false
}

func mediaCase(host rack.System, b *sim.BMC) drivertest.Case {
	const image = "https://mirror.sim/os.iso"
	slot := host.Media[slices.IndexFunc(host.Media, func(m rack.MediaSlot) bool { return slices.Contains(m.Types, "CD") })]
	return drivertest.Case{Name: "media", Reset: step.None,
		Step: step.Step{Kind: step.Media, Args: step.Args{System: host.Path, Path: slot.Path},
			Expect: step.Facts{"image": "", "inserted": false}, Want: step.Facts{"image": image, "inserted": true}},
		Real: func() bool { return slices.Equal(b.Truth().Media, []string{image}) }}
}

func orderCase(host rack.System, b *sim.BMC) drivertest.Case {
	now := host.Boot.Order
	want := slices.Clone(now)
	slices.Reverse(want)
	reset := step.HostReset
	if host.BIOS.SettingsPath == "" {
		reset = step.None
	}
	moved := slices.Clone(now)
	moved[0], moved[1] = moved[1], moved[0]
	return drivertest.Case{Name: "boot order", Reset: reset,
		Step:  step.Step{Kind: step.BootOrder, Args: step.Args{System: host.Path}, Expect: step.Facts{"order": now}, Want: step.Facts{"order": want}},
		Drift: func() error { return b.Poke(sim.Poke{BootOrder: moved}) },
		Real:  func() bool { return slices.Equal(b.Truth().BootOrder, want) }}
}

func TestDriver(t *testing.T) {
	for _, name := range sim.Dialects() {
		t.Run(name, func(t *testing.T) { drivertest.Run(t, rig(name)) })
	}
}
