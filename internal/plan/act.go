package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// ActKind is what an Act does.
type ActKind string

// The acts of this version.
const (
	ActBIOSReset ActKind = "bios_reset" // everything that the blueprint does not name, to its default
	ActTPMClear  ActKind = "tpm_clear"  // the trusted platform module forgets its owner and keys
	ActBootOnce  ActKind = "boot_once"  // the next boot, and only that, is from Value

	// Value names a storage controller by a part of its id or name.
	ActForeignImport   ActKind = "foreign_import"   // take over what drives from another controller hold
	ActForeignClear    ActKind = "foreign_clear"    // throw it away
	ActControllerReset ActKind = "controller_reset" // throw away all volumes and spares; VALUE:all = also those that are not ours
)

var actKinds = []string{string(ActBIOSReset), string(ActBootOnce), string(ActControllerReset), string(ActForeignClear), string(ActForeignImport),
	string(ActTPMClear)}

// takes says what Value of an act is, with an example; none for an act that takes no value.
func (k ActKind) takes() (what, example string) {
	switch k {
	case ActBootOnce:
		return "what to boot from", "Pxe"
	case ActForeignImport, ActForeignClear, ActControllerReset:
		return "a storage controller", "RAID"
	default:
		return "", ""
	}
}

// Act is something that happens once, and leaves nothing to compare afterwards. A person asks for it, for one node by name; a
// blueprint cannot. It is planned with everything else of the node and shares its reset.
type Act struct {
	Kind   ActKind `json:"kind"`
	Node   string  `json:"node"`
	Value  string  `json:"value,omitempty"` // of boot_once: Pxe, UefiHttp, Cd, Usb, Hdd, BiosSetup …
	Owner  string  `json:"owner,omitempty"`
	Reason string  `json:"reason,omitempty"` // why; needed where something is lost
}

// Loses tells whether an act takes something away that cannot be brought back.
func (a Act) Loses() bool { return a.Kind != ActBootOnce && a.Kind != ActForeignImport }

// ParseAct reads KIND@NODE or KIND=VALUE@NODE.
func ParseAct(text string) (Act, error) {
	what, node, ok := strings.Cut(text, "@")
	kind, value, valued := strings.Cut(what, "=")
	a := Act{Kind: ActKind(kind), Node: node, Value: value}
	switch {
	case !ok || node == "":
		return a, fmt.Errorf("act %q names no node: want KIND@NODE, such as tpm_clear@a01-n1", text)
	case !slices.Contains(actKinds, kind):
		return a, fmt.Errorf("act %q: there is %s.%s", text, strings.Join(actKinds, ", "), didYouMean(kind, actKinds))
	}
	switch need, example := a.Kind.takes(); {
	case need != "" && value == "":
		return a, fmt.Errorf("act %q: %s needs %s, such as %s=%s@%s", text, kind, need, kind, example, node)
	case need == "" && valued:
		return a, fmt.Errorf("act %q: %s takes no value", text, kind)
	}
	return a, nil
}

// WithActs is a node as its acts want it; without any it is the node itself. What is read for a plan follows from it.
func WithActs(n rack.Node, acts []Act) rack.Node {
	for _, a := range acts {
		if a.Node != n.Name && a.Node != string(n.Address) || a.Kind == ActBootOnce {
			continue
		}
		if what, _ := a.Kind.takes(); what != "" { // about storage: its facet is read
			if n.Disks == nil {
				n.Disks = &rack.DiskSpec{Origin: n.Origin}
			}
			continue
		}
		spec := rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{}, Origin: n.Origin}
		if n.BIOS != nil {
			spec = *n.BIOS
		}
		if a.Kind == ActBIOSReset {
			spec.Reset = &rack.BIOSReset{Owner: a.Owner, Reason: a.Reason, Origin: spec.Origin}
		}
		n.BIOS = &spec
	}
	return n
}

// act finds an act of this node, or nil.
func (n *nodeBuild) act(kind ActKind) *Act {
	for i, a := range n.opt.Acts {
		if a.Kind == kind && (a.Node == n.node.Name || a.Node == string(n.node.Address)) {
			return &n.opt.Acts[i]
		}
	}
	return nil
}

// unknownActs names acts for nodes that there are not.
func (b *builder) unknownActs() {
	for _, a := range b.opt.Acts {
		if _, ok := b.d.Node(a.Node); !ok {
			b.report.Blocked = append(b.report.Blocked, Note{Node: a.Node, Rule: "node.unknown", Summary: "No such node",
				Detail: fmt.Sprintf("%s is asked for, and the blueprint has no node %q.%s", a.Kind, a.Node, didYouMean(a.Node, nodeNames(b.d.Nodes)))})
		}
	}
}

// clearTPM adds the attribute by which the next start clears the TPM. It falls back by itself, so what counts is that the host
// has started with it.
func (p *biosBuild) clearTPM() {
	act := p.act(ActTPMClear)
	if act == nil {
		return
	}
	if len(p.sys.TPMs) > 0 && !slices.ContainsFunc(p.sys.TPMs, func(m rack.TPM) bool { return !strings.EqualFold(m.State, "Absent") }) {
		p.block("tpm.absent", "No TPM", "tpm_clear is asked for, and this host tells that its TPM is absent.", p.node.Origin)
		return
	}
	offer, problem := p.offer(p.opt.Intents[string(ActTPMClear)], "clear")
	if problem != "" {
		p.hands("tpm.clear", "TPM cannot be cleared through this BMC", fmt.Sprintf(
			"tpm_clear is asked for; %s. Needs hands: the setup screen.", problem), p.node.Origin)
		return
	}
	for name, want := range offer.Set {
		value, bad := p.r.typed(name, want)
		if bad != "" {
			p.block("tpm.clear", "TPM cannot be cleared through this BMC", sentence(bad), p.node.Origin)
			return
		}
		p.want[name], p.set[name], p.expect[name] = value, value, p.b.Attributes[name]
		p.once = append(p.once, name)
	}
}

// planBootOnce arms one boot, which rides on the last reset of the node.
func (n *nodeBuild) planBootOnce() {
	act := n.act(ActBootOnce)
	if act == nil {
		return
	}
	b := n.sys.Boot
	if b == nil {
		n.unreadable("boot.read", "Boot settings not readable", "The host shows no boot settings."+because(n.gapsAt(n.sys.Path)), n.node.Origin)
		return
	}
	if len(b.Targets) > 0 && !slices.Contains(b.Targets, act.Value) {
		n.block("boot.target", "One-time boot unsupported on this BMC", fmt.Sprintf("A boot from %s is asked for; this BMC offers %s.%s",
			act.Value, strings.Join(b.Targets, ", "), didYouMean(act.Value, b.Targets)), n.node.Origin)
		return
	}
	if n.changed(string(step.BootOnce)) != nil {
		n.block("boot.twice", "Two one-time boots", "An image is to be booted from once already.", n.node.Origin)
		return
	}
	want, expect := step.Facts{"target": act.Value}, step.Facts{"target": b.OverrideTarget}
	if b.OverrideMode != "" {
		want["mode"], expect["mode"] = b.OverrideMode, b.OverrideMode
	}
	n.add(&change{key: string(step.BootOnce), last: true, step: step.Step{
		Kind: step.BootOnce, Activation: step.HostReset, Expect: expect, Want: want, EstimatedS: settingsS, Origin: n.node.Origin,
		Why: "boots once from " + act.Value + ", asked for by " + act.Owner,
	}})
}
