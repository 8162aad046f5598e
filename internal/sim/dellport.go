package sim

import (
	"maps"
	"strings"
)

func (b *BMC) attributesURI(f *netFunction) string {
	return b.functionURI(f) + "/Oem/Dell/DellNetworkAttributes/" + b.functionID(f)
}

// dellFunction is a port of a Dell: under each name that it may have, and answering under the one that it has now.
func (b *BMC) dellFunction(m map[string]*route, st functionStyle, f *netFunction) {
	now := f.cur["NetworkLinkType"]
	names := []any{now}
	if now != nil {
		names = []any{"Ethernet", "IB"}
	}
	for _, is := range names {
		f.cur["NetworkLinkType"] = is
		if is == nil {
			delete(f.cur, "NetworkLinkType")
		}
		uri := b.functionURI(f)
		b.attributeRoutes(m, st, f)
		add(b, m, uri, &route{get: func(*call) obj {
			if b.functionURI(f) != uri {
				return nil
			}
			return b.functionResource(st, f)
		}})
	}
	if now != nil {
		f.cur["NetworkLinkType"] = now
	}
}

// attributeRoutes are Dell's own settings of a function; what is staged is a job.
func (b *BMC) attributeRoutes(m map[string]*route, st functionStyle, f *netFunction) {
	uri, id := b.attributesURI(f), b.functionID(f)
	head := func(values map[string]any) obj {
		if b.attributesURI(f) != uri {
			return nil
		}
		return obj{"@odata.type": "#DellAttributes.v1_0_0.DellAttributes", "Id": id, "Name": "DellNetworkAttributes",
			"AttributeRegistry": "NetworkAttributeRegistry_" + id, "Attributes": obj(maps.Clone(values))}
	}
	add(b, m, uri, &route{get: func(*call) obj {
		o := head(f.cur)
		if o == nil {
			return nil
		}
		o["@Redfish.Settings"] = obj{"@odata.type": "#Settings." + settingsVersion(b.dia) + ".Settings", "SettingsObject": ref(uri + "/Settings"),
			"SupportedApplyTimes": texts2list([]string{"Immediate", "AtMaintenanceWindowStart", "OnReset", "InMaintenanceWindowOnReset"})}
		return o
	}})
	add(b, m, uri+"/Settings", &route{patch: b.functionPatch(st, f), get: func(*call) obj { return head(f.pend) }})
}

// dellRegistries lists the registries of ports and of the controller. All ports' say that they are the NetworkAttributeRegistry; the
// member's id tells whose it is (recorded).
func (b *BMC) dellRegistries(m map[string]*route, file func(id, registry, uri string)) {
	if b.dia.name != dialectIDRAC {
		return
	}
	serve := func(id, name string, body func(*dialect) obj) {
		uri := "/redfish/v1/Registries/" + id + "/" + id + ".json"
		file(id, name, uri)
		add(b, m, uri, &route{fixed: true, get: func(*call) obj { return body(b.dia) }})
	}
	serve("ManagerAttributeRegistry", "ManagerAttributeRegistry.1.0", managerRegistry().dellResource)
	for _, f := range b.functions {
		id := strings.TrimPrefix(f.reg.id, "NetworkAttributesRegistry_")
		serve("NetworkAttributesRegistry_"+id, "NetworkAttributeRegistry", f.reg.resource)
		if f.cur["NetworkLinkType"] != nil {
			other := strings.TrimSuffix(strings.Replace(id, "NIC.", "InfiniBand.", 1), "-1")
			serve("NetworkAttributesRegistry_"+other, "NetworkAttributeRegistry", f.reg.resource)
		}
	}
}
