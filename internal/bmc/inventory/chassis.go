package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// manyChassis is from where a machine is so finely divided (47 on a DGX H100) that a chassis which is only a part is not
// asked for power supplies of its own.
const manyChassis = 8

// readChassis reads every chassis, and in each power, leak detectors and network adapters. Machines with dozens of chassis
// are the reason for reading two levels at once: each chassis links a dozen things, nearly all of them empty.
func (r *reader) readChassis(ctx context.Context) {
	link := r.root.Link("Chassis")
	if r.deep != nil && r.deep.DeepLevels(ctx) >= 2 {
		r.dive(ctx, link, 2)
	}
	r.chassis = r.members(ctx, link)
	n := len(r.chassis)
	d := &r.dev
	power, leaks, nics := make([][]rack.PowerUnit, n), make([][]rack.LeakDetector, n), make([][]rack.NIC, n)
	each(r.chassis, func(i int, c *redfish.Resource) {
		par(
			func() { power[i] = r.chassisPower(ctx, c, n) },
			func() { leaks[i] = r.chassisLeaks(ctx, c) },
			func() { nics[i] = r.adapterPorts(ctx, c) },
		)
	})
	<-r.systemsRead
	for _, c := range r.chassis {
		o := c.Obj
		d.Chassis = append(d.Chassis, rack.Chassis{ID: idOf(c), Type: text(o, "ChassisType"), Manufacturer: text(o, "Manufacturer"),
			Model: r.checked(c, "Model"), SerialNumber: r.checkedSerial(c), PartNumber: text(o, "PartNumber")})
	}
	slices.SortStableFunc(d.Chassis, func(a, b rack.Chassis) int { return natural(a.ID, b.ID) })
	for i := range r.chassis {
		d.Power = append(d.Power, power[i]...)
		d.LeakDetectors = append(d.LeakDetectors, leaks[i]...)
	}
	r.chassisNICs = nics
	r.readAuxCycle(ctx)
}

// chassisPower reads the supplies of a chassis: Power where it lists some, since it tells watts too, else PowerSubsystem.
func (r *reader) chassisPower(ctx context.Context, c *redfish.Resource, chassis int) []rack.PowerUnit {
	if p := r.get(ctx, c.Obj.Link("Power")); p != nil {
		var out []rack.PowerUnit
		for _, s := range p.Obj.Objs("PowerSupplies") {
			id := first(text(s, "MemberId"), text(s, "Id"), text(s, "Name"))
			u := r.supply(p, s, id)
			r.supplyReadings(ctx, s, &u)
			out = append(out, u)
		}
		if len(out) > 0 {
			return out
		}
	}
	sub := r.get(ctx, c.Obj.Link("PowerSubsystem"))
	if sub != nil && sub.Obj.Has("Members") {
		// DMTF's own power shelf links its sensors here. The schema fixes where a PowerSubsystem stands (Redfish.Uris).
		sub = r.get(ctx, strings.TrimRight(c.URI, "/")+"/PowerSubsystem")
	}
	if sub == nil || chassis > manyChassis && isPart(c.Obj) && !sub.Obj.Has("CapacityWatts") && len(sub.Obj.List("PowerSupplyRedundancy")) == 0 {
		return nil
	}
	return r.supplies(ctx, sub.Obj.Link("PowerSupplies"))
}

// isPart tells whether a chassis is a component or module inside another one (DSP2046: ChassisType).
func isPart(o redfish.Object) bool {
	t := strings.ToLower(o.Str("ChassisType"))
	return t == "component" || t == "module" || t == "card" || t == ""
}

func (r *reader) supplies(ctx context.Context, link string) []rack.PowerUnit {
	var out []rack.PowerUnit
	for _, s := range r.take(ctx, link) {
		u := r.supply(s, s.Obj, idOf(s))
		r.supplyReadings(ctx, s.Obj, &u)
		out = append(out, u)
	}
	return out
}

// supply reads a power supply. Capacity stands under two names, and as text on Lite-On (R113).
func (r *reader) supply(res *redfish.Resource, o redfish.Object, id string) rack.PowerUnit {
	u := rack.PowerUnit{ID: id, Kind: "supply", Model: text(o, "Model"), State: state(o), Health: o.Str("Status", "Health")}
	u.CapacityWatts = watts(o, "PowerCapacityWatts")
	if u.CapacityWatts == nil {
		u.CapacityWatts = watts(o, "CapacityWatts")
	}
	u.InputWatts, u.OutputWatts = watts(o, "PowerInputWatts"), watts(o, "PowerOutputWatts")
	if u.OutputWatts == nil {
		u.OutputWatts = watts(o, "LastPowerOutputWatts")
	}
	if c := u.CapacityWatts; c != nil && (*c < 0 || *c > 1e6) { // R106
		r.fieldGap(res, "the capacity of supply "+id+" is not plausible", "PowerCapacityWatts")
		u.CapacityWatts = nil
	}
	return u
}

// watts gives a number; nil when it is not told. A reading may be wrapped in an object (sensor excerpts).
func watts(o redfish.Object, keys ...string) *float64 {
	f, ok := o.Float(keys...)
	if !ok {
		f, ok = o.Float(append(slices.Clone(keys), "Reading")...)
	}
	if !ok {
		return nil
	}
	return &f
}

// chassisLeaks reads the leak detectors of a chassis, from either place where Redfish puts them.
func (r *reader) chassisLeaks(ctx context.Context, c *redfish.Resource) []rack.LeakDetector {
	out := r.leakDetectors(ctx, c.Obj.Link("LeakDetectors"))
	thermal := r.get(ctx, c.Obj.Link("ThermalSubsystem"))
	if thermal == nil {
		return out
	}
	return append(out, r.leakDetection(ctx, thermal.Obj.Link("LeakDetection"))...)
}

func (r *reader) leakDetection(ctx context.Context, link string) []rack.LeakDetector {
	r.dive(ctx, link, 2)
	det := r.get(ctx, link)
	if det == nil {
		return nil
	}
	return r.leakDetectors(ctx, det.Obj.Link("LeakDetectors"))
}

func (r *reader) leakDetectors(ctx context.Context, link string) []rack.LeakDetector {
	var out []rack.LeakDetector
	for _, l := range r.take(ctx, link) {
		st := first(text(l.Obj, "DetectorState"), l.Obj.Str("Status", "Health"))
		switch st {
		case "OK", "Warning", "Critical":
		default:
			st = "Unknown"
		}
		out = append(out, rack.LeakDetector{ID: idOf(l), Path: l.URI, State: st, Status: state(l.Obj)})
	}
	return out
}
