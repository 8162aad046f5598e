package sim

import (
	"strconv"
	"strings"
	"time"
)

// buildRoutes hangs everything that this node serves under its URIs.
func buildRoutes(b *BMC) map[string]*route {
	m := map[string]*route{}
	rootRoutes(b, m)
	sessionRoutes(b, m)
	systemRoutes(b, m)
	biosRoutes(b, m)
	bootRoutes(b, m)
	storageRoutes(b, m)
	managerRoutes(b, m)
	mediaRoutes(b, m)
	chassisRoutes(b, m)
	extendedRoutes(b, m)
	networkRoutes(b, m)
	functionRoutes(b, m)
	powerRoutes(b, m)
	updateRoutes(b, m)
	firmwareRoutes(b, m)
	taskRoutes(b, m)
	logRoutes(b, m)
	serviceRoutes(b, m)
	settingRoutes(b, m)
	certificateRoutes(b, m)
	return m
}

// add registers a route. The same URI twice is a bug of the simulator.
func add(b *BMC, m map[string]*route, uri string, r *route) {
	key := uri
	if b.dia.foldCase {
		key = strings.ToLower(uri)
	}
	if m[key] != nil {
		panic("metalwright: internal error: simulated URI " + uri + " stands twice. This is a bug in Metalwright.")
	}
	r.uri = uri
	m[key] = r
}

func ref(uri string) obj { return obj{"@odata.id": uri} }

func refs(uris []string) []any {
	out := make([]any, len(uris))
	for i, u := range uris {
		out[i] = ref(u)
	}
	return out
}

func enabled() obj { return obj{"State": "Enabled", "Health": "OK"} }

func texts2list(l []string) []any {
	out := make([]any, len(l))
	for i, s := range l {
		out[i] = s
	}
	return out
}

func listObj(l []obj) []any {
	out := make([]any, len(l))
	for i, o := range l {
		out[i] = o
	}
	return out
}

// stamp writes a time as Redfish wants it (DSP0266 §9.5.8).
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func collection(typ, name string, uris []string) obj {
	return obj{"@odata.type": "#" + typ, "Name": name, "Members": refs(uris), "Members@odata.count": len(uris)}
}

func settingsVersion(d *dialect) string { return d.types["Settings"] }

// finish adds what every resource has, and what the query asks for.
func (b *BMC) finish(c *call, o obj) obj {
	if o["@odata.id"] == nil {
		o["@odata.id"] = c.path
	}
	if list, isCollection := o["Members"].([]any); isCollection {
		b.page(c, o, list)
		if len(list) == 0 && b.faults.on("R41") {
			o["Members"] = nil
		}
	}
	b.twistLinks(o)
	return b.expand(c, o)
}

// page cuts a collection at $skip and $top, and by itself where the vendor does (R108).
func (b *BMC) page(c *call, o obj, list []any) {
	skip, _ := strconv.Atoi(c.query.Get("$skip"))
	skip = min(max(skip, 0), len(list))
	top, err := strconv.Atoi(c.query.Get("$top"))
	if err != nil {
		top = len(list)
	}
	size := b.dia.pageSize
	part := list[skip:]
	if top < len(part) {
		part = part[:top]
	}
	if size > 0 && len(part) > size {
		next := c.path + "?$skip=" + strconv.Itoa(skip+size)
		o["Members@odata.nextLink"] = next
		if !b.dia.pageOverlap {
			part = part[:size]
		}
	}
	o["Members"] = part
	if b.dia.pageOverlap && size > 0 && len(list) > size {
		o["Members@odata.count"] = len(part)
	}
}

// rootRoutes are the service root and what is open to everybody.
func rootRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	add(b, m, "/redfish", &route{open: true, get: func(*call) obj { return obj{"v1": "/redfish/v1/"} }})
	add(b, m, "/redfish/v1", &route{open: true, get: func(*call) obj { return b.rootResource() }})
	add(b, m, "/redfish/v1/odata", &route{open: true, get: func(*call) obj {
		var set []any
		for _, s := range []string{"Systems", "Chassis", "Managers", "SessionService", "UpdateService"} {
			set = append(set, obj{"name": s, "kind": "Singleton", "url": "/redfish/v1/" + s})
		}
		return obj{"@odata.context": "/redfish/v1/$metadata", "value": set}
	}})
	add(b, m, "/redfish/v1/$metadata", &route{open: true, fixed: true, static: metadata(), kind: "application/xml",
		get: func(*call) obj { return nil }})
	add(b, m, "/redfish/v1/Systems", &route{get: func(*call) obj {
		ids := []string{d.sys()}
		if d.baseboard != "" {
			ids = append(ids, "/redfish/v1/Systems/"+d.baseboard)
		}
		if b.dpu != nil {
			ids = append(ids, dpuURI)
		}
		return collection("ComputerSystemCollection.ComputerSystemCollection", "Computer System Collection", ids)
	}})
}

func (b *BMC) rootResource() obj {
	d := b.dia
	o := obj{"@odata.id": "/redfish/v1", "@odata.type": d.typ("ServiceRoot"), "Id": d.rootID, "Name": d.rootName,
		"RedfishVersion": d.redfish, "Systems": ref("/redfish/v1/Systems"), "Chassis": ref("/redfish/v1/Chassis"),
		"Managers": ref("/redfish/v1/Managers"), "Tasks": ref("/redfish/v1/TaskService"),
		"SessionService": ref("/redfish/v1/SessionService"), "AccountService": ref("/redfish/v1/AccountService"),
		"EventService": ref("/redfish/v1/EventService"), "UpdateService": ref("/redfish/v1/UpdateService"),
		"Registries": ref("/redfish/v1/Registries"), "CertificateService": ref(certificateServiceURI), "Links": obj{"Sessions": ref(sessionsURI)},
	}
	if d.name != dialectSupermicro {
		o["Vendor"] = d.vendor
	}
	if d.product != "" {
		o["Product"] = d.product
	}
	if d.has("JobService") {
		o["JobService"] = ref("/redfish/v1/JobService")
	}
	if d.name != dialectIDRAC && d.name != dialectILO {
		o["UUID"] = b.uuid
	}
	if d.name == dialectOpenBMC { // two managers, one of them serves
		o["Links"].(obj)["ManagerProvidingService"] = ref(d.manager())
	}
	if d.expandLevels > 0 {
		o["ProtocolFeaturesSupported"] = obj{"ExpandQuery": obj{"ExpandAll": d.expandLinks, "Levels": true, "Links": d.expandLinks,
			"NoLinks": true, "MaxLevels": d.expandLevels}, "FilterQuery": false, "SelectQuery": false, "OnlyMemberQuery": false,
			"ExcerptQuery": false}
	}
	switch d.oem {
	case "Dell":
		o["Oem"] = obj{"Dell": obj{"@odata.type": "#DellServiceRoot.v1_0_0.DellServiceRoot", "ServiceTag": b.serial[:7],
			"ManagerMACAddress": b.mac(0), "IsBranded": 0}}
	case "Hpe":
		o["Oem"] = obj{"Hpe": obj{"@odata.type": "#HpeiLOServiceExt.v2_7_0.HpeiLOServiceExt", "Manager": []any{obj{
			"ManagerType": "iLO 6", "ManagerFirmwareVersion": b.version("bmc"), "Status": obj{"Health": "OK"}}}}}
	case "Supermicro":
		o["Oem"] = obj{"Supermicro": obj{"@odata.type": "#SmcServiceRootExtensions.v1_0_0.ServiceRoot"}}
	case "Ami":
		o["Oem"] = obj{"Ami": obj{"@odata.type": "#AMIServiceRoot.v1_0_0.AMIServiceRoot", "RtpVersion": "13.03"}}
	}
	return o
}

// metadata names the schemas without their text: enough for a client that asks whether there is any (DSP0266 §8.4.1).
func metadata() []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">
  <edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/ServiceRoot_v1.xml">
    <edmx:Include Namespace="ServiceRoot"/>
  </edmx:Reference>
  <edmx:DataServices>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">
      <EntityContainer Name="Service" Extends="ServiceRoot.ServiceContainer"/>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
`)
}
