package sim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// settingRoutes make what the controller, its chassis and its power limit are set to readable and writable, in the places
// and with the factory values that recorded trees of each vendor show.
func settingRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	mgr := d.manager()
	b.settable(m, "/redfish/v1/SessionService", nil, "SessionTimeout")
	b.settable(m, mgr+"/NetworkProtocol", b.networkProtocol(), "")
	b.settable(m, mgr+"/EthernetInterfaces/eth0", b.managerPort(), "StaticNameServers", "DHCPv4", "Oem")
	host := mgr + "/HostInterfaces/1"
	b.settable(m, host, obj{"@odata.type": d.typ("HostInterface"), "Id": "1", "Name": "Host Interface", "HostInterfaceType": "NetworkHostInterface",
		"InterfaceEnabled": true, "ExternallyAccessible": false}, "InterfaceEnabled")
	add(b, m, mgr+"/HostInterfaces", &route{get: func(*call) obj {
		return collection("HostInterfaceCollection.HostInterfaceCollection", "Host Interface Collection", []string{host})
	}})
	links := obj{"NetworkProtocol": ref(mgr + "/NetworkProtocol"), "HostInterfaces": ref(mgr + "/HostInterfaces")}
	merge(links, b.vendorSettings(m))
	b.settable(m, mgr, links, "Oem")
	b.settable(m, d.chassis(), b.chassisSettings(m), "AssetTag", "Location")
}

// networkProtocol is ManagerNetworkProtocol as each vendor has it.
func (b *BMC) networkProtocol() obj {
	on := func(port int) obj { return obj{"ProtocolEnabled": true, "Port": port} }
	o := obj{"@odata.type": b.dia.typ("ManagerNetworkProtocol"), "Id": "NetworkProtocol", "Name": "Manager Network Protocol",
		"HostName": b.name, "HTTP": on(80), "HTTPS": on(443), "IPMI": on(623), "SSH": on(22), "SNMP": on(161), "KVMIP": on(5900),
		"NTP": obj{"ProtocolEnabled": false, "NTPServers": []any{}}, "Status": enabled()}
	if b.dia.name != dialectILO {
		o["HTTPS"] = obj{"ProtocolEnabled": true, "Port": 443, "Certificates": ref(b.certificateList())}
	}
	switch b.dia.name {
	case dialectIDRAC:
		o["Telnet"] = obj{"ProtocolEnabled": false, "Port": 23}
		o["RFB"] = obj{"ProtocolEnabled": true, "Port": 5901}
	case dialectILO:
		delete(o, "NTP")
		o["Oem"] = obj{"Hpe": obj{"@odata.type": "#HpeiLOManagerNetworkService.v2_3_0.HpeiLOManagerNetworkService",
			"RemoteSyslogEnabled": false, "RemoteSyslogPort": 514, "RemoteSyslogServer": ""}}
	case dialectSupermicro:
		o["NTP"] = obj{"ProtocolEnabled": false, "NTPServers": []any{"localhost", "127.0.0.1"}}
	case dialectXCC:
		o["SNMP"] = obj{"Port": 161, "EnableSNMPv3": false} // without ProtocolEnabled
		o["Oem"] = obj{"Lenovo": obj{"@odata.type": "#LenovoManagerNetworkProtocol.v1_0_0.LenovoManagerNetworkProtocolProperties",
			"WebOverHTTPS": obj{"ProtocolEnabled": true}}}
	case dialectAMI:
		delete(o, "HTTP")
	case dialectOpenBMC:
		delete(o, "SNMP")
		delete(o, "KVMIP")
		o["HTTP"] = obj{"ProtocolEnabled": false, "Port": nil}
		o["Oem"] = obj{"Nvidia": obj{"@odata.type": "#NvidiaManagerNetworkProtocol.v1_0_0.NvidiaManagerNetworkProtocol",
			"Rsyslog": obj{"Address": "", "Port": 0, "State": "Disabled", "TransportProtocol": "TCP"}}}
	}
	return o
}

// managerPort is what the controller's port adds: name servers.
func (b *BMC) managerPort() obj {
	o := obj{"DHCPv4": obj{"DHCPEnabled": true, "UseDNSServers": true}, "NameServers": []any{"192.0.2.53"}}
	switch b.dia.name {
	case dialectILO:
		o["Oem"] = obj{"Hpe": obj{"@odata.type": "#HpeiLOEthernetNetworkInterface.v2_3_0.HpeiLOEthernetNetworkInterface",
			"IPv4": obj{"DNSServers": []any{"192.0.2.53"}}}}
	case dialectIDRAC: // its own attributes hold them
	case dialectXCC:
		o["StaticNameServers"] = []any{"0.0.0.0", "0.0.0.0", "0.0.0.0", "::", "::", "::"}
	default:
		o["StaticNameServers"] = []any{}
	}
	return o
}

// vendorSettings hangs the vendor's own resources under the manager, and gives the links to them.
func (b *BMC) vendorSettings(m map[string]*route) obj {
	mgr := b.dia.manager()
	switch b.dia.name {
	case dialectIDRAC:
		base := mgr + "/Oem/Dell/DellAttributes/"
		for id, values := range dellAttributes() {
			b.settable(m, base+id, obj{"@odata.type": "#DellAttributes.v1_0_0.DellAttributes", "Id": id, "Name": "OEMAttributeRegistry",
				"AttributeRegistry": "ManagerAttributeRegistry.v1_0_0", "Attributes": values}, "Attributes")
		}
		b.judged(m[base+"iDRAC.Embedded.1"], managerRegistry())
		return obj{"Links": obj{"Oem": obj{"Dell": obj{"DellAttributes": refs([]string{base + "iDRAC.Embedded.1", base + "System.Embedded.1"}),
			"DellAttributes@odata.count": 2}}}}
	case dialectILO:
		b.settable(m, mgr+"/DateTime", obj{"@odata.type": "#HpeiLODateTime.v2_0_1.HpeiLODateTime", "Id": "DateTime",
			"Name": "iLO Date and Time Settings", "ConfigurationSettings": "Current", "StaticNTPServers": []any{"", ""}}, "StaticNTPServers")
		b.settable(m, mgr+"/SecurityService", obj{"@odata.type": "#HpeSecurityService.v2_6_0.HpeSecurityService", "Id": "SecurityService",
			"Name": "Security Service", "LoginSecurityBanner": obj{"IsEnabled": false, "SecurityMessage": ""},
			"Links": obj{"HttpsCert": ref(mgr + "/SecurityService/HttpsCert")}}, "LoginSecurityBanner")
		return obj{"Oem": obj{"Hpe": obj{"@odata.type": "#HpeiLO.v2_8_0.HpeiLO", "WebGuiEnabled": true, "IdleConnectionTimeoutMinutes": 30,
			"Links": obj{"DateTimeService": ref(mgr + "/DateTime"), "SecurityService": ref(mgr + "/SecurityService")}}}}
	case dialectSupermicro:
		base, links := mgr+"/Oem/Supermicro/", obj{"@odata.type": "#SmcManagerExtensions.v1_0_0.Manager"}
		for id, o := range map[string]obj{
			"NTP":         {"NTPEnable": false, "PrimaryNTPServer": "localhost", "SecondaryNTPServer": "127.0.0.1"},
			"Syslog":      {"EnableSyslog": false, "SyslogServer": nil, "SyslogPortNumber": 0},
			"SysLockdown": {"SysLockdownEnabled": false},
		} {
			merge(o, obj{"@odata.type": "#Smc" + id + ".v1_0_0.Smc" + id, "Id": id, "Name": id})
			b.settable(m, base+id, o, "")
			links[id] = ref(base + id)
		}
		return obj{"Oem": obj{"Supermicro": links}}
	}
	return obj{}
}

// dellAttributes are those of an iDRAC9 that the vocabulary knows, with what the recorded one was set to.
func dellAttributes() map[string]obj {
	return map[string]obj{
		"iDRAC.Embedded.1": {
			"NTPConfigGroup.1.NTP1": "", "NTPConfigGroup.1.NTP2": "", "NTPConfigGroup.1.NTP3": "", "NTPConfigGroup.1.NTPEnable": "Disabled",
			"IPv4Static.1.DNS1": "0.0.0.0", "IPv4Static.1.DNS2": "0.0.0.0", "IPv4Static.1.DNSFromDHCP": "Enabled",
			"SysLog.1.Server1": "", "SysLog.1.Server2": "", "SysLog.1.Server3": "", "SysLog.1.SysLogEnable": "Disabled",
			"IPMILan.1.Enable": "Enabled", "WebServer.1.Enable": "Enabled", "WebServer.1.Timeout": 1800,
			"WebServer.1.MaxNumberOfSessions": 8, "VNCServer.1.Enable": "Disabled", "Lockdown.1.SystemLockdown": "Disabled",
			"SSH.1.Timeout": 1800, "SSH.1.MaxSessions": 4, "GUI.1.SecurityPolicyMessage": "", "OS-BMC.1.AdminState": "Disabled",
		},
		"System.Embedded.1": {
			"ServerTopology.1.RackName": "", "ServerTopology.1.RackSlot": 1, "ServerPwr.1.PowerCapValue": 1205,
			"ServerPwr.1.PowerCapMinThres": 898, "ServerPwr.1.PowerCapMaxThres": 14410, "ServerPwr.1.PowerCapSetting": "Disabled",
			"ServerPwr.1.PSRedPolicy": "Not Redundant", "ServerPwr.1.PSRapidOn": "Enabled",
		},
	}
}

// chassisSettings is what the chassis adds: where it stands, and what limits its power.
func (b *BMC) chassisSettings(m map[string]*route) obj {
	o := obj{}
	switch b.dia.name {
	case dialectIDRAC:
		o["Location"] = obj{"Placement": obj{"Rack": "", "Row": ""}}
	case dialectXCC:
		o["Location"] = obj{"Placement": obj{"Rack": "", "RackOffset": 1, "RackOffsetUnits": "EIA_310"}}
		base := b.dia.chassis() + "/Controls"
		b.settable(m, base+"/PowerLimit", obj{"@odata.type": b.dia.typ("Control"), "Id": "PowerLimit", "Name": "System Power Limit",
			"ControlType": "Power", "PhysicalContext": "Chassis", "ControlMode": "Disabled", "SetPoint": nil, "SetPointUnits": "Watt",
			"AllowableMax": 57600, "AllowableMin": 0, "Status": enabled()}, "SetPoint", "ControlMode")
		add(b, m, base, &route{get: func(*call) obj {
			return collection("ControlCollection.ControlCollection", "Control Collection", []string{base + "/PowerLimit"})
		}})
		o["Controls"] = ref(base)
		power := b.dia.chassis() + "/Power"
		b.settable(m, power, obj{"Redundancy": []any{obj{"@odata.id": power + "#/Redundancy/0", "MemberId": "0", "Name": "PSU Redundancy", "Mode": "N+m",
			"MinNumNeeded": 1, "MaxNumSupported": 2, "RedundancyEnabled": true, "RedundancySet": []any{}, "Status": enabled()}}}, "Redundancy")
	case dialectAMI:
		b.settable(m, b.dia.chassis()+"/Power", obj{"PowerControl": []any{obj{"PowerLimit": obj{"LimitInWatts": 500, "CorrectionInMs": 1000,
			"LimitException": "HardPowerOff"}}}}, "PowerControl")
	}
	return o
}

// settable makes properties of a resource writable: those named, or all when the name is empty. extra is what the resource
// has besides what it has already.
func (b *BMC) settable(m map[string]*route, uri string, extra obj, writable ...string) {
	key := uri
	if b.dia.foldCase {
		key = strings.ToLower(uri)
	}
	r := m[key]
	if r == nil {
		r = &route{get: func(*call) obj { return obj{} }}
		add(b, m, uri, r)
	}
	base, before := r.get, r.patch
	r.get = func(c *call) obj {
		o := base(c)
		merge(o, extra)
		merge(o, b.set[uri])
		return o
	}
	r.patch = func(c *call) *answer {
		mine := func(k string) bool { return writable[0] == "" || slices.Contains(writable, k) }
		if before != nil && !slices.ContainsFunc(slices.Collect(maps.Keys(c.body)), mine) {
			return before(c)
		}
		now := r.get(c)
		for _, k := range slices.Sorted(maps.Keys(c.body)) {
			if strings.HasPrefix(k, "@") {
				continue
			}
			if now[k] == nil && !mine(k) {
				return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", k))
			}
			if !mine(k) || k == "Id" || k == "Name" {
				return b.fail(http.StatusBadRequest, b.msg("PropertyNotWritable", k))
			}
			if name, problem := b.misfit(k, c.body[k], now[k], present(now, k)); name != "" {
				return b.fail(http.StatusBadRequest, b.msg(problem[0], problem[1:]...))
			}
		}
		if a := b.lockedDown(c); a != nil {
			return a
		}
		if a, over := b.faults.settingTrouble(c); over {
			return a
		}
		b.put(uri, c.body)
		return b.done()
	}
}

func present(o obj, k string) bool { _, ok := o[k]; return ok }

// misfit finds a part of a request that the resource has no place for, or that is of another type.
func (b *BMC) misfit(name string, want, have any, there bool) (string, []string) {
	if !there {
		return name, []string{"PropertyUnknown", name}
	}
	switch w := want.(type) {
	case obj:
		h, ok := have.(obj)
		if !ok {
			return name, []string{"PropertyValueTypeError", "object", name}
		}
		for k, v := range w {
			if n, p := b.misfit(k, v, h[k], present(h, k)); n != "" {
				return n, p
			}
		}
	case bool:
		if _, ok := have.(bool); !ok {
			return name, []string{"PropertyValueTypeError", fmt.Sprint(w), name}
		}
	case string:
		if _, ok := have.(bool); ok {
			return name, []string{"PropertyValueTypeError", w, name}
		}
	}
	return "", nil
}

// lockedDown refuses every write but the one that unlocks.
func (b *BMC) lockedDown(c *call) *answer {
	locked := b.isLocked()
	a, _ := c.body["Attributes"].(obj)
	if !locked || present(c.body, "SysLockdownEnabled") || present(a, "Lockdown.1.SystemLockdown") {
		return nil
	}
	return b.fail(http.StatusForbidden, b.msg("InsufficientPrivilege"))
}

// put keeps what was written.
func (b *BMC) put(uri string, body obj) {
	if b.set[uri] == nil {
		b.set[uri] = obj{}
	}
	merge(b.set[uri], body)
	b.faults.noteLock()
	if strings.HasSuffix(uri, "/DateTime") { // HPE: counts once the iLO has restarted
		b.set[uri]["ConfigurationSettings"] = "SomePendingReset"
		b.due[uri] = body
	}
}

// settle is what a restart of the controller does to settings that wait for it.
func (b *BMC) settle() {
	for uri := range b.due {
		b.set[uri]["ConfigurationSettings"] = "Current"
	}
	b.due = map[string]obj{}
}

func (b *BMC) settingTruth() map[string]any {
	out := map[string]any{}
	for uri, o := range b.set {
		if b.due[uri] == nil {
			flatten(out, uri+"#", o)
		}
	}
	return out
}

func flatten(out map[string]any, at string, o obj) {
	for k, v := range o {
		if list, ok := v.([]any); ok && len(list) > 0 {
			if first, ok := list[0].(obj); ok {
				flatten(out, at+"/"+k+"/0", first)
				continue
			}
		}
		if inner, ok := v.(obj); ok {
			flatten(out, at+"/"+k, inner)
			continue
		}
		out[at+"/"+k] = v
	}
}

// merge lays one object over another; the first object of a list is laid over the first of the other.
func merge(o, over obj) {
	for k, v := range over {
		have, ok := o[k].(obj)
		inner, isObj := v.(obj)
		if ok && isObj {
			have = maps.Clone(have)
			merge(have, inner)
			o[k] = have
			continue
		}
		list, _ := v.([]any)
		old, _ := o[k].([]any)
		if len(list) > 0 && len(old) > 0 {
			a, okA := old[0].(obj)
			n, okN := list[0].(obj)
			if okA && okN && len(list) == 1 {
				a = maps.Clone(a)
				merge(a, n)
				o[k] = append([]any{a}, old[1:]...)
				continue
			}
		}
		if isObj {
			c := obj{}
			merge(c, inner)
			v = c
		}
		o[k] = v
	}
}
