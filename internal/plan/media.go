package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// planMedia plans the insertion of an image and the one boot from it, which rides on the last reset of the node.
func (n *nodeBuild) planMedia() {
	spec := n.node.Media
	if spec == nil {
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	if i := slices.IndexFunc(n.sys.Media, func(m rack.MediaSlot) bool { return m.Inserted && m.Image == spec.Image }); i >= 0 {
		if spec.BootOnce && n.armed() {
			n.bootOnce(*spec) // inserted and armed by an earlier run that did not come to its reset
		}
		return
	}
	slots := n.discSlots()
	if len(slots) == 0 {
		if gaps := n.gapsNamed("virtualmedia"); len(gaps) > 0 {
			n.unreadable("media.read", "Virtual media not readable", "No slot was seen."+because(gaps), origin)
			return
		}
		n.block("media.none", "Virtual media unsupported on this BMC",
			"This BMC offers no virtual media slot for a disc image.", origin)
		return
	}
	i := slices.IndexFunc(slots, func(m rack.MediaSlot) bool { return !m.Inserted })
	if i < 0 {
		// R76: ejecting what a running installer reads from corrupts it.
		n.hands("media.busy", "All media slots hold other images", fmt.Sprintf(
			"Slot %s holds %s. Needs hands: eject it when nothing reads from it any more.", slots[0].ID, slots[0].Image), origin)
		return
	}
	slot := slots[i]
	n.add(&change{key: string(step.Media), last: true, step: step.Step{
		Kind: step.Media, Activation: step.None, Origin: origin, EstimatedS: mediaS,
		Expect: step.Facts{"image": slot.Image, "inserted": slot.Inserted}, Want: step.Facts{"image": spec.Image, "inserted": true},
		Args: step.Args{Path: slot.Path}, Why: "asked for by " + string(mediaAsker(*spec, n.node)),
	}})
	if spec.BootOnce {
		n.bootOnce(*spec)
	}
}

func mediaAsker(spec rack.MediaSpec, node rack.Node) rack.Address {
	if spec.OS != "" {
		return spec.OS
	}
	return node.Address
}

// discSlots lists the slots that take a disc image, the surest first.
func (n *nodeBuild) discSlots() []rack.MediaSlot {
	rank := func(m rack.MediaSlot) int {
		switch {
		case slices.Contains(m.Types, "CD"):
			return 0
		case slices.Contains(m.Types, "DVD"):
			return 1
		case len(m.Types) == 0:
			return 2
		default:
			return 3
		}
	}
	out := slices.DeleteFunc(slices.Clone(n.sys.Media), func(m rack.MediaSlot) bool { return rank(m) == 3 })
	slices.SortFunc(out, func(a, b rack.MediaSlot) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		if a.CanPost != b.CanPost { // a slot with an InsertMedia action before one without (R38)
			if a.CanPost {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out
}

// armed tells whether a one-time boot from disc waits for a reset.
func (n *nodeBuild) armed() bool {
	b := n.sys.Boot
	return b != nil && b.OverrideEnabled == "Once" && b.OverrideTarget == cdTarget
}

const cdTarget = "Cd"

// bootOnce arms the one-time boot.
func (n *nodeBuild) bootOnce(spec rack.MediaSpec) {
	origin := originOr(spec.Origin, n.node.Origin)
	b := n.sys.Boot
	if b == nil {
		n.unreadable("boot.read", "Boot settings not readable", "The host shows no boot settings."+because(n.gapsAt(n.sys.Path)), origin)
		return
	}
	if len(b.Targets) > 0 && !slices.Contains(b.Targets, cdTarget) {
		n.block("boot.target", "One-time boot unsupported on this BMC", fmt.Sprintf(
			"A boot from %s is wanted; this BMC offers %s.", cdTarget, strings.Join(b.Targets, ", ")), origin)
		return
	}
	want := step.Facts{"target": cdTarget}
	expect := step.Facts{"target": b.OverrideTarget}
	mode := b.OverrideMode
	if n.node.Boot != nil && n.node.Boot.Mode != "" {
		mode = n.node.Boot.Mode
	}
	if mode != "" {
		want["mode"] = mode
	}
	if b.OverrideMode != "" {
		expect["mode"] = b.OverrideMode
	}
	n.add(&change{key: string(step.BootOnce), last: true, after: []string{string(step.Media)}, step: step.Step{
		Kind: step.BootOnce, Activation: step.HostReset, Expect: expect, Want: want, EstimatedS: settingsS, Origin: origin,
		Why: "boots once from " + spec.Image,
	}})
}
