package plan

import (
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Change is one line of what a plan changes, from what to what: a BIOS step gives one for each attribute, a reset none.
type Change struct {
	Address rack.Address `json:"address"`
	Node    string       `json:"node"`
	Step    step.ID      `json:"step"`
	Kind    step.Kind    `json:"kind"`
	Name    string       `json:"name"` // attribute, component, volume; else empty
	From    any          `json:"from"`
	To      any          `json:"to"`
	Origin  diag.Origin  `json:"origin,omitzero"`
}

// Drift lists what differs between the rack and the design, in plan order: the plan as differences instead of actions.
// A rack has drifted when this is not empty, or when the Report is not Clean.
func Drift(p Plan) []Change {
	var out []Change
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			out = append(out, changesOf(s)...)
		}
	}
	return out
}

func changesOf(s step.Step) []Change {
	c := Change{Address: s.Address, Node: s.Node, Step: s.ID, Kind: s.Kind, Origin: s.Origin}
	switch s.Kind {
	case step.SecureBoot:
		for _, name := range sortedKeys(s.Want) { // one
			c.Name, c.From, c.To = name, s.Expect[name], s.Want[name]
		}
		if s.Args.Component != "" {
			c.Name = s.Args.Component + " " + c.Name
		}
	case step.Switch:
		return driftOfSwitch(c, s)
	case step.DPU:
		c.From, c.To = s.Expect["mode"], s.Want["mode"]
	case step.BIOS, step.BIOSReset, step.NIC, step.Manager, step.EventDestination:
		var out []Change
		for _, name := range sortedKeys(s.Want) {
			c.Name, c.From, c.To = name, s.Expect[name], s.Want[name]
			out = append(out, c)
		}
		return out
	case step.Firmware:
		c.Name, c.From, c.To = s.Args.Component, s.Expect["version"], s.Want["version"]
	case step.Power:
		c.From, c.To = s.Expect["power_state"], s.Want["power_state"]
	case step.Volume:
		c.Name, _ = s.Want["name"].(string)
		c.From, c.To = volumeText(s.Expect), volumeText(s.Want)
	case step.VolumeSet, step.VolumeInit, step.Spare, step.Foreign, step.ControllerReset, step.ControllerKey, step.Namespace:
		return storageChanges(c, s)
	case step.Erase:
		c.Name, _ = s.Want["serial"].(string)
		c.To = s.Want["method"]
	case step.Certificate:
		c.From, c.To = s.Expect["not_after"], s.Why
	case step.Media:
		c.From, c.To = s.Expect["image"], s.Want["image"]
	case step.BootOnce:
		c.From, c.To = s.Expect["target"], s.Want["target"]
	case step.BootOrder:
		if uri := s.Want["http_uri"]; uri != nil {
			c.Name, c.From, c.To = "http_uri", s.Expect["http_uri"], uri
			break
		}
		c.From, c.To = s.Expect["order"], s.Want["order"]
		if c.To == nil {
			c.Name, c.From, c.To = "mode", s.Expect["mode"], s.Want["mode"]
		}
	default:
		return nil
	}
	return []Change{c}
}

// volumeText is the type of a volume, or that there is none.
func volumeText(f step.Facts) any {
	if f["raid_type"] == nil {
		return "absent"
	}
	return f["raid_type"]
}

// storageChanges are the changes of the storage kinds beside volume and erase.
func storageChanges(c Change, s step.Step) []Change {
	text := func(v any) string { t, _ := v.(string); return t }
	switch s.Kind {
	case step.VolumeSet:
		var out []Change
		for _, name := range sortedKeys(s.Want) {
			c.Name, c.From, c.To = s.Args.Component+" "+name, s.Expect[name], s.Want[name]
			out = append(out, c)
		}
		return out
	case step.VolumeInit:
		c.Name, c.To = text(s.Want["name"]), s.Want["method"]
	case step.Spare:
		c.Name, c.From, c.To = text(s.Want["serial"]), s.Expect["spare"], s.Want["spare"]
	case step.Foreign:
		c.Name, c.From, c.To = s.Args.Component, s.Expect["drives"], s.Want["foreign"]
	case step.ControllerReset:
		c.Name, c.From, c.To = s.Args.Component, s.Expect["volumes"], s.Want["volumes"]
	case step.ControllerKey:
		c.Name, c.From, c.To = s.Args.Component, s.Expect["key_id"], s.Want["key_id"]
	default: // a namespace
		if c.Name, c.From, c.To = text(s.Want["name"]), "absent", s.Want["drive"]; s.Want["exists"] == false {
			c.From, c.To = s.Expect["drive"], "absent"
		}
	}
	return []Change{c}
}
