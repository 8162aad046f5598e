package inventory

import (
	"context"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readSettings reads what the controller, its chassis and its power limit are set to (facet manager_settings). A resource
// that is not there offers nothing; one that cannot be read is a gap.
func (r *reader) readSettings(ctx context.Context, manager *redfish.Resource) {
	if manager == nil || !r.wants(rack.FacetSettings) {
		return
	}
	at := r.settingResources(ctx, manager)
	out := &rack.Settings{Words: map[string]rack.Setting{}}
	for _, m := range SettingMappings {
		res := at[m.In]
		if _, taken := out.Words[m.Word]; taken || res == nil {
			continue
		}
		v, ok := m.Read(res.Obj)
		if !ok {
			continue
		}
		s := rack.Setting{Value: v, Place: m.SettingPlace, Pending: m.Waits(res.Obj), Fixed: m.Fixed}
		s.Place.Path = res.URI
		s.Min, s.Max = settingBounds(m, res.Obj)
		out.Words[m.Word] = s
	}
	if res := at[inDell]; res != nil {
		out.Path = res.URI
		out.Attributes, _ = r.attributes(res)
		if r.wants(rack.FacetAttributes) {
			out.RegistryDoc = r.readRegistry(ctx, res)
		}
	}
	r.dev.BMC.Settings = out
}

// settingResources finds the resources of the mapping table by their links.
func (r *reader) settingResources(ctx context.Context, manager *redfish.Resource) map[string]*redfish.Resource {
	o := manager.Obj
	at := map[string]*redfish.Resource{inManager: manager}
	add := func(name, link string) {
		if res := r.get(ctx, link); res != nil {
			at[name] = res
		}
	}
	add(inProtocol, o.Link("NetworkProtocol"))
	add(inSession, r.root.Link("SessionService"))
	for _, e := range r.members(ctx, o.Link("EthernetInterfaces")) {
		id := strings.ToLower(idOf(e))
		if at[inEthernet] == nil && !strings.Contains(id, "usb") && !strings.Contains(id, "tohost") {
			at[inEthernet] = e
		}
	}
	if h := r.members(ctx, o.Link("HostInterfaces")); len(h) > 0 {
		at[inHost] = h[0]
	}
	for _, l := range o.Objs("Links", "Oem", "Dell", "DellAttributes") {
		link := l.Str("@odata.id")
		switch last := link[strings.LastIndex(link, "/")+1:]; {
		case strings.HasPrefix(last, "iDRAC."):
			add(inDell, link)
		case strings.HasPrefix(last, "System."):
			add(inDellSystem, link)
		}
	}
	add(inHPETime, o.Link("Oem", "Hpe", "Links", "DateTimeService"))
	add(inHPESecurity, o.Link("Oem", "Hpe", "Links", "SecurityService"))
	add(inSMCNTP, o.Link("Oem", "Supermicro", "NTP"))
	add(inSMCSyslog, o.Link("Oem", "Supermicro", "Syslog"))
	add(inSMCLock, o.Link("Oem", "Supermicro", "SysLockdown"))
	r.chassisSettings(ctx, at, add)
	return at
}

// chassisSettings finds the chassis that the host stands in, and what limits its power.
func (r *reader) chassisSettings(ctx context.Context, at map[string]*redfish.Resource, add func(name, link string)) {
	for _, s := range r.hostResources() {
		for _, l := range s.Obj.Objs("Links", "Chassis") {
			if at[inChassis] == nil {
				add(inChassis, l.Str("@odata.id"))
			}
		}
	}
	c := at[inChassis]
	if c == nil {
		return
	}
	add(inPower, c.Obj.Link("Power"))
	add(inEnvironment, c.Obj.Link("EnvironmentMetrics"))
	for _, ctl := range r.members(ctx, c.Obj.Link("Controls")) {
		whole := ctl.Obj.Str("PhysicalContext") == "" || ctl.Obj.Str("PhysicalContext") == "Chassis"
		if at[inControl] == nil && ctl.Obj.Str("ControlType") == "Power" && whole {
			at[inControl] = ctl
		}
	}
}

// settingBounds reads what a number may be, where the resource says so.
func settingBounds(m SettingMapping, o redfish.Object) (lo, hi *int64) {
	if m.Word != "power_limit_w" {
		return nil, nil
	}
	number := func(keys ...string) *int64 {
		v, there := o.Lookup(keys...)
		n, ok := rack.Normal(v).(int64)
		if !there || !ok || n <= 0 {
			return nil
		}
		return &n
	}
	switch m.In {
	case inControl:
		return number("AllowableMin"), number("AllowableMax")
	case inEnvironment:
		return number("PowerLimitWatts", "AllowableMin"), number("PowerLimitWatts", "AllowableMax")
	case inDellSystem:
		return number("Attributes", "ServerPwr.1.PowerCapMinThres"), number("Attributes", "ServerPwr.1.PowerCapMaxThres")
	}
	return nil, nil
}
