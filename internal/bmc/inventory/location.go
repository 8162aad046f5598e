package inventory

import (
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readLocation takes out of what was read anyway where the machine says it stands: Location.Placement of the chassis that the host
// stands in (DSP0268, Resource.Placement), else of the only chassis that has one. Other chassis of a machine are its parts.
func (r *reader) readLocation() {
	var told []*rack.Location
	for _, s := range r.hostResources() {
		for _, l := range s.Obj.Objs("Links", "Chassis") {
			for _, c := range r.chassis {
				if redfish.Key(c.URI) != redfish.Key(l.Str("@odata.id")) {
					continue
				}
				if at := placement(c.Obj); at.Told() {
					r.dev.Location = &at
					return
				}
			}
		}
	}
	for _, c := range r.chassis {
		if at := placement(c.Obj); at.Told() {
			told = append(told, &at)
		}
	}
	if len(told) == 1 {
		r.dev.Location = told[0]
	}
}

// placement reads a Placement. An offset counts rack units from 1 at the bottom, where the resource does not say otherwise; 0 is
// what controllers hold that nobody told.
func placement(o redfish.Object) rack.Location {
	p := o.Obj("Location", "Placement")
	at := rack.Location{Rack: strings.TrimSpace(text(p, "Rack")), Row: strings.TrimSpace(text(p, "Row"))}
	if u, ok := p.Int("RackOffset"); ok && u > 0 && u < 1000 {
		at.U = int(u)
	}
	return at
}
