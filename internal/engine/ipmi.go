package engine

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// ipmi is how a node's BMC may be spoken to when Redfish is silent; nil where the blueprint has not opted in.
func (w *Workspace) ipmi(n rack.Node) *bmc.IPMI {
	spec := n.BMC.IPMI
	if spec == nil {
		return nil
	}
	_, wet := w.Design.Hardware[n.Hardware].Facts["leak.detectors"]
	out := &bmc.IPMI{Tool: spec.Tool, Port: spec.Port, Wet: wet, Busy: func() string { return w.leftUnderWay(n.Name) }}
	for other, b := range w.Bindings {
		out.Shared = out.Shared || other != n.Name && b.URL == w.Bindings[n.Name].URL
	}
	if w.opt.IPMI != nil {
		out.Line = w.opt.IPMI(n.Name)
	}
	return out
}

// noIPMI says why IPMI cannot be spoken from here to nodes that have it on.
func (w *Workspace) noIPMI() map[string]string {
	out := map[string]string{}
	for _, n := range w.Design.Nodes {
		spec := n.BMC.IPMI
		if spec == nil || w.opt.IPMI != nil {
			continue
		}
		switch st, err := os.Stat(spec.Tool); {
		case err != nil:
			out[n.Name] = fmt.Sprintf("ipmitool is not at %s: %v.", spec.Tool, cause(err))
		case st.IsDir() || st.Mode()&0o111 == 0:
			out[n.Name] = spec.Tool + " is no program."
		}
	}
	return out
}

// flashOver is after how long firmware that was begun is no longer being written, whatever came of it: no flash of the catalog takes
// an hour, and the longest that is waited for takes three.
const flashOver = 4 * time.Hour

// leftUnderWay says why a node must not be touched while nobody can look at it: its journals hold firmware that was begun and not
// seen to its end, or the last run on it ended over a leak. A journal that cannot be read may hold either. "" = neither.
func (w *Workspace) leftUnderWay(node string) string {
	runs, err := w.replays()
	if err != nil {
		return "what was begun on it before cannot be read: " + w.Redact(err.Error())
	}
	settled := map[step.ID]bool{} // by a younger run
	latest := true
	for _, rep := range slices.Backward(runs) {
		i := slices.IndexFunc(rep.Plan.Nodes, func(n plan.NodePlan) bool { return n.Name == node })
		if i < 0 {
			continue
		}
		if rep.Nodes[node].Class == step.Safety && latest {
			return "its last run ended over what was not safe: " + rep.Nodes[node].Text
		}
		latest = false
		for _, s := range rep.Plan.Nodes[i].Steps {
			p := rep.Steps[s.ID]
			if s.Kind != step.Firmware || settled[s.ID] || p.Op == nil {
				continue
			}
			settled[s.ID] = true
			if over := p.Result == string(apply.Done) || p.Result == string(apply.Skipped); !over && time.Since(p.Op.Started) < flashOver {
				return fmt.Sprintf("firmware that was begun at %s has not been seen to its end (%s)", p.Op.Started.Local().Format(time.DateTime), s.ID)
			}
		}
	}
	return ""
}
