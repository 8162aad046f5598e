package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// shelfS is how long the rails of a shelf take to come up.
const shelfS = 30

// risingShelves plans the rails that are off though something that hangs on them is wanted on. A shelf that cannot be switched by
// its controller waits for hands.
func (b *builder) risingShelves() (map[string]bool, []NodePlan) {
	rising := map[string]bool{}
	var plans []NodePlan
	chosen := map[string]bool{}
	for _, n := range b.chosenNodes() {
		chosen[n.Name] = n.Power == powerOn
	}
	for _, s := range b.d.PowerShelves {
		dev, ok := b.o.Device(s.Name)
		wanted := slices.ContainsFunc(b.d.NodesOn(s), func(n rack.Node) bool { return chosen[n.Name] })
		if !ok || dev.Shelf == nil || !hostOff(dev.Shelf.PowerState) || !wanted {
			continue
		}
		if !slices.Contains(dev.Shelf.ResetTypes, powerOn) {
			b.report.Waiting = append(b.report.Waiting, Note{Address: s.Address, Node: s.Name, Rule: "power.shelf", Summary: "Power shelf is off",
				Detail: fmt.Sprintf("Its controller cannot switch its rails on; it offers %s. Needs hands: switch on the shelf in U%d of %s.",
					resetList(dev.Shelf.ResetTypes), s.PositionU, s.Rack), Origin: s.Origin})
			continue
		}
		rising[s.Name] = true
		plans = append(plans, NodePlan{Address: s.Address, Name: s.Name, Resets: map[string]int{}, EstimatedS: shelfS,
			Holds: shelfHolds(b.d, s), Steps: []step.Step{shelfStep(s, dev, powerOn, "the rails come up before what hangs on them")}})
	}
	return rising, plans
}

func resetList(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// shelfStep switches or cycles the rails of one shelf.
func shelfStep(s rack.PowerShelf, dev rack.Device, want, why string) step.Step {
	return step.Step{ID: step.ID(s.Name + "/010-shelf-power"), Address: s.Address, Node: s.Name, Kind: step.ShelfPower, Activation: step.None,
		Expect: step.Facts{"power_state": dev.Shelf.PowerState}, Want: step.Facts{"power_state": want}, After: []step.ID{},
		Args: step.Args{Path: dev.Shelf.Chassis}, EstimatedS: shelfS, Origin: s.Origin, Why: why}
}

// shelfHolds is what a run holds while it touches the rails of a shelf: every rack that hangs on them, alone.
func shelfHolds(d rack.Design, s rack.PowerShelf) []Hold {
	var out []Hold
	p, _ := d.PowerDomainOf(s.Name)
	for _, r := range p.Racks {
		if r.Name != "" {
			out = append(out, Hold{Name: "rack/" + r.Name})
		}
	}
	return out
}
