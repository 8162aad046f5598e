package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Methods of pushing an image, as a baseline names them.
const (
	methodAuto      = "auto"
	methodMultipart = "multipart"
	methodSimple    = "simple_update"
)

// planFirmware compares the inventory with the node's baseline (redfish.md §5.7).
func (n *nodeBuild) planFirmware() {
	ref := n.node.Firmware
	if ref == nil {
		return
	}
	b, ok := n.d.Baselines[ref.Baseline]
	if !ok {
		n.block("firmware.baseline", "Unknown baseline", fmt.Sprintf("Baseline %q is not in the design.%s",
			ref.Baseline, didYouMean(ref.Baseline, sortedKeys(n.d.Baselines))), ref.Origin)
		return
	}
	if !n.baselineFits(b, ref.Origin) {
		return
	}
	f := firmwareBuild{nodeBuild: n, b: b, origin: originOr(ref.Origin, n.node.Origin), installed: map[string]installed{}}
	for _, c := range b.Components {
		f.read(c)
	}
	for _, c := range b.Components {
		f.component(c)
	}
	for _, c := range b.Components {
		f.order(c)
	}
	n.checkClock(f.origin)
	for _, pair := range b.NoMerge {
		n.apart = append(n.apart, apart{"firmware:" + pair[0], "firmware:" + pair[1], "no_merge of baseline " + b.Key})
	}
}

// baselineFits tells whether the baseline is for this device and still holds.
func (n *nodeBuild) baselineFits(b rack.Baseline, origin diag.Origin) bool {
	key := strings.TrimPrefix(n.node.Hardware, "server.")
	if len(b.Match.Hardware) > 0 && !slices.Contains(b.Match.Hardware, key) {
		n.block(RuleMatch, "Baseline of another platform", fmt.Sprintf("Baseline %s is for %s; this node is %s.",
			b.Key, quotedOr(b.Match.Hardware), key), origin)
		return false
	}
	names := n.names()
	if len(names) > 0 && !slices.ContainsFunc(names, func(id [2]string) bool {
		return identityFits(b.Match.Manufacturer, b.Match.Models, id)
	}) && !n.waived(RuleMatch) {
		n.block(RuleMatch, "Baseline of another platform", fmt.Sprintf(
			"Baseline %s matches manufacturer %q, model %s; the device says %q, %q.",
			b.Key, b.Match.Manufacturer, quotedOr(b.Match.Models), names[0][0], names[0][1]), origin)
		return false
	}
	if until, err := time.Parse(time.RFC3339, b.Expires); err == nil && n.opt.Now.After(until) {
		n.block("firmware.expired", "Baseline expired",
			fmt.Sprintf("Baseline %s expired at %s. Take a newer one.", b.Key, b.Expires), origin)
		return false
	}
	return true
}

// firmwareBuild is the firmware of one node under its baseline.
type firmwareBuild struct {
	*nodeBuild
	b         rack.Baseline
	origin    diag.Origin
	installed map[string]installed // by component; absent = not readable, already reported
}

// installed is what runs of one component.
type installed struct {
	scheme   string          // how its versions are compared
	rows     []rack.Firmware // the selected rows, by id
	versions []string        // what they say, each once, sorted
	staged   []string        // versions that wait for an activation
}

// is tells whether all of it runs at version v.
func (i installed) is(v string) bool {
	return len(i.versions) > 0 && !slices.ContainsFunc(i.versions, func(has string) bool { return !sameVersion(i.scheme, has, v) })
}

// read finds the rows of a component and what they say.
func (f *firmwareBuild) read(c rack.BaselineComponent) {
	rows := firmware.Match(c.Select, f.dev.Firmware)
	if len(rows) == 0 { // Dell marks the running row itself while an image waits for it
		rows = firmware.Match(c.Select, unstaged(f.dev.Firmware))
	}
	in := installed{scheme: c.Compare, rows: rows, staged: stagedVersions(c.Select, c.Compare, rows, f.dev.Firmware)}
	if text, ok := f.readFrom(c.Select.ReadFrom); ok {
		in.versions = []string{text}
	} else {
		if len(rows) == 0 {
			f.noRow(c)
			return
		}
		if len(rows) > 1 && !c.Select.All {
			f.block("firmware.select", "Several rows for one component", fmt.Sprintf(
				"Component %s of %s selects %s. Narrow the selector, or say all = true.", c.Name, f.b.Key, idsOf(rows)), f.origin)
			return
		}
		for _, r := range rows {
			in.versions = append(in.versions, r.Version)
		}
	}
	slices.Sort(in.versions)
	in.versions = slices.Compact(in.versions)
	if slices.ContainsFunc(in.versions, firmware.IsPlaceholder) {
		f.unreadable("firmware.version", "Firmware version not readable", fmt.Sprintf(
			"Component %s (%s) says %q, which is no version.", c.Name, idsOf(rows), strings.Join(in.versions, ", ")), f.origin)
		return
	}
	f.installed[c.Name] = in
}

// unstaged gives the rows without their mark of an image that waits.
func unstaged(rows []rack.Firmware) []rack.Firmware {
	out := slices.Clone(rows)
	for i := range out {
		out[i].Staged = false
	}
	return out
}

// readFrom gives the version where a component is not read from its row (R88, R115).
func (f *firmwareBuild) readFrom(from string) (string, bool) {
	switch from {
	case firmware.FromBIOS:
		return f.sys.BIOSVersion, true
	case firmware.FromManager:
		return f.dev.BMC.FirmwareVersion, true
	default:
		return "", false
	}
}

// checkClock says that the BMC's clock will be set, where images are going to be pushed and it is wrong (R47).
func (n *nodeBuild) checkClock(origin diag.Origin) {
	off, told := n.dev.BMC.ClockOff(n.o.Taken)
	pushes := slices.ContainsFunc(n.changes, func(c *change) bool { return c.step.Kind == step.Firmware })
	if told && pushes && !n.o.Taken.IsZero() && off.Abs() > rack.ClockTolerance {
		n.warn("bmc.clock", "The BMC's clock is wrong", fmt.Sprintf("It says %s. It is set before the first image is pushed, because a signed "+
			"image may not be valid yet on that day. Give it a time server, so that it stays right.", n.dev.BMC.DateTime), origin)
	}
}

func (f *firmwareBuild) noRow(c rack.BaselineComponent) {
	if gaps := f.gapsNamed("firmwareinventory", "updateservice"); len(gaps) > 0 || len(f.dev.Firmware) == 0 {
		f.unreadable("firmware.row", "Firmware inventory not readable",
			fmt.Sprintf("Component %s of %s was not seen.%s", c.Name, f.b.Key, because(gaps)), f.origin)
		return
	}
	f.block("firmware.row", "No row for a component", fmt.Sprintf(
		"No row of the firmware inventory is component %s of %s (%s); %d rows were read.",
		c.Name, f.b.Key, describeSelect(c.Select), len(f.dev.Firmware)), f.origin)
}

// component plans one image, if it has to move.
func (f *firmwareBuild) component(c rack.BaselineComponent) {
	in, ok := f.installed[c.Name]
	if !ok || in.is(c.Want) || !f.mayMove(c, in) {
		return
	}
	class, err := step.ParseActivation(c.Reset)
	if err != nil {
		f.block("firmware.activation", "Unknown reset class", fmt.Sprintf("Component %s of %s: %v.", c.Name, f.b.Key, err), f.origin)
		return
	}
	method, ok := f.method(c)
	if !ok {
		return
	}
	s := step.Step{
		Kind: step.Firmware, Activation: class, Origin: f.origin,
		Expect: step.Facts{"version": versionFact(in.versions)}, Want: step.Facts{"version": c.Want},
		Bytes: c.Image.SizeBytes, Why: "baseline " + f.b.Key,
		Args: step.Args{
			Component: c.Name, Rows: rowIDs(in.rows), Select: c.Select, ReadFrom: c.Select.ReadFrom, Compare: compareOr(c.Compare),
			File: c.Image.File, SizeBytes: c.Image.SizeBytes, Digest: string(c.Image.Digest), Method: method,
			Targets: c.Targets, Apply: c.Apply, ApplyTime: f.applyTime(c.Apply), TimeoutS: c.TimeS, PreserveNVRM: c.Keeps,
		},
	}
	if len(in.staged) > 0 && !slices.ContainsFunc(in.staged, func(v string) bool { return !sameVersion(c.Compare, v, c.Want) }) {
		s.Bytes = 0
		s.Why += "; already staged, waits for its activation"
	} else if len(in.staged) > 0 {
		f.warn("firmware.staged", "Another version is staged", fmt.Sprintf(
			"Component %s has %s staged; it is replaced by %s.", c.Name, strings.Join(in.staged, ", "), c.Want), f.origin)
	}
	s.EstimatedS = f.flashSeconds(c, s.Bytes)
	f.add(&change{key: "firmware:" + c.Name, step: s})
}

// mayMove applies the order of versions, the floor and the size limit.
func (f *firmwareBuild) mayMove(c rack.BaselineComponent, in installed) bool {
	if c.Floor != "" && !sameVersion(c.Compare, c.Want, c.Floor) {
		switch d, known := versionOrder(c.Compare, c.Want, c.Floor); {
		case !known:
			f.block("firmware.floor", "Floor not comparable", fmt.Sprintf(
				"Component %s wants %s and has the floor %s; scheme %q cannot order them, so it is not flashed.",
				c.Name, c.Want, c.Floor, compareOr(c.Compare)), f.origin)
			return false
		case d < 0:
			f.block("firmware.floor", "Below the anti-rollback floor", fmt.Sprintf(
				"Component %s wants %s, below its floor %s. It is never flashed.", c.Name, c.Want, c.Floor), f.origin)
			return false
		}
	}
	newer, older, unknown := 0, 0, 0
	for _, v := range in.versions {
		switch d, known := versionOrder(c.Compare, v, c.Want); {
		case sameVersion(c.Compare, v, c.Want):
		case !known:
			unknown++
		case d > 0:
			newer++
		default:
			older++
		}
	}
	if compareOr(c.Compare) == firmware.Exact {
		if newer > 0 && unknown == 0 {
			f.warn("firmware.downgrade", "Downgrade", fmt.Sprintf(
				"Component %s goes back from %s to %s, because its baseline asks for exactly that version.",
				c.Name, strings.Join(in.versions, ", "), c.Want), f.origin)
		}
	} else if unknown > 0 {
		f.block("firmware.compare", "Versions not comparable", fmt.Sprintf(
			"Component %s runs %s and wants %s; scheme %q cannot order them, so nothing is guessed.",
			c.Name, strings.Join(in.versions, ", "), c.Want, c.Compare), f.origin)
		return false
	} else if older == 0 {
		f.warn("firmware.newer", "Newer than the baseline", fmt.Sprintf(
			"Component %s runs %s, newer than %s; it is left as it is.", c.Name, strings.Join(in.versions, ", "), c.Want), f.origin)
		return false
	} else if newer > 0 {
		f.block("firmware.newer", "Rows on both sides of the baseline", fmt.Sprintf(
			"Component %s runs %s and one image moves all of them; some would go back behind %s.",
			c.Name, strings.Join(in.versions, ", "), c.Want), f.origin)
		return false
	}
	if limit := f.dev.Capabilities.MaxImageBytes; limit > 0 && c.Image.SizeBytes > limit {
		f.block("firmware.size", "Image too large", fmt.Sprintf(
			"%s has %d bytes; this BMC takes %d.", c.Image.File, c.Image.SizeBytes, limit), f.origin)
		return false
	}
	return true
}

// method chooses how the image is pushed: multipart first (redfish.md §5.1).
func (f *firmwareBuild) method(c rack.BaselineComponent) (string, bool) {
	can := f.dev.Capabilities
	want := c.Method
	if want == "" {
		want = methodAuto
	}
	switch {
	case (want == methodAuto || want == methodMultipart) && can.MultipartPush:
		return methodMultipart, true
	case (want == methodAuto || want == methodSimple) && can.SimpleUpdate:
		return methodSimple, true
	}
	if gaps := f.gapsNamed("updateservice"); len(gaps) > 0 {
		f.unreadable("firmware.method", "Update service not readable", "How this BMC takes images was not seen."+because(gaps), f.origin)
		return "", false
	}
	offers := []string{}
	for _, o := range []struct {
		name string
		ok   bool
	}{{methodMultipart, can.MultipartPush}, {methodSimple, can.SimpleUpdate}, {"http_push", can.HTTPPush}} {
		if o.ok {
			offers = append(offers, o.name)
		}
	}
	f.block("firmware.method", "Update method unsupported on this BMC", fmt.Sprintf(
		"Component %s wants method %s; this BMC offers %s.", c.Name, want, orNone(offers)), f.origin)
	return "", false
}

// applyTime is sent only when the service lists it (redfish.md §5.1).
func (f *firmwareBuild) applyTime(apply string) string {
	want := map[string]string{"on_reset": "OnReset", "immediate": "Immediate"}[apply]
	if want == "" || slices.Contains(f.dev.Capabilities.ApplyTimes, want) {
		if len(f.dev.Capabilities.ApplyTimes) > 0 {
			return want
		}
	}
	return ""
}

// order adds the edges of a component that moves: needs cuts a layer, after does not.
func (f *firmwareBuild) order(c rack.BaselineComponent) {
	me := f.changed("firmware:" + c.Name)
	if me == nil {
		return
	}
	for _, other := range c.After {
		me.after = append(me.after, "firmware:"+other)
	}
	for _, name := range sortedKeys(c.Needs) {
		version := c.Needs[name]
		i := slices.IndexFunc(f.b.Components, func(o rack.BaselineComponent) bool { return o.Name == name })
		if i < 0 {
			f.block("firmware.needs", "Needs an unknown component", fmt.Sprintf(
				"Component %s of %s needs %s %s, which the baseline does not have.", c.Name, f.b.Key, name, version), f.origin)
			continue
		}
		other := f.b.Components[i]
		if in, ok := f.installed[name]; ok && reached(other.Compare, in.versions, version) {
			continue // it runs already: no layer is cut
		}
		if f.changed("firmware:"+name) != nil && reached(other.Compare, []string{other.Want}, version) {
			me.needs = append(me.needs, need{"firmware:" + name, fmt.Sprintf("needs %s %s running first", name, version)})
			continue
		}
		f.block("firmware.needs", "Needed version not reached", fmt.Sprintf(
			"Component %s of %s needs %s %s first; %s is not brought there by this plan.", c.Name, f.b.Key, name, version, name), f.origin)
	}
}

// reached tells whether all versions are the needed one or provably newer.
func reached(scheme string, versions []string, needed string) bool {
	return len(versions) > 0 && !slices.ContainsFunc(versions, func(v string) bool {
		d, known := versionOrder(scheme, v, needed)
		return !sameVersion(scheme, v, needed) && (!known || d < 0)
	})
}

// biosFirmware finds the planned image that replaces the host's BIOS, and whether it keeps the settings.
func (n *nodeBuild) biosFirmware() *change {
	for _, c := range n.changes {
		if c.step.Kind != step.Firmware {
			continue
		}
		switch strings.ToLower(c.step.Args.Component) {
		case "bios", "uefi", "sbios", "system_rom":
			return c
		}
		if c.step.Args.ReadFrom == firmware.FromBIOS {
			return c
		}
	}
	return nil
}

func versionFact(versions []string) any {
	if len(versions) == 1 {
		return versions[0]
	}
	list := []any{}
	for _, v := range versions {
		list = append(list, v)
	}
	return list
}

func rowIDs(rows []rack.Firmware) []string {
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

func idsOf(rows []rack.Firmware) string { return orNone(rowIDs(rows)) }

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func describeSelect(s rack.RowSelect) string {
	var parts []string
	for _, p := range [][2]string{{"id", s.ID}, {"name", s.Name}, {"software_id", s.SoftwareID}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	return orNone(parts)
}
