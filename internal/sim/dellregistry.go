package sim

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// The registries of an iDRAC besides that of the BIOS: one for each port, one for the controller. Names, types and values are
// those of recorded machines; texts are our own.

// portRegistry is the registry of one port's attributes. An adapter that can be Ethernet or InfiniBand (VPI) says so by an attribute.
func portRegistry(id string, n rack.PartFacts) *registry {
	attrs := `
		!MacAddr; S; 17;
		!LinkStatus; E; Connected|Disconnected; Connected
		VirtualizationMode; E; NONE|NPAR|SRIOV|NPARSRIOV; NONE
		LegacyBootProto; E; NONE|PXE|iSCSI|PXEWithoutFailOver|iSCSIWithoutFailOver; NONE
		NumberVFAdvertised; I; 1..127; 8
		BootRetryCnt; E; NoRetry|1Retry|2Retries|3Retries|IndefiniteRetries; NoRetry
		WakeOnLan; E; Disabled|Enabled; Disabled
		BlnkLeds; I; 0..15; 0
	`
	if vpi(n) {
		attrs += `NetworkLinkType; E; Ethernet|IB; Ethernet
		`
	}
	if strings.Contains(strings.ToLower(n.Name+n.Model), "bluefield") {
		attrs += `InternalCpuOffloadEngine; E; Enabled|Disabled; Enabled
		`
	}
	return newRegistry(registry{id: "NetworkAttributesRegistry_" + id, name: "Network Attribute Registry", owner: "Dell", version: "1.0.0",
		language: "en"}, attrs, `
		NumberVFAdvertised; ReadOnly; true; VirtualizationMode == NPAR | VirtualizationMode == NPARSRIOV
	`, "")
}

func vpi(n rack.PartFacts) bool { return strings.EqualFold(n.Protocol, "VPI") }

// managerRegistry is the registry of an iDRAC's own attributes: values have numbers for names, and show as words.
func managerRegistry() *registry {
	return newRegistry(registry{id: "OEMAttributeRegistry", name: "AttributeRegistry", owner: "Dell", version: "1.0.0",
		language: "en"}, `
		NTPConfigGroup.1.NTP1; S; 255;
		NTPConfigGroup.1.NTP2; S; 255;
		NTPConfigGroup.1.NTP3; S; 255;
		NTPConfigGroup.1.NTPEnable; E; 0=Disabled|1=Enabled; Disabled
		IPv4Static.1.DNS1; S; 15;
		IPv4Static.1.DNS2; S; 15;
		IPv4Static.1.DNSFromDHCP; E; 0=Disabled|1=Enabled; Enabled
		SysLog.1.Server1; S; 63;
		SysLog.1.Server2; S; 63;
		SysLog.1.Server3; S; 63;
		SysLog.1.SysLogEnable; E; 0=Disabled|1=Enabled; Disabled
		IPMILan.1.Enable; E; 0=Disabled|1=Enabled; Enabled
		WebServer.1.Enable; E; 0=Disabled|1=Enabled; Enabled
		WebServer.1.Timeout; I; 60..10800; 1800
		!WebServer.1.MaxNumberOfSessions; I; 1..8; 8
		VNCServer.1.Enable; E; 0=Disabled|1=Enabled; Disabled
		Lockdown.1.SystemLockdown; E; 0=Disabled|1=Enabled; Disabled
		SSH.1.Timeout; I; 60..10800; 1800
		!SSH.1.MaxSessions; I; 1..4; 4
		GUI.1.SecurityPolicyMessage; S; 512;
		OS-BMC.1.AdminState; E; 0=Disabled|1=Enabled; Disabled
	`, "", "")
}

// dellResource is a registry as Dell writes those of controllers: a schema of its own, "Readonly" for "ReadOnly" (R44).
func (r *registry) dellResource(d *dialect) obj {
	o := r.resource(d)
	o["@odata.type"] = "#DellAttributeRegistry.v1_1_0.DellAttributeRegistry"
	for _, a := range o["RegistryEntries"].(obj)["Attributes"].([]any) {
		a := a.(obj)
		a["Readonly"] = a["ReadOnly"]
		delete(a, "ReadOnly")
	}
	return o
}

// judged makes a resource of attributes refuse what its registry does not take.
func (b *BMC) judged(r *route, reg *registry) {
	next := r.patch
	r.patch = func(c *call) *answer {
		want, _ := c.body["Attributes"].(obj)
		have, _ := r.get(c)["Attributes"].(obj)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if bad := reg.judge(name, want[name], have); bad != nil {
				return b.fail(http.StatusBadRequest, b.msg(bad[0], bad[1:]...))
			}
		}
		return next(c)
	}
}

// judge holds a write of attributes against the registry: the message that refuses it, or nil. state is what would run.
func (r *registry) judge(name string, value any, state map[string]any) []string {
	a := r.find(name)
	switch {
	case a == nil:
		return []string{"PropertyUnknown", name}
	case a.readOnly || r.settle(state)[name]["ReadOnly"]:
		return []string{"PropertyNotWritable", name}
	}
	if key := a.check(value); key != "" {
		return []string{key, show(value), name}
	}
	return nil
}
