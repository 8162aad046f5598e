package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// pokeLocation changes what the chassis says of its place, as somebody who told it at another slot: "a01/12".
func (b *BMC) pokeLocation(at string) error {
	if at == "" {
		return nil
	}
	frame, unit, ok := strings.Cut(at, "/")
	u, err := strconv.Atoi(unit)
	if !ok || err != nil || u < 1 || b.shelf != nil {
		return fmt.Errorf("poke %s: location %q: want RACK/U of a node", b.name, at)
	}
	b.put(b.dia.chassis(), obj{"Location": obj{"Placement": obj{"Rack": frame, "RackOffset": u, "RackOffsetUnits": "EIA_310"}}})
	if b.dia.name == dialectIDRAC { // and where the vendor keeps it too
		b.put(b.dia.manager()+"/Oem/Dell/DellAttributes/System.Embedded.1",
			obj{"Attributes": obj{"ServerTopology.1.RackName": frame, "ServerTopology.1.RackSlot": u}})
	}
	return nil
}
