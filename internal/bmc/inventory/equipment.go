package inventory

import (
	"context"
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readPowerEquipment reads shelves, PDUs, transfer switches and buses (DSP2064): supplies, outlets and circuits.
func (r *reader) readPowerEquipment(ctx context.Context) {
	top := r.get(ctx, r.root.Link("PowerEquipment"))
	if top == nil {
		return
	}
	var lists []string
	for _, k := range []string{"PowerShelves", "RackPDUs", "FloorPDUs", "TransferSwitches", "Switchgear", "ElectricalBuses"} {
		if l := top.Obj.Link(k); l != "" {
			lists = append(lists, l)
		}
	}
	found := make([][]rack.PowerUnit, len(lists))
	each(lists, func(i int, l string) {
		r.dive(ctx, l, 3)
		for _, u := range r.members(ctx, l) {
			found[i] = append(found[i], r.powerDistribution(ctx, u)...)
		}
	})
	r.equipmentPower = slices.Concat(found...)
}

func (r *reader) powerDistribution(ctx context.Context, u *redfish.Resource) []rack.PowerUnit {
	out := r.supplies(ctx, u.Obj.Link("PowerSupplies"))
	for _, k := range []struct{ property, kind string }{{"Mains", "circuit"}, {"Branches", "circuit"}, {"Feeders", "circuit"},
		{"Subfeeds", "circuit"}, {"Outlets", "outlet"}} {
		for _, m := range r.members(ctx, u.Obj.Link(k.property)) {
			p := rack.PowerUnit{ID: idOf(u) + "/" + idOf(m), Kind: k.kind, Model: first(text(m.Obj, "OutletType"), text(m.Obj, "CircuitType")),
				State: state(m.Obj), Health: m.Obj.Str("Status", "Health"), OutputWatts: watts(m.Obj, "PowerWatts")}
			out = append(out, p)
		}
	}
	if m := r.get(ctx, u.Obj.Link("Metrics")); m != nil {
		if w := watts(m.Obj, "PowerWatts"); w != nil {
			out = append(out, rack.PowerUnit{ID: idOf(u), Kind: "metric", InputWatts: w})
		}
	}
	return out
}

// readThermalEquipment reads the leak detectors of cooling units, heat exchangers and loops (DSP2064).
func (r *reader) readThermalEquipment(ctx context.Context) {
	top := r.get(ctx, r.root.Link("ThermalEquipment"))
	if top == nil {
		return
	}
	var found []rack.LeakDetector
	for _, k := range []string{"CDUs", "HeatExchangers", "ImmersionUnits", "CoolingLoops"} {
		for _, u := range r.members(ctx, top.Obj.Link(k)) {
			found = append(found, r.leakDetectors(ctx, u.Obj.Link("LeakDetectors"))...)
			found = append(found, r.leakDetection(ctx, u.Obj.Link("LeakDetection"))...)
		}
	}
	r.equipmentLeaks = found
}

// addEquipment adds power units and the detectors of equipment that no chassis lists: a cooling unit shows its own under both. Between
// chassis nothing is merged, since two detectors of one name are two detectors.
func (r *reader) addEquipment() {
	d := &r.dev
	d.Power = append(d.Power, r.equipmentPower...)
	ids := map[string]bool{}
	for _, l := range d.LeakDetectors {
		ids[l.ID] = true
	}
	for _, l := range r.equipmentLeaks {
		if !ids[l.ID] {
			d.LeakDetectors = append(d.LeakDetectors, l)
		}
	}
}
