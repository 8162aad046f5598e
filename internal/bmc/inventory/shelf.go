package inventory

import (
	"context"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readShelf reads what a power shelf tells of itself (facet power_shelf): the chassis that is switched, and its redundancy. Its
// supplies and their readings were read with the chassis.
func (r *reader) readShelf(ctx context.Context) {
	if !r.wants(rack.FacetShelf) {
		return
	}
	c := r.shelfChassis()
	if c == nil {
		return
	}
	o := c.Obj
	s := &rack.Shelf{Chassis: c.URI, PowerState: powerWord(o), RatedWatts: watts(o, "MaxPowerWatts")}
	s.ResetTypes = r.resetTypes(ctx, o, "Chassis.Reset")
	groups := []redfish.Object{}
	if sub := r.get(ctx, o.Link("PowerSubsystem")); sub != nil {
		groups = append(groups, sub.Obj.Objs("PowerSupplyRedundancy")...)
		if s.RatedWatts == nil {
			s.RatedWatts = watts(sub.Obj, "CapacityWatts")
		}
	}
	if p := r.get(ctx, o.Link("Power")); p != nil {
		groups = append(groups, p.Obj.Objs("Redundancy")...)
	}
	for _, g := range groups {
		s.Redundancy = append(s.Redundancy, redundancy(g))
	}
	total, told := 0.0, false
	for _, u := range r.dev.Power {
		if u.Kind == "supply" && u.OutputWatts != nil {
			total, told = total+*u.OutputWatts, true
		}
	}
	if told {
		s.OutputWatts = &total
	}
	r.dev.Shelf = s
}

// shelfChassis is the chassis of the shelf itself: the one that calls itself so, else the only one.
func (r *reader) shelfChassis() *redfish.Resource {
	for _, c := range r.chassis {
		if strings.EqualFold(c.Obj.Str("ChassisType"), "Shelf") {
			return c
		}
	}
	if len(r.chassis) == 1 {
		return r.chassis[0]
	}
	return nil
}

// redundancy reads a group of PowerSubsystem (RedundantGroup) or of Power (Redundancy).
func redundancy(g redfish.Object) rack.Redundancy {
	out := rack.Redundancy{Type: first(text(g, "RedundancyType"), text(g, "Mode")), State: state(g), Health: g.Str("Status", "Health")}
	needed, ok := g.Int("MinNeededInGroup")
	if !ok {
		needed, _ = g.Int("MinNumNeeded")
	}
	out.Needed, out.Of = int(needed), len(g.Objs("RedundancyGroup"))
	if out.Of == 0 {
		out.Of = len(g.Objs("RedundancySet"))
	}
	return out
}

// powerWord gives On or Off, also of a service that answers with true (R113).
func powerWord(o redfish.Object) string {
	if v, ok := o.Lookup("PowerState"); ok {
		switch v {
		case true:
			return "On"
		case false:
			return "Off"
		}
	}
	return text(o, "PowerState")
}

// supplyReadings adds what a supply gives and draws, for a shelf: from its metrics (PowerSupplyMetrics), else from the sensors that
// it lists itself, which a Lite-On names power_pN_pout and power_pN_pin.
func (r *reader) supplyReadings(ctx context.Context, o redfish.Object, u *rack.PowerUnit) {
	if !r.wants(rack.FacetShelf) {
		return
	}
	u.PowerState = powerWord(o)
	if m := r.get(ctx, o.Link("Metrics")); m != nil {
		u.OutputWatts = or(u.OutputWatts, watts(m.Obj, "OutputPowerWatts"))
		u.InputWatts = or(u.InputWatts, watts(m.Obj, "InputPowerWatts"))
	}
	for _, l := range o.Objs("Sensors") {
		at := l.Str("@odata.id")
		name := strings.ToLower(lastSegment(at))
		out, in := strings.HasSuffix(name, "_pout"), strings.HasSuffix(name, "_pin")
		if out && u.OutputWatts != nil || in && u.InputWatts != nil || !out && !in {
			continue
		}
		s := r.get(ctx, at)
		if s == nil || s.Obj.Str("ReadingType") != "Power" {
			continue
		}
		if out {
			u.OutputWatts = watts(s.Obj, "Reading")
		} else {
			u.InputWatts = watts(s.Obj, "Reading")
		}
	}
}

func or(a, b *float64) *float64 {
	if a != nil {
		return a
	}
	return b
}
