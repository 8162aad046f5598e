package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readManager tells which BMC this is and what itself can do. It needs managers and systems, of which the caller reads both.
func (r *reader) readManager(ctx context.Context, managersRead <-chan struct{}) {
	<-managersRead
	<-r.systemsRead
	systems := make([]*redfish.Resource, len(r.systems))
	for i, s := range r.systems {
		systems[i] = s.res
	}
	id := redfish.IdentityOf(r.root, r.managers, systems)
	if a, ok := r.src.(Adopter); ok {
		a.Adopt(id)
	}
	d := &r.dev
	d.BMC = rack.BMC{Vendor: id.Vendor, Product: id.Product, Model: clean(id.BMCModel), FirmwareVersion: clean(id.BMCVersion),
		RedfishVersion: id.RedfishVersion, Dialect: id.Dialect, UUID: strings.ToLower(id.UUID)}
	d.Capabilities.RestartCutsDPU = redfish.Quirks(id).Does(redfish.RestartByIPMI)
	d.Capabilities.PowerCycleShallow = redfish.Quirks(id).Does(redfish.AuxNotPower)
	d.Capabilities.Events = r.root.Link("EventService") != ""
	var manager *redfish.Resource
	for _, m := range r.managers {
		if m.URI == id.Manager {
			manager = m
		}
	}
	r.serving = manager
	if manager == nil {
		r.readMedia(ctx, nil)
		return
	}
	d.BMC.Model, d.BMC.FirmwareVersion = r.checked(manager, "Model"), r.checked(manager, "FirmwareVersion")
	d.BMC.UUID = first(d.BMC.UUID, strings.ToLower(text(manager.Obj, "UUID")))
	d.BMC.LastResetTime, d.BMC.DateTime = text(manager.Obj, "LastResetTime"), text(manager.Obj, "DateTime")
	if d.BMC.Vendor == "" {
		d.BMC.Vendor = text(manager.Obj, "Manufacturer")
	}
	par(
		func() { d.Capabilities.ManagerResetTypes = r.resetTypes(ctx, manager.Obj, "Manager.Reset") },
		func() { r.readMedia(ctx, manager) },
		func() { r.readSwitchConnections(ctx, manager) },
		func() {
			for _, e := range r.take(ctx, manager.Obj.Link("EthernetInterfaces")) {
				d.BMC.MACs = union(d.BMC.MACs, mac(first(e.Obj.Str("PermanentMACAddress"), e.Obj.Str("MACAddress"))))
			}
			slices.Sort(d.BMC.MACs)
		},
	)
}

// resetTypes is what an action lists inline together with what its ActionInfo lists: some BMCs have one, some both.
func (r *reader) resetTypes(ctx context.Context, o redfish.Object, name string) []string {
	a, ok := findAction(o, name)
	if !ok {
		return nil
	}
	return r.parameterValues(ctx, a, "ResetType")
}

// parameterValues gives the allowable values of one parameter of an action; an empty name means any parameter.
func (r *reader) parameterValues(ctx context.Context, a action, name string) []string {
	const allowable = "@Redfish.AllowableValues"
	var out []string
	for k := range a.obj {
		if p, ok := strings.CutSuffix(k, allowable); ok && (name == "" || p == name) {
			out = union(out, a.obj.Strs(k)...)
		}
	}
	if info := r.get(ctx, a.obj.Str("@Redfish.ActionInfo")); info != nil {
		for _, p := range info.Obj.Objs("Parameters") {
			if name == "" || p.Str("Name") == name {
				out = union(out, p.Strs("AllowableValues")...)
			}
		}
	}
	slices.Sort(out)
	return out
}
