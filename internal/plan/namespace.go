package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// planNamespaces finds each wanted NVMe namespace by its name, or plans it on a drive that fits. None is deleted or resized.
func (v *volumeBuild) planNamespaces() {
	if v.node.Disks == nil {
		return
	}
	specs := slices.Clone(v.node.Disks.Namespaces)
	slices.SortFunc(specs, func(a, b rack.NamespaceSpec) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range specs {
		origin := originOr(s.Origin, v.node.Origin)
		name := VolumeName(v.node.Name, s.Name)
		if i := slices.IndexFunc(v.sys.Namespaces, func(x rack.Namespace) bool { return x.Name == name }); i >= 0 {
			if problem := v.namespaceDiffers(s, v.sys.Namespaces[i]); problem != "" {
				v.block("namespace.differs", "Namespace exists and is different", fmt.Sprintf("Namespace %q: %s. It would have to be deleted with all its data. "+
					"Delete it by hand, or write what is there.", name, problem), origin)
			}
			continue
		}
		v.createNamespace(s, name)
	}
}

func (v *volumeBuild) namespaceDiffers(s rack.NamespaceSpec, x rack.Namespace) string {
	if s.SizeBytes > 0 && x.CapacityBytes > 0 && math.Abs(float64(x.CapacityBytes-s.SizeBytes)) > sizeSlack*float64(s.SizeBytes) {
		return fmt.Sprintf("it has %d bytes and %d are wanted", x.CapacityBytes, s.SizeBytes)
	}
	if s.LBABytes > 0 && x.LBABytes > 0 && x.LBABytes != s.LBABytes {
		return fmt.Sprintf("its blocks are %d bytes and %d are wanted", x.LBABytes, s.LBABytes)
	}
	for _, d := range v.sys.Drives {
		if d.SerialNumber == x.Drive && v.fit(s.Drives, d) == no {
			return fmt.Sprintf("its drive in bay %q is not one that the selector takes (%s)", d.Bay, describeDrives(s.Drives))
		}
	}
	return ""
}

func (v *volumeBuild) createNamespace(s rack.NamespaceSpec, name string) {
	origin := originOr(s.Origin, v.node.Origin)
	sel := s.Drives
	sel.Protocol = firstOf(sel.Protocol, "NVMe")
	byController, free, used, unsure := v.candidates(sel)
	offered := false
	for _, c := range v.controllers() {
		drives := byController[plainPath(c.Path)]
		if c.Offer == nil || !c.Offer.Namespace || len(drives) == 0 {
			continue
		}
		offered = true
		for _, d := range drives {
			if v.roomFor(s, d) {
				v.addNamespace(s, name, c, d)
				return
			}
		}
	}
	detail := fmt.Sprintf("Namespace %q wants a drive (%s); %d fit and are free, %d are in volumes, %d do not say enough.", s.Name, describeDrives(sel), free,
		used, unsure)
	switch {
	case free > 0 && !offered:
		v.block("namespace.unsupported", "NVMe namespaces unsupported on this BMC", detail+" Their BMC does not offer to make namespaces; make it from the "+
			"host, and leave it out here.", origin)
	case unsure > 0:
		v.unreadable("namespace.drives", "Drives not readable", detail+" What they are is not guessed.", origin)
	case offered:
		v.block("namespace.room", "No room for the namespace", detail+" What is unallocated on them is less than the namespace wants; nothing is deleted to make "+
			"room.", origin)
	default:
		v.hands("namespace.drives", "Drives missing", detail+" Needs hands: fit the missing drive.", origin)
	}
}

// roomFor tells whether a drive has room beside the namespaces that are on it, and those that this plan makes.
func (v *volumeBuild) roomFor(s rack.NamespaceSpec, d rack.Drive) bool {
	left := d.CapacityBytes
	for _, x := range v.sys.Namespaces {
		if x.Drive == d.SerialNumber {
			left -= x.CapacityBytes
		}
	}
	for _, c := range v.changes {
		if c.step.Kind == step.Namespace && c.step.Want["drive"] == d.SerialNumber {
			n, _ := c.step.Want["capacity_bytes"].(int64)
			if left -= n; n == 0 {
				return false
			}
		}
	}
	return left > 0 && s.SizeBytes <= left
}

func (v *volumeBuild) addNamespace(s rack.NamespaceSpec, name string, c rack.StorageController, d rack.Drive) {
	want := step.Facts{"name": name, "drive": d.SerialNumber}
	if s.SizeBytes > 0 {
		want["capacity_bytes"] = s.SizeBytes
	}
	if s.LBABytes > 0 {
		want["lba_bytes"] = s.LBABytes
	}
	v.add(&change{key: "namespace:" + s.Name, step: step.Step{Kind: step.Namespace, Activation: step.None, Expect: step.Facts{"exists": false}, Want: want,
		EstimatedS: settingsS, Origin: originOr(s.Origin, v.node.Origin), Why: "no such namespace yet; the drive in bay " + d.Bay + " has room",
		Args: step.Args{Path: c.Volumes, Drives: []string{d.Path}, Store: c.Path}}})
}

// deleteNamespace plans the deletion of a namespace when a node is given back, with consent.
func (n *nodeBuild) deleteNamespace(s rack.NamespaceSpec) {
	name, origin := VolumeName(n.node.Name, s.Name), originOr(s.Origin, n.node.Origin)
	i := slices.IndexFunc(n.sys.Namespaces, func(x rack.Namespace) bool { return x.Name == name })
	if i < 0 {
		if gaps := n.gapsNamed("storage", "volumes"); len(gaps) > 0 {
			n.unreadable("destroy.namespace", "Storage not readable", "Whether the namespace exists was not seen."+because(gaps), origin)
		}
		return
	}
	if n.node.AllowDataLoss == nil {
		n.block("destroy.consent", "Consent to lose data is missing", fmt.Sprintf("on_destroy = %q of namespace %q deletes its data. Add consent { data_loss = "+
			"true, owner, reason } to the node, or keep it.", destroyDelete, s.Name), origin)
		return
	}
	x, g := n.sys.Namespaces[i], n.node.AllowDataLoss
	n.add(&change{key: "namespace:" + s.Name, step: step.Step{Kind: step.Namespace, Activation: step.None, Origin: origin, EstimatedS: settingsS,
		Expect: step.Facts{"exists": true, "name": x.Name, "drive": x.Drive, "drives": []any{x.Drive}}, Want: step.Facts{"exists": false, "name": x.Name},
		Args: step.Args{Path: x.Path, Store: x.Controller}, Why: fmt.Sprintf("on_destroy = %q, consent of %s: %s", destroyDelete, g.Owner, g.Reason)}})
}
