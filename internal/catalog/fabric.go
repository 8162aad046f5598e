package catalog

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/metalwright/metalwright/internal/rack"
)

// topology reads the words of a fabric design.
func (e entryDecoder) topology(v values) {
	d := e.design()
	d.Shape = e.oneOf(v, "shape", "rail", "management")
	d.Protocol = e.oneOf(v, "protocol", "Ethernet", "InfiniBand")
	d.Leaf, d.Spine = v.text("leaf"), v.text("spine")
	if d.Shape == "" || d.Shape == "rail" && (d.Protocol == "" || d.Leaf == "" || d.Spine == "") {
		e.errorf(v.rng, "Fabric design is incomplete",
			"%s needs a shape; a rail design also protocol, leaf and spine: without them nothing can be computed.", e.hw.Key)
	}
}

// medium adds a kind of cable; they are kept by reach.
func (e entryDecoder) medium(name string, v values, source string, verified bool) {
	d := e.design()
	reach := e.number(v, "media."+name, v.num["reach_m"], source, verified)
	d.Media = append(d.Media, rack.MediaFact{Name: name, Reach: *reach})
	slices.SortStableFunc(d.Media, func(a, b rack.MediaFact) int {
		if a.Reach.Value < b.Reach.Value {
			return -1
		}
		return 1
	})
}

func (e entryDecoder) design() *rack.FabricDesign {
	if e.hw.Kind != "fabric" {
		e.errorf(hcl.Range{}, "Fabric design of no fabric", "%s is a %s: topology and media stand in a fabric.", e.hw.Key, e.hw.Kind)
	}
	if e.hw.Fabric == nil {
		e.hw.Fabric = &rack.FabricDesign{}
	}
	return e.hw.Fabric
}
