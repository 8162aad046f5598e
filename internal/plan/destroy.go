package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// What a blueprint can ask to happen when it is destroyed.
const (
	destroyKeep      = "keep"
	destroyResetBIOS = "reset_bios"
	destroyDelete    = "delete"
	destroyErase     = "erase"
)

// Destroy decides what undoing d on o takes. By default that is nothing: on_destroy = keep leaves a node and its
// volumes as they are. Data is lost only where on_destroy asks for it and the node carries a data_loss consent; without
// it the node is Blocked.
func Destroy(d rack.Design, o rack.Observation, opt Options) (Plan, Report) {
	b := newBuilder(d, o, opt)
	var planned []*nodeBuild
	for _, node := range b.chosen() {
		n := b.node(node)
		n.wantGone()
		if n.stopped || len(n.changes) == 0 {
			continue
		}
		if n.arrange(); !n.stopped {
			planned = append(planned, n)
		}
	}
	planned, shelves := b.checkPower(planned)
	b.reportUnplanned()
	p, report := b.finish(planned, shelves)
	p.Destroys = true
	p.Digest = p.ComputeDigest()
	return p, report
}

// wantGone finds what the node's on_destroy words ask for.
func (n *nodeBuild) wantGone() {
	words := []string{n.node.OnDestroy}
	for _, v := range n.node.Volumes {
		words = append(words, v.OnDestroy)
	}
	if n.node.Disks != nil {
		for _, x := range n.node.Disks.Namespaces {
			words = append(words, x.OnDestroy)
		}
	}
	if !slices.ContainsFunc(words, func(w string) bool { return w != "" && w != destroyKeep }) {
		return
	}
	if !n.seen() {
		return
	}
	n.checkSafety()
	n.checkIdentity()
	n.checkLocation()
	if n.node.OnDestroy == destroyResetBIOS {
		n.resetBIOS()
	}
	for _, v := range n.node.Volumes {
		switch v.OnDestroy {
		case "", destroyKeep:
		case destroyDelete:
			n.deleteVolume(v)
		default:
			n.eraseVolume(v)
		}
	}
	if n.node.Disks != nil {
		for _, x := range n.node.Disks.Namespaces {
			if x.OnDestroy == destroyDelete {
				n.deleteNamespace(x)
			}
		}
	}
	if n.node.OnDestroy == destroyErase { // after the volumes: what still is in one stays
		n.eraseNode()
	}
	n.planPower()
	n.power.want = "" // what was on stays on
}

// resetBIOS stages the registry's default for every attribute that the blueprint had set.
func (n *nodeBuild) resetBIOS() {
	if n.node.BIOS == nil {
		return
	}
	if n.sys.BIOS == nil || n.sys.BIOS.RegistryDoc == nil {
		n.unreadable("destroy.bios", "BIOS defaults not readable",
			"The defaults stand in the attribute registry, which was not read."+because(n.gapsNamed("registries", "bios")), n.node.Origin)
		return
	}
	r := newRegistry(n.sys.BIOS, n.missingTermIs())
	defaults := map[string]rack.BIOSValue{}
	for _, name := range sortedKeys(n.node.BIOS.Attributes) {
		a := r.byName[name]
		if a == nil || a.Default == nil {
			n.warn("destroy.bios", "No default known", fmt.Sprintf("The registry gives no default of %s; it stays as it is.", name), n.node.Origin)
			continue
		}
		defaults[name] = rack.BIOSValue{Value: a.Default, From: "registry default", Origin: n.node.BIOS.Attributes[name].Origin}
	}
	n.node.BIOS = &rack.BIOSSpec{Attributes: defaults, Origin: n.node.BIOS.Origin}
	n.planBIOS()
}

// eraseVolume plans the deletion of one volume and the erase of its drives, with consent.
func (n *nodeBuild) eraseVolume(s rack.VolumeSpec) {
	origin := originOr(s.Origin, n.node.Origin)
	if !n.eraseConsent("volume", s.Name, origin) {
		return
	}
	members, found := n.deleteVolume(s)
	switch {
	case found:
		n.eraseMembers(s, members, origin)
	case !n.stopped && n.node.OnDestroy != destroyErase && len(n.opt.Erased[n.node.Name]) == 0:
		n.warn("destroy.erase", "No such volume", fmt.Sprintf("Volume %q is not there, so it is not known which drives it had, and none "+
			"is erased. To erase all drives that are in no volume, give the node on_destroy = %q.", s.Name, destroyErase), origin)
	}
}

// deleteVolume plans the deletion of one volume, with consent. It gives the serial numbers of its drives.
func (n *nodeBuild) deleteVolume(s rack.VolumeSpec) (members []string, found bool) {
	v := volumeBuild{nodeBuild: n}
	i := v.indexOf(s)
	if i < 0 {
		if gaps := n.gapsNamed("storage", "volumes"); len(gaps) > 0 {
			n.unreadable("destroy.volume", "Storage not readable", "Whether the volume exists was not seen."+because(gaps), v.origin(s))
		}
		return nil, false
	}
	x := v.volumes()[i]
	name := x.Name
	if n.node.AllowDataLoss == nil {
		n.block("destroy.consent", "Consent to lose data is missing", fmt.Sprintf(
			"on_destroy = %q of volume %q deletes its data. Add consent { data_loss = true, owner, reason } to the node, or keep the volume.",
			destroyDelete, s.Name), v.origin(s))
		return nil, false
	}
	if problem := v.differs(s, x); problem != "" {
		n.block("destroy.volume", "Not the planned volume", fmt.Sprintf(
			"Volume %q: %s. It is not deleted.", name, problem), v.origin(s))
		return nil, false
	}
	c, _ := v.controller(x.Controller) // unknown: no apply time is sent
	class, apply := volumeApply(c)
	members = slices.Clone(x.Drives)
	slices.Sort(members)
	n.add(&change{key: "volume:" + s.Name, step: step.Step{
		Kind: step.Volume, Activation: class, Origin: v.origin(s), EstimatedS: volumeS,
		Expect: step.Facts{"exists": true, "name": name, "raid_type": strings.ToUpper(x.RAIDType), "drives": anyList(members)},
		Want:   step.Facts{"exists": false, "name": name},
		Args:   step.Args{Path: x.Path, ApplyTime: apply},
		Why: fmt.Sprintf("on_destroy = %q, consent of %s: %s", s.OnDestroy, n.node.AllowDataLoss.Owner,
			n.node.AllowDataLoss.Reason),
	}})
	return members, true
}
