package plan

import (
	"fmt"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// RuleLocation is the rule of a machine that says it stands in another node's place; a waiver can name it.
const RuleLocation = "node.location"

// checkLocation holds where the machine says it stands against the blueprint, before anything is changed, the place itself
// included. A machine that says another node's place was moved, or its binding is another's: nothing is done to it. One that says a
// place of nobody was moved, or was never told: that is said. Without location in bmc { } nobody writes the place.
func (n *nodeBuild) checkLocation() {
	at := toldLocation(n.dev)
	frame := n.rackName(n.node.Rack)
	if !at.Told() || frame == "" || at.At(frame, n.node.PositionU) {
		return
	}
	if other, ok := n.nodeAt(at); ok {
		if n.waived(RuleLocation) {
			return
		}
		text := fmt.Sprintf("Its BMC says %s, which is the place of %s; the blueprint puts %s at %s. Is the binding swapped, or was the machine "+
			"moved?", placeText(at), other.Name, n.node.Name, placeText(rack.Location{Rack: frame, U: n.node.PositionU}))
		if dev, seen := n.o.Device(other.Name); seen && toldLocation(dev).At(frame, n.node.PositionU) && toldLocation(dev).U > 0 {
			text += fmt.Sprintf(" The BMC of %s says this node's place: the two bindings look exchanged.", other.Name)
		}
		n.block(RuleLocation, "Another node's place", text+" Look at the label of the machine, then correct the binding; if the machine is the right "+
			"one, add a waiver for "+RuleLocation+", and the place is written.", n.node.Origin)
		return
	}
	then := "Nobody writes it: location = true in bmc { } would."
	if m := n.node.BMC.Manager; m != nil {
		if _, kept := m.Settings["location_rack"]; kept {
			then = "This plan writes the blueprint's place."
		}
	}
	n.warn(RuleLocation, "Place differs", fmt.Sprintf("Its BMC says %s; the blueprint puts %s at %s. It was moved, or its BMC was never told. %s",
		placeText(at), n.node.Name, placeText(rack.Location{Rack: frame, U: n.node.PositionU}), then), n.node.Origin)
}

// toldLocation is where a machine says it stands: its chassis, else the vendor's own attributes where they were read. A unit without
// a rack is what controllers are delivered with (Lenovo and Dell: 1), and says nothing.
func toldLocation(dev rack.Device) rack.Location {
	var at rack.Location
	if dev.Location != nil {
		at = *dev.Location
	}
	if s := dev.BMC.Settings; s != nil {
		if name, ok := s.Words["location_rack"].Value.(string); ok && at.Rack == "" {
			at.Rack = strings.TrimSpace(name)
		}
		if u, ok := s.Words["location_u"].Value.(int64); ok && at.U == 0 {
			at.U = int(u)
		}
	}
	return at
}

// nodeAt finds the other node that the blueprint puts there: only where rack and unit are told is that certain.
func (n *nodeBuild) nodeAt(at rack.Location) (rack.Node, bool) {
	if at.U == 0 {
		return rack.Node{}, false
	}
	for _, o := range n.d.Nodes {
		if o.Address != n.node.Address && o.PositionU == at.U && at.At(n.rackName(o.Rack), o.PositionU) {
			return o, true
		}
	}
	return rack.Node{}, false
}

func (n *nodeBuild) rackName(a rack.Address) string {
	for _, r := range n.d.Racks {
		if r.Address == a {
			return r.Name
		}
	}
	return ""
}

func placeText(at rack.Location) string {
	if at.U == 0 {
		return "rack " + at.Rack
	}
	return fmt.Sprintf("rack %s U%d", at.Rack, at.U)
}
