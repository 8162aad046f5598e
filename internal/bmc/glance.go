package bmc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Look names what Glance reads beyond identity and power.
type Look uint16

// The looks; they may be added.
const (
	LookBoot         Look = 1 << iota // override and order
	LookMedia                         // slots
	LookLED                           // locator light
	LookJobs                          // queue
	LookAux                           // whether standby power can be cut
	LookDumps                         // which diagnostic data can be had
	LookDisks                         // drives, volumes and what controllers offer, and nothing else: as a survey reads them
	LookAccounts                      // accounts, and nothing else: a BMC may show no more (R68)
	LookCertificates                  // how the certificate can be replaced
)

// Glance reads the little that an ad hoc verb rests on: a survey reads a hundred resources, this about six. What a look
// asks for and this BMC does not have is absent; what could not be read is an error.
func (d *Driver) Glance(ctx context.Context, look Look) (rack.Device, error) {
	dev, err := d.glance(ctx, look)
	dev.Stats = d.Stats()
	if err != nil {
		return dev, fmt.Errorf("look at the BMC: %w", classed(err))
	}
	return dev, nil
}

func (d *Driver) glance(ctx context.Context, look Look) (rack.Device, error) {
	if look == LookAccounts {
		all, err := d.Accounts(ctx)
		return rack.Device{Accounts: &all}, err
	}
	if look == LookDisks {
		return d.glanceDisks(ctx)
	}
	l, err := d.layout(ctx)
	if d.unheard(err) {
		return d.glanceByIPMI(ctx, err)
	}
	if err != nil {
		return rack.Device{}, err
	}
	v, err := d.vitals(ctx, step.Step{}, true)
	if err != nil {
		return rack.Device{}, err
	}
	m, s := v.bmc.Obj, v.system
	dev := rack.Device{BMC: rack.BMC{Vendor: l.id.Vendor, Product: l.id.Product, Model: m.Str("Model"), FirmwareVersion: m.Str("FirmwareVersion"),
		RedfishVersion: l.id.RedfishVersion, Dialect: l.id.Dialect, LastResetTime: v.bmcReset, UUID: m.Str("UUID"), DateTime: m.Str("DateTime")}}
	sys := rack.System{ID: s.Str("Id"), Path: v.path, Host: true, Manufacturer: s.Str("Manufacturer"), Model: s.Str("Model"),
		SerialNumber: s.Str("SerialNumber"), UUID: s.Str("UUID"), BIOSVersion: s.Str("BiosVersion"), PowerState: v.power,
		BootProgress: v.progress, LastResetTime: v.lastReset}
	if dev.Capabilities.ResetTypes, err = d.allowable(ctx, s.Obj("Actions", "#ComputerSystem.Reset"), "ResetType"); err != nil {
		return dev, err
	}
	if dev.Capabilities.ManagerResetTypes, err = d.allowable(ctx, m.Obj("Actions", "#Manager.Reset"), "ResetType"); err != nil {
		return dev, err
	}
	for _, part := range []struct {
		look Look
		read func(context.Context, vitals, *rack.Device, *rack.System) error
	}{{LookBoot, d.glanceBoot}, {LookMedia, d.glanceMedia}, {LookLED, d.glanceLED}, {LookJobs, d.glanceJobs},
		{LookAux, d.glanceAux}, {LookDumps, d.glanceDumps}, {LookCertificates, d.glanceCertificates}} {
		if look&part.look != 0 {
			if err := part.read(ctx, v, &dev, &sys); err != nil {
				return dev, err
			}
		}
	}
	dev.Systems = []rack.System{sys}
	return dev, nil
}

func (d *Driver) glanceBoot(ctx context.Context, _ vitals, _ *rack.Device, sys *rack.System) error {
	b, err := d.bootView(ctx, step.Step{Args: step.Args{System: sys.Path}})
	if step.ClassOf(err) == step.Unsupported {
		return nil
	}
	if err != nil {
		return err
	}
	o := b.boot
	sys.Boot = &rack.Boot{OverrideEnabled: o.Str("BootSourceOverrideEnabled"), OverrideTarget: o.Str("BootSourceOverrideTarget"),
		OverrideMode: o.Str("BootSourceOverrideMode"), Targets: b.targets(), Order: o.Strs("BootOrder")}
	list := o.Link("BootOptions")
	if list == "" {
		return nil
	}
	options, _, err := d.c.rf.Members(ctx, list)
	if err != nil && !redfish.IsNotFound(err) {
		return fmt.Errorf("read the boot options: %w", err)
	}
	for _, m := range options {
		on, told := m.Obj.Bool("BootOptionEnabled")
		sys.Boot.Options = append(sys.Boot.Options, rack.BootOption{Reference: m.Obj.Str("BootOptionReference"),
			Name: m.Obj.Str("DisplayName"), Alias: m.Obj.Str("Alias"), Enabled: on || !told})
	}
	return nil
}

func (d *Driver) glanceMedia(ctx context.Context, _ vitals, dev *rack.Device, sys *rack.System) error {
	all, err := d.slots(ctx, step.Step{Args: step.Args{System: sys.Path}})
	if step.ClassOf(err) == step.Unsupported {
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range all {
		sys.Media = append(sys.Media, rack.MediaSlot{ID: lastPart(r.URI), Path: r.URI, Types: r.Obj.Strs("MediaTypes"),
			Image: bareURL(r.Obj.Str("Image")), Inserted: filled(r.Obj), CanPost: r.Obj.Has("Actions", "#VirtualMedia.InsertMedia")})
	}
	dev.Capabilities.VirtualMedia = true
	return nil
}

func (d *Driver) glanceJobs(ctx context.Context, _ vitals, dev *rack.Device, _ *rack.System) error {
	all, err := d.works(ctx)
	if err != nil {
		return err
	}
	l, err := d.layout(ctx)
	if err != nil {
		return err
	}
	dev.JobQueue = l.jobs
	for _, w := range all {
		dev.Jobs = append(dev.Jobs, rack.Job{ID: lastPart(w.uri), Path: w.uri, Name: w.kind, Phase: w.phase.String(), Percent: w.percent,
			Says: d.redact(w.said), Firmware: w.update})
	}
	slices.SortFunc(dev.Jobs, func(a, b rack.Job) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

func (d *Driver) glanceAux(ctx context.Context, v vitals, dev *rack.Device, _ *rack.System) error {
	t, err := d.traits(ctx)
	if err != nil {
		return err
	}
	way, err := d.auxVerb(ctx, v, t)
	switch {
	case step.ClassOf(err) == step.Unsupported:
		return nil
	case err != nil:
		return err
	case way.bios != "":
		dev.Capabilities.AuxCycle = "bios:" + way.bios
	default:
		dev.Capabilities.AuxCycle = "oem:" + way.target
	}
	return nil
}

// String gives the word that rack.Job uses.
func (p phase) String() string {
	return [...]string{"unknown", "waiting", "running", "done", "failed"}[p]
}

// redact cleans text that came from the BMC.
func (d *Driver) redact(s string) string {
	if d.opt.Redact == nil {
		return s
	}
	return d.opt.Redact(s)
}

// glanceDisks reads the storage of the host as a plan needs it. What could not be read of it is an error: a verb about drives
// rests on all of them.
func (d *Driver) glanceDisks(ctx context.Context) (rack.Device, error) {
	dev, gaps, err := d.Survey(ctx, inventory.Options{Facets: []rack.Facet{rack.FacetDrives}})
	if err != nil {
		return dev, err
	}
	for _, g := range gaps {
		if p := strings.ToLower(g.Path); strings.Contains(p, "storage") || strings.Contains(p, "drives") || strings.Contains(p, "volumes") {
			return dev, transient("Say it again.", "%s could not be read: %s", g.Path, g.Reason)
		}
	}
	return dev, nil
}
