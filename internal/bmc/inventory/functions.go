package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readFunctions reads the settings of the network device functions below the chassis, and gives them to the host.
func (r *reader) readFunctions(ctx context.Context) {
	if !r.wants(rack.FacetNetwork) || r.host == nil {
		return
	}
	found := make([][]rack.NetworkFunction, len(r.chassis))
	each(r.chassis, func(i int, c *redfish.Resource) { found[i] = r.chassisFunctions(ctx, c) })
	for _, f := range slices.Concat(found...) {
		same := func(x rack.NetworkFunction) bool { return redfish.Key(x.Path) == redfish.Key(f.Path) }
		if !slices.ContainsFunc(r.host.out.NetworkFunctions, same) {
			r.host.out.NetworkFunctions = append(r.host.out.NetworkFunctions, f)
		}
	}
	for _, s := range r.systems {
		if d := r.dpuMode(ctx, s.res); d != nil {
			r.host.out.DPUs = append(r.host.out.DPUs, *d)
		}
	}
}

func (r *reader) chassisFunctions(ctx context.Context, c *redfish.Resource) []rack.NetworkFunction {
	var out []rack.NetworkFunction
	for _, a := range r.members(ctx, c.Obj.Link("NetworkAdapters")) {
		if absent(a.Obj) {
			continue
		}
		for _, f := range r.take(ctx, a.Obj.Link("NetworkDeviceFunctions")) {
			if !absent(f.Obj) {
				out = append(out, r.function(ctx, a, f))
			}
		}
	}
	return out
}

func (r *reader) function(ctx context.Context, adapter, f *redfish.Resource) rack.NetworkFunction {
	o := f.Obj
	n := rack.NetworkFunction{ID: idOf(f), Path: f.URI, Adapter: idOf(adapter), AdapterName: text(adapter.Obj, "Name"),
		Model: text(adapter.Obj, "Model"), LinkType: text(o, "NetDevFuncType"), LinkTypes: o.Strs("NetDevFuncCapabilities"),
		Boot: text(o, "BootMode"), Boots: o.Strs("BootMode@Redfish.AllowableValues"),
		MAC:          mac(first(o.Str("Ethernet", "PermanentMACAddress"), o.Str("Ethernet", "MACAddress"))),
		SettingsPath: o.Link("@Redfish.Settings", "SettingsObject"), ApplyTimes: o.Strs("@Redfish.Settings", "SupportedApplyTimes")}
	if on, ok := o.Bool("VirtualFunctionsEnabled"); ok {
		n.SRIOV = &on
	}
	for _, key := range []string{"PhysicalNetworkPortAssignment", "PhysicalPortAssignment"} { // the second: before Redfish 2021.1
		if l := o.Link("Links", key); l != "" && n.Port == "" {
			n.Port = l[strings.LastIndexByte(strings.TrimRight(l, "/"), '/')+1:]
		}
	}
	if link := o.Link("Links", "Oem", "Dell", "DellNetworkAttributes"); link != "" {
		n.Attributes = r.nicAttributes(ctx, link)
		if n.Attributes != nil && n.LinkType == "" {
			n.LinkType = dellLink(n.ID, n.Attributes.Values)
		}
	}
	return n
}

// nicAttributes reads the vendor's own settings of a function.
func (r *reader) nicAttributes(ctx context.Context, link string) *rack.NICAttributes {
	res := r.get(ctx, link)
	if res == nil {
		return nil
	}
	values, ok := r.attributes(res)
	if !ok {
		return nil
	}
	n := &rack.NICAttributes{Path: res.URI, Values: values, SettingsPath: res.Obj.Link("@Redfish.Settings", "SettingsObject"),
		ApplyTimes: res.Obj.Strs("@Redfish.Settings", "SupportedApplyTimes"), RegistryDoc: r.readRegistry(ctx, res)}
	if waits := r.get(ctx, n.SettingsPath); waits != nil {
		for name, v := range waits.Obj.Obj("Attributes") {
			if now, has := values[name]; has && v != nil && fmt.Sprint(now) != fmt.Sprint(rack.Normal(v)) {
				if n.Pending == nil {
					n.Pending = rack.Attributes{}
				}
				n.Pending[name] = rack.Normal(v)
			}
		}
	}
	r.drop(link, n.SettingsPath)
	return n
}

// dellLink tells what a Dell port is: by its attribute, else by its name. A port that changes from Ethernet to InfiniBand changes
// its name from NIC.… to InfiniBand.… (Dell, Server Configuration Profiles reference guide, "InfiniBand modes").
func dellLink(id string, values rack.Attributes) string {
	switch v := fmt.Sprint(values["NetworkLinkType"]); {
	case v == "IB" || v == rack.LinkInfiniBand:
		return rack.LinkInfiniBand
	case v == rack.LinkEthernet:
		return rack.LinkEthernet
	case strings.HasPrefix(id, "InfiniBand."):
		return rack.LinkInfiniBand
	case strings.HasPrefix(id, "NIC."):
		return rack.LinkEthernet
	}
	return ""
}

// dpuMode reads how a BlueField works: recorded at Systems/Bluefield/Oem/Nvidia, with its action.
func (r *reader) dpuMode(ctx context.Context, sys *redfish.Resource) *rack.DPUMode {
	link := sys.Obj.Link("Oem", "Nvidia")
	if link == "" {
		return nil
	}
	res := r.get(ctx, link)
	if res == nil || text(res.Obj, "Mode") == "" {
		return nil
	}
	d := rack.DPUMode{Path: res.URI, Mode: text(res.Obj, "Mode")}
	if a, ok := findAction(res.Obj, "Mode.Set"); ok {
		d.Action = a.target
		for _, p := range a.obj.Objs("Parameters") {
			if p.Str("Name") == "Mode" {
				d.Values = p.Strs("AllowableValues")
			}
		}
		if len(d.Values) == 0 {
			d.Values = a.obj.Strs("Mode@Redfish.AllowableValues")
		}
	}
	return &d
}
