package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// planNICs compares the settings of network device functions. One spec may be for many: the same for all rails.
func (n *nodeBuild) planNICs() {
	if len(n.node.NICs) == 0 {
		return
	}
	specs := slices.Clone(n.node.NICs)
	slices.SortFunc(specs, func(a, b rack.NICSpec) int { return strings.Compare(a.Name, b.Name) })
	taken := map[string]string{} // path of a function → name of its spec
	for _, spec := range specs {
		origin := originOr(spec.Origin, n.node.Origin)
		list := n.functionsOf(spec)
		if len(list) == 0 {
			n.noFunction(spec, origin)
			continue
		}
		for _, f := range list {
			if other := taken[f.Path]; other != "" {
				n.block("nic.twice", "Two settings for one port", fmt.Sprintf("%q and %q are both about %s of adapter %s.",
					other, spec.Name, f.ID, f.Adapter), origin)
				continue
			}
			taken[f.Path] = spec.Name
			n.planFunction(spec, f, origin)
		}
	}
}

// functionsOf lists the functions that a spec is for.
func (n *nodeBuild) functionsOf(spec rack.NICSpec) []rack.NetworkFunction {
	var out []rack.NetworkFunction
	part := strings.ToLower(spec.Adapter)
	for _, f := range n.sys.NetworkFunctions {
		switch {
		case part == "":
			if slices.ContainsFunc([]string{f.ID, f.Port, f.Adapter}, func(s string) bool { return strings.EqualFold(s, spec.Name) }) {
				out = append(out, f)
			}
		case strings.Contains(strings.ToLower(f.Adapter+"\x00"+f.AdapterName+"\x00"+f.Model), part) && isPort(f, spec.Port):
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b rack.NetworkFunction) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// isPort tells whether a function is on the port with this id or number: the last number in its port's id, else in its own.
func isPort(f rack.NetworkFunction, want string) bool {
	if want == "" || strings.EqualFold(want, f.Port) {
		return true
	}
	id := f.Port
	if id == "" {
		id = f.ID
	}
	digits := id[strings.LastIndexFunc(id, func(c rune) bool { return c < '0' || c > '9' })+1:]
	have, err1 := strconv.Atoi(digits)
	w, err2 := strconv.Atoi(want)
	return err1 == nil && err2 == nil && have == w
}

// noFunction says why no port fits.
func (n *nodeBuild) noFunction(spec rack.NICSpec, origin diag.Origin) {
	if gaps := n.gapsNamed("networkadapters", "networkdevicefunctions"); len(gaps) > 0 {
		n.unreadable("nic.read", "Network adapters not readable", fmt.Sprintf("Port %q was not seen.%s", spec.Name, because(gaps)), origin)
		return
	}
	if len(n.sys.NetworkFunctions) == 0 {
		n.block("nic.none", "Port settings unsupported on this BMC", fmt.Sprintf(
			"%q is wanted, and this BMC shows no network device functions. What the BIOS sets for all ports is an intent "+
				"(bios { intents = { sr_iov = true } }); the rest is set on the host.", spec.Name), origin)
		return
	}
	var known []string
	for _, f := range n.sys.NetworkFunctions {
		known = append(known, f.ID, f.Adapter)
		if f.Model != "" {
			known = append(known, f.Model)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	asked := spec.Name
	if spec.Adapter != "" {
		asked = spec.Adapter
	}
	n.block("nic.unknown", "No such port", fmt.Sprintf("No adapter, port or function of this host is %q%s. It has %s.%s", asked,
		portText(spec.Port), quotedOr(known), didYouMean(asked, known)), origin)
}

func portText(port string) string {
	if port == "" {
		return ""
	}
	return ", port " + port
}

// nicWish is one setting of a function: the name under which it is written, and from what to what.
type nicWish struct {
	name      string
	from, to  any
	attribute bool // under Attributes of the vendor's own resource
}

// planFunction plans one function.
func (n *nodeBuild) planFunction(spec rack.NICSpec, f rack.NetworkFunction, origin diag.Origin) {
	w := functionBuild{nodeBuild: n, f: f, origin: origin}
	w.link(spec.Link)
	w.virtual(spec.SRIOV)
	w.boot(spec.Boot)
	w.vendor(spec.Attributes)
	if w.failed {
		return
	}
	w.step(false, f.Path, f.SettingsPath, f.ApplyTimes)
	if a := f.Attributes; a != nil {
		w.step(true, a.Path, a.SettingsPath, a.ApplyTimes)
	}
}

// functionBuild is what is wanted of one function.
type functionBuild struct {
	*nodeBuild
	f      rack.NetworkFunction
	origin diag.Origin
	wishes []nicWish
	failed bool
}

func (w *functionBuild) unsupported(what, why string) {
	w.failed = true
	w.block("nic.unsupported", "Port setting unsupported on this BMC",
		fmt.Sprintf("%s of %s (adapter %s) is wanted; %s.", what, w.f.ID, w.f.Adapter, why), w.origin)
}

// link wants Ethernet or InfiniBand.
func (w *functionBuild) link(want string) {
	f := w.f
	switch {
	case want == "" || f.LinkType == want:
	case len(f.LinkTypes) > 0 && !slices.Contains(f.LinkTypes, want):
		w.unsupported("Link type "+want, fmt.Sprintf("it is %s and can be %s", show(f.LinkType), strings.Join(f.LinkTypes, ", ")))
	case f.SettingsPath == "":
		w.unsupported("Link type "+want, fmt.Sprintf("it is %s, and its BMC takes no settings of it. Needs hands: mlxconfig on the host",
			show(f.LinkType)))
	default:
		w.wish("NetDevFuncType", f.LinkType, want, false)
	}
}

// virtual wants SR-IOV on or off: of the function, or by the vendor's attribute.
func (w *functionBuild) virtual(want *bool) {
	f := w.f
	if want == nil || f.SRIOV != nil && *f.SRIOV == *want {
		return
	}
	word := map[bool]string{true: "SRIOV", false: "NONE"}[*want]
	switch now, has := w.value("VirtualizationMode"); { // Dell, recorded: NONE, SRIOV
	case has && now == word:
	case has:
		w.wish("VirtualizationMode", now, word, true)
	case f.SRIOV != nil && f.SettingsPath != "":
		w.wish("VirtualFunctionsEnabled", *f.SRIOV, *want, false)
	default:
		w.unsupported("SR-IOV "+onOff(*want), "its BMC takes no such setting of a port. The intent sr_iov sets it for the whole host")
	}
}

// boot wants what a port boots by.
func (w *functionBuild) boot(want string) {
	f := w.f
	if want == "" || f.Boot == want {
		return
	}
	word := map[string]string{"Disabled": "NONE", "PXE": "PXE"}[want]
	switch now, has := w.value("LegacyBootProto"); { // Dell, recorded: NONE, PXE
	case has && word == "":
		w.unsupported("Boot by "+want, "its attribute LegacyBootProto knows PXE and NONE; HTTP boot is BIOS attribute HttpDev1EnDis")
	case has && now == word:
	case has:
		w.wish("LegacyBootProto", now, word, true)
	case len(f.Boots) > 0 && !slices.Contains(f.Boots, want):
		w.unsupported("Boot by "+want, fmt.Sprintf("it can be %s", strings.Join(f.Boots, ", ")))
	case f.SettingsPath != "" && (f.Boot != "" || len(f.Boots) > 0):
		w.wish("BootMode", emptyNil(f.Boot), want, false)
	default:
		w.unsupported("Boot by "+want, "its BMC takes no such setting of a port. BIOS attributes set it for the whole host")
	}
}

// vendor wants attributes under the vendor's names.
func (w *functionBuild) vendor(want map[string]string) {
	for _, name := range sortedKeys(want) {
		if w.f.Attributes == nil {
			w.unsupported("Attribute "+name, "its BMC keeps no attributes of ports")
			return
		}
		now, has := w.f.Attributes.Values[name]
		if !has {
			known := sortedKeys(w.f.Attributes.Values)
			w.failed = true
			w.block("nic.attribute", "Unknown port attribute", fmt.Sprintf("%s of adapter %s has no attribute %q (%s).%s", w.f.ID,
				w.f.Adapter, name, plural(len(known), "attribute"), didYouMean(name, known)), w.origin)
			continue
		}
		to, ok := likeValue(now, want[name])
		if !ok {
			w.failed = true
			w.block("nic.attribute", "Port attribute of another type", fmt.Sprintf("%s is %s now; %q is of another type.", name, show(now),
				want[name]), w.origin)
			continue
		}
		if fmt.Sprint(now) != fmt.Sprint(to) {
			w.wish(name, now, to, true)
		}
	}
}

// value reads a vendor's attribute.
func (w *functionBuild) value(name string) (any, bool) {
	if w.f.Attributes == nil || w.f.Attributes.SettingsPath == "" {
		return nil, false
	}
	v, ok := w.f.Attributes.Values[name]
	return v, ok && v != nil
}

func (w *functionBuild) wish(name string, from, to any, attribute bool) {
	w.wishes = append(w.wishes, nicWish{name, from, to, attribute})
}

// step adds the step of one resource, if anything of it differs.
func (w *functionBuild) step(attribute bool, resource, settings string, applies []string) {
	expect, want := step.Facts{}, step.Facts{}
	for _, x := range w.wishes {
		if x.attribute == attribute {
			expect[x.name], want[x.name] = x.from, x.to
		}
	}
	if len(want) == 0 {
		return
	}
	key, method := "nic:"+w.f.ID, "properties"
	if attribute {
		key, method = key+":attributes", "attributes"
	}
	if w.changed(key) != nil {
		key += ":" + w.f.Adapter // ids of functions are unique within an adapter only
	}
	apply := ""
	if slices.Contains(applies, "OnReset") {
		apply = "OnReset"
	}
	w.add(&change{key: key, step: step.Step{
		Kind: step.NIC, Activation: step.HostReset, Expect: expect, Want: want, EstimatedS: settingsS, Origin: w.origin,
		Why:  fmt.Sprintf("settings of %s differ (adapter %s)", w.f.ID, strings.TrimSpace(w.f.Adapter+" "+w.f.Model)),
		Args: step.Args{Resource: resource, Path: settings, ApplyTime: apply, Method: method, Component: w.f.ID},
	}})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func emptyNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// likeValue reads a text as the type that an attribute has now.
func likeValue(now any, text string) (any, bool) {
	switch now.(type) {
	case bool:
		b, err := strconv.ParseBool(text)
		return b, err == nil
	case int64:
		i, err := strconv.ParseInt(text, 10, 64)
		return i, err == nil
	default:
		return text, true
	}
}

// planDPU compares the mode of the node's BlueFields. A flip takes a cold cycle: a restart of the host, and even a power cycle
// that leaves standby power on, do not reach it (R65).
func (n *nodeBuild) planDPU() {
	spec := n.node.DPU
	if spec == nil {
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	if len(n.sys.DPUs) == 0 {
		if gaps := n.gapsNamed("nvidia", "systems"); len(gaps) > 0 {
			n.unreadable("dpu.read", "DPU not readable", "The mode of the DPU was not seen."+because(gaps), origin)
			return
		}
		n.block("dpu.none", "DPU mode unsupported on this BMC", fmt.Sprintf(
			"Mode %s is wanted, and this BMC shows no BlueField that tells its mode. Set it through the DPU's own BMC (Mode.Set), or on the "+
				"host: mlxconfig set INTERNAL_CPU_OFFLOAD_ENGINE.", spec.Mode), origin)
		return
	}
	for i, d := range n.sys.DPUs {
		switch {
		case d.Mode == spec.Mode:
			continue
		case d.Action == "":
			n.hands("dpu.action", "DPU mode cannot be set here", fmt.Sprintf(
				"%s is %s and %s is wanted; its BMC offers no Mode.Set. Needs hands.", d.Path, d.Mode, spec.Mode), origin)
			continue
		case len(d.Values) > 0 && !slices.Contains(d.Values, spec.Mode):
			n.block("dpu.mode", "DPU mode not offered", fmt.Sprintf("%s takes %s.", d.Path, strings.Join(d.Values, ", ")), origin)
			continue
		}
		key := string(step.DPU)
		if i > 0 {
			key += ":" + strconv.Itoa(i+1)
		}
		n.add(&change{key: key, step: step.Step{
			Kind: step.DPU, Activation: step.AuxCycle, Expect: step.Facts{"mode": d.Mode}, Want: step.Facts{"mode": spec.Mode},
			EstimatedS: settingsS, Origin: origin, Why: "a mode flip is real after a cold cycle (R65)",
			Args: step.Args{Resource: d.Path, Path: d.Action},
		}})
	}
}
