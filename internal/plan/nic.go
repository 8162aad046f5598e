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
	w := n.functionBuild(f, origin)
	w.link(spec.Link)
	w.virtual(spec.SRIOV)
	w.boot(spec.Boot)
	w.vendor(spec.Attributes)
	w.foreign()
	w.rules()
	if w.failed {
		return
	}
	w.step(false, f.Path, f.SettingsPath, f.ApplyTimes)
	if a := f.Attributes; a != nil {
		w.step(true, a.Path, a.SettingsPath, a.ApplyTimes)
	}
}

func (n *nodeBuild) functionBuild(f rack.NetworkFunction, origin diag.Origin) *functionBuild {
	w := &functionBuild{nodeBuild: n, f: f, origin: origin}
	if a := f.Attributes; a != nil {
		w.r = newRegistry(&rack.BIOS{Attributes: a.Values, Pending: a.Pending, RegistryDoc: a.RegistryDoc}, n.missingTermIs())
	}
	return w
}

// functionBuild is what is wanted of one function.
type functionBuild struct {
	*nodeBuild
	f      rack.NetworkFunction
	r      *registry // of its vendor's attributes; nil = it has none
	origin diag.Origin
	wishes []nicWish
	named  map[string]any  // attributes that are wanted, with the value that they are to have
	class  step.Activation // NoClass: host reset
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
	const hands = "Needs hands: mlxconfig on the host"
	switch _, has := w.value(nicLinkType); {
	case want == "":
	case has:
		w.oneOf(nicLinkType, "Link type "+want, map[string][]string{rack.LinkEthernet: {"Ethernet", "ETH"}, rack.LinkInfiniBand: {"IB", "InfiniBand"}}[want]...)
	case f.LinkType == want:
	case f.Attributes != nil:
		w.unsupported("Link type "+want, fmt.Sprintf("it is %s, and its adapter has no attribute %s. %s", show(f.LinkType), nicLinkType, hands))
	case len(f.LinkTypes) > 0 && !slices.Contains(f.LinkTypes, want):
		w.unsupported("Link type "+want, fmt.Sprintf("it is %s and can be %s", show(f.LinkType), strings.Join(f.LinkTypes, ", ")))
	case f.SettingsPath == "":
		w.unsupported("Link type "+want, fmt.Sprintf("it is %s, and its BMC takes no settings of it. %s", show(f.LinkType), hands))
	default:
		w.wish("NetDevFuncType", f.LinkType, want, false)
	}
}

// virtual wants SR-IOV on or off: of the function, or by the vendor's attribute.
func (w *functionBuild) virtual(want *bool) {
	f := w.f
	if want == nil {
		return
	}
	what := "SR-IOV " + onOff(*want)
	switch _, has := w.value(nicVirtual); {
	case has && *want: // partitioned adapters do both
		w.oneOf(nicVirtual, what, "SRIOV", "NPARSRIOV")
	case has:
		w.oneOf(nicVirtual, what, "NONE", "NPAR")
	case f.SRIOV != nil && *f.SRIOV == *want:
	case f.SRIOV != nil && f.SettingsPath != "":
		w.wish("VirtualFunctionsEnabled", *f.SRIOV, *want, false)
	default:
		w.unsupported(what, "its BMC takes no such setting of a port. The intent sr_iov sets it for the whole host")
	}
}

// boot wants what a port boots by.
func (w *functionBuild) boot(want string) {
	f := w.f
	if want == "" {
		return
	}
	word := map[string]string{"Disabled": "NONE", "PXE": "PXE"}[want]
	switch _, has := w.value(nicBootProto); {
	case has && word == "":
		w.unsupported("Boot by "+want, "its attribute "+nicBootProto+" knows PXE and NONE; HTTP boot is BIOS attribute HttpDev1EnDis")
	case has:
		w.oneOf(nicBootProto, "Boot by "+want, word)
	case f.Boot == want:
	case len(f.Boots) > 0 && !slices.Contains(f.Boots, want):
		w.unsupported("Boot by "+want, fmt.Sprintf("it can be %s", strings.Join(f.Boots, ", ")))
	case f.SettingsPath != "" && (f.Boot != "" || len(f.Boots) > 0):
		w.wish("BootMode", emptyNil(f.Boot), want, false)
	default:
		w.unsupported("Boot by "+want, "its BMC takes no such setting of a port. BIOS attributes set it for the whole host")
	}
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
	if w.changed(key) != nil { // also of its DPU mode, where that is a port attribute
		key += ":" + w.f.Adapter // ids of functions are unique within an adapter only
	}
	apply := ""
	if slices.Contains(applies, "OnReset") {
		apply = "OnReset"
	}
	class := step.HostReset
	if w.class != step.NoClass {
		class = w.class
	}
	w.add(&change{key: key, step: step.Step{
		Kind: step.NIC, Activation: class, Expect: expect, Want: want, EstimatedS: settingsS, Origin: w.origin,
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

// planDPU compares the mode of the node's BlueFields. A flip takes a cold cycle: a restart of the host, and even a power cycle
// that leaves standby power on, do not reach it (R65).
func (n *nodeBuild) planDPU() {
	spec := n.node.DPU
	if spec == nil {
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	if len(n.sys.DPUs) == 0 && (len(n.dpuByBIOS) > 0 || n.dpuByPorts(spec.Mode, origin)) {
		return
	}
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
