package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Rules that a waiver of the blueprint can name.
const (
	RuleIdentity = "hardware.identity"  // the device does not name itself as the catalog entry does
	RuleGPUs     = "hardware.gpu_count" // fewer GPUs than the catalog entry or the acceptance asks for
	RuleMatch    = "firmware.match"     // the device does not name itself as its baseline asks
)

// checkSafety stops everything on a node whose coolant leaks (R114), and on all nodes when a device that is no node says so: which
// of them it stands over is not known (R92). There is no waiver for it.
func (n *nodeBuild) checkSafety() {
	for _, d := range n.o.Devices {
		for _, l := range d.LeakDetectors {
			if d.Node == "" && d.Address != n.dev.Address && strings.EqualFold(l.State, "Critical") {
				n.block(string(step.Safety), "Coolant leak", fmt.Sprintf("Leak detector %s of %s is Critical. Nothing is changed.",
					l.ID, d.Address), n.node.Origin)
			}
		}
	}
	for _, l := range n.dev.LeakDetectors {
		if strings.EqualFold(l.Status, "Absent") || strings.EqualFold(l.Status, "Disabled") {
			continue
		}
		switch {
		case strings.EqualFold(l.State, "Critical"):
			n.block(string(step.Safety), "Coolant leak", fmt.Sprintf(
				"Leak detector %s is Critical. Nothing is changed on this node; look at the tray before anything else.", l.ID), n.node.Origin)
		case strings.EqualFold(l.State, "Warning"):
			n.warn(string(step.Safety), "Leak detector warns", fmt.Sprintf("Leak detector %s is in state Warning.", l.ID), n.node.Origin)
		}
	}
}

// checkIdentity holds the device against the strings that the catalog has for its model. A swapped unit is never
// updated as if it were the one planned (R86).
func (n *nodeBuild) checkIdentity() {
	want := n.hw.Identity
	if n.node.Hardware == "" {
		return // nobody says what it is
	}
	if want.Manufacturer == "" && len(want.Models) == 0 {
		n.warn(RuleIdentity, "Identity not checked",
			fmt.Sprintf("Catalog entry %q has no identity strings.", n.node.Hardware), n.node.Origin)
		return
	}
	names := n.names()
	if len(names) == 0 {
		n.unreadable(RuleIdentity, "Identity not readable",
			"Neither the system nor a chassis says its manufacturer and model."+because(n.gaps), n.node.Origin)
		return
	}
	if slices.ContainsFunc(names, func(id [2]string) bool { return identityFits(want.Manufacturer, want.Models, id) }) {
		return
	}
	if n.waived(RuleIdentity) {
		return
	}
	n.block(RuleIdentity, "Not the planned hardware", fmt.Sprintf(
		"%s wants manufacturer %q and model %s; the device says %q, %q. Check the slot and the binding; if the unit is right, correct "+
			"the hardware of the node or add a waiver for %s.",
		n.node.Hardware, want.Manufacturer, quotedOr(want.Models), names[0][0], names[0][1], RuleIdentity), n.node.Origin)
}

// names lists how the device names itself: its host system, or, where that says no model (GB200), its chassis.
func (n *nodeBuild) names() [][2]string {
	if n.sys.Model != "" {
		return [][2]string{{n.sys.Manufacturer, n.sys.Model}}
	}
	var out [][2]string
	for _, c := range n.dev.Chassis {
		if c.Model != "" {
			out = append(out, [2]string{c.Manufacturer, c.Model})
		}
	}
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1]) })
	return out
}

func identityFits(manufacturer string, models []string, id [2]string) bool {
	return (manufacturer == "" || manufacturer == id[0]) && (len(models) == 0 || slices.Contains(models, id[1]))
}

func quotedOr(values []string) string {
	var q []string
	for _, v := range values {
		q = append(q, fmt.Sprintf("%q", v))
	}
	return strings.Join(q, " or ")
}

// checkGPUs counts: a missing GPU is a fact for hands, not something to configure around (R85).
func (n *nodeBuild) checkGPUs() {
	want, asks := 0, n.node.Hardware
	if n.hw.GPU != nil {
		want = n.hw.GPU.Count
	}
	for _, a := range n.d.Acceptances {
		if a.GPUsPerNode != nil && *a.GPUsPerNode > want && covers(a.Targets, n.node.Address) && len(a.Targets) > 0 {
			want, asks = *a.GPUsPerNode, string(a.Address)
		}
	}
	have := n.countGPUs()
	if have >= want || want == 0 {
		return
	}
	detail := fmt.Sprintf("%d of %d GPUs seen (%s).", have, want, asks)
	switch gaps := n.gapsNamed("processors", "pciedevices", "gpu", "gpus"); {
	case n.waived(RuleGPUs):
	case len(gaps) > 0:
		n.unreadable(RuleGPUs, "GPUs not countable", detail+because(gaps), n.node.Origin)
	case have == 0 && hostOff(n.sys.PowerState):
		n.warn(RuleGPUs, "GPUs not counted", detail+" The host is off, and many BMCs list GPUs only while it runs.", n.node.Origin)
	default:
		n.hands(RuleGPUs, "GPUs missing", detail+fmt.Sprintf(
			" Needs hands: reseat or replace the missing ones, or add a waiver for %s.", RuleGPUs), n.node.Origin)
	}
}

// countGPUs counts those of the host and of systems that are no host (an HGX baseboard), each serial number once.
func (n *nodeBuild) countGPUs() int {
	seen := map[string]bool{}
	for _, s := range n.dev.Systems {
		if s.Host && s.ID != n.sys.ID {
			continue
		}
		for _, g := range s.GPUs {
			seen[gpuKey(s, g)] = true
		}
	}
	return len(seen)
}

func gpuKey(s rack.System, g rack.GPU) string {
	if g.SerialNumber != "" {
		return "serial " + g.SerialNumber
	}
	return s.ID + " " + g.ID
}
