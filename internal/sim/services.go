package sim

import (
	"fmt"
	"math"
	"net/http"
	"strings"
)

func storageRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	base := d.sys() + "/Storage"
	add(b, m, base, &route{get: func(*call) obj {
		var ids []string
		for _, c := range b.store {
			ids = append(ids, b.storageURI(c))
		}
		return collection("StorageCollection.StorageCollection", "Storage Collection", ids)
	}})
	for _, ctl := range b.store {
		uri := b.storageURI(ctl)
		add(b, m, uri, &route{get: func(*call) obj { return b.storageResource(ctl) }})
		if d.storage.driveHome != "chassis" {
			for _, dr := range ctl.drives {
				add(b, m, uri+"/Drives/"+dr.id, &route{get: func(*call) obj { return b.driveResource(dr) },
					patch: func(c *call) *answer { return b.patchDrive(c, dr) }})
			}
		}
		if d.storage.controllers {
			controllerRoutes(b, m, ctl)
		}
		eraseRoutes(b, m, ctl)
		if b.hasVolumes(ctl) || !ctl.raid { // an ability may show those of direct ones later
			volumeRoutes(b, m, ctl)
		}
		storageActRoutes(b, m, ctl)
	}
	raidServiceRoutes(b, m)
}

func (b *BMC) hasVolumes(c *controller) bool {
	return c.raid && b.dia.storage.apply != "" || !c.raid && b.dia.storage.direct || b.showNamespaces(c)
}

func controllerRoutes(b *BMC, m map[string]*route, c *controller) {
	uri := b.storageURI(c) + "/Controllers"
	add(b, m, uri, &route{get: func(*call) obj {
		return collection("StorageControllerCollection.StorageControllerCollection", "Storage Controller Collection", []string{uri + "/0"})
	}})
	add(b, m, uri+"/0", &route{get: func(*call) obj {
		o := obj{"@odata.type": b.dia.typ("StorageController"), "Id": "0", "Name": c.name, "Model": c.name, "Manufacturer": b.hw.Vendor,
			"SupportedDeviceProtocols": []any{"NVMe"}, "Status": enabled()}
		if c.raid {
			o["SupportedRAIDTypes"] = texts2list(b.raidTypes(c))
		}
		return o
	}})
}

func (b *BMC) storageResource(c *controller) obj {
	uri := b.storageURI(c)
	var drives []string
	for _, d := range c.drives {
		drives = append(drives, b.driveURI(d))
	}
	o := obj{"@odata.type": b.storeType("Storage"), "Id": c.id, "Name": c.name, "Status": enabled(), "Drives": refs(drives),
		"Drives@odata.count": len(drives)}
	if b.dia.storage.controllers {
		o["Controllers"] = ref(uri + "/Controllers")
	} else {
		sc := obj{"@odata.id": uri + "#/StorageControllers/0", "MemberId": "0", "Name": c.name, "Model": c.name, "Status": enabled(),
			"SupportedDeviceProtocols": []any{"NVMe"}}
		if !c.raid && b.dia.storage.direct { // it makes none, and says so
			sc["SupportedRAIDTypes"] = []any{}
		}
		if c.raid {
			sc["SupportedRAIDTypes"] = texts2list(b.raidTypes(c))
		}
		o["StorageControllers"] = []any{sc}
	}
	if b.hasVolumes(c) {
		o["Volumes"] = ref(uri + "/Volumes")
	}
	b.standardActs(c, o)
	return o
}

func (b *BMC) driveResource(d *drive) obj {
	vols := []any{}
	if d.volume != nil {
		vols = refs([]string{b.volumeURI(d.volume)})
	}
	f := d.facts
	o := obj{"@odata.type": b.storeType("Drive"), "Id": d.id, "Name": fmt.Sprintf("%s %s in bay %s", f.Protocol, f.Media, d.bay),
		"Model": f.Model, "SerialNumber": d.serial, "Manufacturer": "Simulated", "CapacityBytes": f.CapacityBytes, "MediaType": f.Media,
		"Protocol": f.Protocol, "FailurePredicted": false, "Status": enabled(), "Revision": "SIM1",
		"PhysicalLocation": obj{"PartLocation": obj{"ServiceLabel": "Bay " + d.bay, "LocationType": "Bay", "LocationOrdinalValue": atoi(d.bay)}},
		"Links":            obj{"Volumes": vols, "Chassis": ref("/redfish/v1/Chassis/" + d.ctl.enclosed)}}
	b.showDrive(d, o)
	b.showErase(d, o)
	return o
}

func atoi(s string) int {
	n := 0
	_, _ = fmt.Sscan(s, &n)
	return n
}

func volumeRoutes(b *BMC, m map[string]*route, ctl *controller) {
	base := b.storageURI(ctl) + "/Volumes"
	add(b, m, base, volumeList(b, ctl, base))
	add(b, m, base+"/Capabilities", &route{get: func(*call) obj { // R111: a member that is no volume
		if !b.hasCapabilities(ctl) {
			return nil
		}
		return b.volumeCapabilities(ctl)
	}})
	find := func(c *call) *volume {
		for _, v := range ctl.volumes {
			if v.id == c.vars[0] {
				return v
			}
		}
		return nil
	}
	missing := func(c *call) *answer { return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path)) }
	patch := func(c *call) *answer {
		if v := find(c); v != nil && b.arrayStyle() != arrayPlain {
			return b.patchVolume(c, v)
		}
		return missing(c)
	}
	add(b, m, base+"/*", &route{
		get: func(c *call) obj {
			if v := find(c); v != nil {
				return b.volumeResource(v)
			}
			return b.directMember(ctl, c.vars[0])
		},
		patch: patch,
		del: func(c *call) *answer {
			if v := find(c); v != nil {
				return b.deleteVolume(v)
			}
			if n := b.namespaceOf(ctl, c.vars[0]); n != nil {
				return b.deleteNamespace(ctl, n)
			}
			return missing(c)
		},
	})
	add(b, m, base+"/*/Settings", &route{patch: patch, get: func(c *call) obj { // pending, not current
		if v := find(c); v != nil && b.arrayStyle() == arrayDell {
			return obj{"@odata.type": b.storeType("Volume"), "Id": "Settings", "Name": v.name}
		}
		return nil
	}})
	add(b, m, base+"/*/Actions/Volume.Initialize", &route{post: func(c *call) *answer {
		if v := find(c); v != nil && b.arrayStyle() != arrayPlain {
			return b.initVolume(c, v)
		}
		return missing(c)
	}})
}

// volumeList is the collection of a controller.
func volumeList(b *BMC, ctl *controller, base string) *route {
	return &route{get: func(*call) obj {
		if !b.hasVolumes(ctl) {
			return nil
		}
		o := collection("VolumeCollection.VolumeCollection", "Volume Collection", b.volumeIDs(ctl))
		if ctl.raid && b.dia.storage.applyTimes != nil {
			o["@Redfish.OperationApplyTimeSupport"] = obj{"@odata.type": "#Settings.v1_3_3.OperationApplyTimeSupport",
				"SupportedValues": texts2list(b.dia.storage.applyTimes)}
		}
		if b.hasCapabilities(ctl) {
			o["@Redfish.CollectionCapabilities"] = obj{"@odata.type": "#CollectionCapabilities.v1_4_0.CollectionCapabilities",
				"Capabilities": []any{obj{"CapabilitiesObject": ref(base + "/Capabilities"), "UseCase": "VolumeCreation",
					"Links": obj{"TargetCollection": ref(base)}}}}
		}
		return o
	}, post: func(c *call) *answer {
		switch {
		case ctl.raid:
			return b.createVolume(c, ctl)
		case b.showNamespaces(ctl):
			return b.createNamespace(c, ctl)
		case !b.hasVolumes(ctl):
			return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
		}
		a := b.fail(http.StatusMethodNotAllowed, b.msg("OperationNotAllowed"))
		a.header["Allow"] = "GET, HEAD"
		return a
	}}
}

// directMember is an entry that a direct controller shows: a namespace, or a drive that is passed through (R111).
func (b *BMC) directMember(ctl *controller, id string) obj {
	if n := b.namespaceOf(ctl, id); n != nil {
		return b.namespaceResource(n)
	}
	for _, d := range ctl.drives {
		if !ctl.raid && b.dia.storage.direct && d.id == id {
			return b.rawDevice(d)
		}
	}
	return nil
}

func (b *BMC) namespaceOf(ctl *controller, id string) *namespace {
	for _, n := range ctl.spaces {
		if n.id == id && b.showNamespaces(ctl) {
			return n
		}
	}
	return nil
}

// hasCapabilities tells whether a collection says what a new member may be.
func (b *BMC) hasCapabilities(ctl *controller) bool {
	return ctl.raid && b.arrayStyle() == arrayStandard || ctl.raid && b.dia.storage.capabilities || b.showNamespaces(ctl)
}

// volumeIDs are the members of a collection of volumes.
func (b *BMC) volumeIDs(ctl *controller) []string {
	base := b.storageURI(ctl) + "/Volumes"
	var ids []string
	if !ctl.raid && b.dia.storage.direct {
		for _, d := range ctl.drives {
			ids = append(ids, base+"/"+d.id)
		}
	}
	for _, v := range ctl.volumes {
		ids = append(ids, b.volumeURI(v))
	}
	for _, n := range ctl.spaces {
		if b.showNamespaces(ctl) {
			ids = append(ids, b.namespaceURI(ctl, n))
		}
	}
	return ids
}

func (b *BMC) volumeResource(v *volume) obj {
	var drives []string
	for _, d := range v.drives {
		drives = append(drives, b.driveURI(d))
	}
	o := obj{"@odata.type": b.storeType("Volume"), "Id": v.id, "Name": v.name, "RAIDType": v.raid, "CapacityBytes": v.capacity,
		"BlockSizeBytes": 512, "Encrypted": false, "Status": enabled(), "Links": obj{"Drives": refs(drives)}}
	if b.dia.name != dialectSupermicro {
		o["DisplayName"] = v.name
	}
	b.showVolume(v, o)
	return o
}

// rawDevice is how Dell shows a drive on direct NVMe (R111).
func (b *BMC) rawDevice(d *drive) obj {
	return obj{"@odata.type": b.dia.typ("Volume"), "Id": d.id, "Name": "PCIe SSD in bay " + d.bay, "VolumeType": "RawDevice",
		"RAIDType": nil, "CapacityBytes": d.facts.CapacityBytes, "Status": enabled(), "Links": obj{"Drives": refs([]string{b.driveURI(d)})}}
}

// powerRoutes are supplies and temperatures, old style and new.
func powerRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	n, kw := b.supplies(), 3.0
	if b.hw.SupplyKW != nil {
		kw = b.hw.SupplyKW.Value
	}
	watts := int(math.Round(kw * 1000))
	used := func() int {
		if b.host.power == powerOff {
			return 60
		}
		return 600
	}
	if d.power.legacy {
		add(b, m, d.chassis()+"/Power", &route{get: func(*call) obj {
			var supplies []any
			for i := range n {
				supplies = append(supplies, obj{"@odata.id": fmt.Sprintf("%s/Power#/PowerSupplies/%d", d.chassis(), i), "MemberId": fmt.Sprint(i),
					"Name": fmt.Sprintf("PSU %d", i+1), "PowerCapacityWatts": watts, "LineInputVoltage": 230, "Model": "SIM-PSU",
					"SerialNumber": b.partSerial("P", i), "Status": b.supplyStatus(i)})
			}
			return obj{"@odata.type": d.typ("Power"), "Id": "Power", "Name": "Power", "PowerSupplies": listOf(supplies),
				"PowerControl": []any{obj{"@odata.id": d.chassis() + "/Power#/PowerControl/0", "MemberId": "0", "Name": "System Power Control",
					"PowerConsumedWatts": used(), "PowerCapacityWatts": watts * n}}}
		}})
		add(b, m, d.chassis()+"/Thermal", &route{get: func(*call) obj { return b.thermalResource() }})
	}
	if !d.power.subsystem {
		return
	}
	base := d.chassis() + "/PowerSubsystem"
	add(b, m, base, &route{get: func(*call) obj {
		return obj{"@odata.type": d.typ("PowerSubsystem"), "Id": "PowerSubsystem", "Name": "Power Subsystem for Chassis",
			"Status": enabled(), "CapacityWatts": watts * n, "PowerSupplies": ref(base + "/PowerSupplies")}
	}})
	var ids []string
	for i := range n {
		uri := fmt.Sprintf("%s/PowerSupplies/PSU.Slot.%d", base, i+1)
		ids = append(ids, uri)
		add(b, m, uri, &route{get: func(*call) obj {
			return obj{"@odata.type": d.typ("PowerSupply"), "Id": fmt.Sprintf("PSU.Slot.%d", i+1), "Name": fmt.Sprintf("PSU %d", i+1),
				"PowerCapacityWatts": watts, "Model": "SIM-PSU", "SerialNumber": b.partSerial("P", i), "Status": b.supplyStatus(i)}
		}})
	}
	add(b, m, base+"/PowerSupplies", &route{get: func(*call) obj {
		return collection("PowerSupplyCollection.PowerSupplyCollection", "Power Supply Collection", ids)
	}})
}

func updateRoutes(b *BMC, m map[string]*route) {
	u := b.dia.update
	add(b, m, "/redfish/v1/UpdateService", &route{get: func(*call) obj { return b.updateResource() }})
	for _, uri := range []string{u.multipart, u.push} {
		if uri != "" && !strings.HasSuffix(uri, "/FirmwareInventory") {
			add(b, m, uri, &route{post: b.push})
		}
	}
	if u.simple != "" {
		add(b, m, u.simple, &route{post: simpleUpdate})
	}
	if u.simpleInfo != "" {
		add(b, m, u.simpleInfo, &route{get: func(*call) obj {
			par := []any{obj{"Name": "ImageURI", "Required": true, "DataType": "String"}}
			var targets []any
			for _, c := range b.comps {
				targets = append(targets, texts2list(u.targets[c.name])...)
			}
			if targets != nil {
				par = append(par, obj{"Name": "Targets", "Required": false, "DataType": "StringArray", "AllowableValues": targets})
			}
			return obj{"@odata.type": b.dia.typ("ActionInfo"), "Id": "SimpleUpdateActionInfo", "Name": "Simple Update Action Info", "Parameters": par}
		}})
	}
	if u.startUpdate != "" {
		add(b, m, u.startUpdate, &route{post: startUpdate})
	}
	if b.dia.baseboard != "" {
		add(b, m, commitURI, &route{post: func(*call) *answer { return b.done() }})
	}
}

func (b *BMC) updateResource() obj {
	u, d := b.dia.update, b.dia
	o := obj{"@odata.type": d.typ("UpdateService"), "Id": "UpdateService", "Name": "Update Service", "ServiceEnabled": true,
		"Status": enabled(), "FirmwareInventory": ref("/redfish/v1/UpdateService/FirmwareInventory")}
	if u.multipart != "" {
		o["MultipartHttpPushUri"] = u.multipart
		if d.name == dialectOpenBMC || d.name == dialectSupermicro {
			o["MultipartHttpPushUri@Redfish.OperationApplyTimeSupport"] = applyTimeSupport(u.applyTimes)
		}
	}
	if u.push != "" {
		o["HttpPushUri"] = u.push
	}
	if u.maxBytes > 0 {
		o["MaxImageSizeBytes"] = u.maxBytes
	}
	acts := obj{}
	if u.simple != "" {
		a := obj{"target": u.simple, "TransferProtocol@Redfish.AllowableValues": []any{"HTTP", "HTTPS"}}
		if u.simpleInfo != "" {
			a["@Redfish.ActionInfo"] = u.simpleInfo
		}
		if d.name == dialectIDRAC {
			a["@Redfish.OperationApplyTimeSupport"] = applyTimeSupport(u.applyTimes)
		}
		acts["#UpdateService.SimpleUpdate"] = a
	}
	if u.startUpdate != "" {
		acts["#UpdateService.StartUpdate"] = obj{"target": u.startUpdate}
	}
	if d.baseboard != "" {
		acts["Oem"] = obj{commitKey: obj{"target": commitURI}}
	}
	o["Actions"] = acts
	if d.name == dialectILO {
		o["Oem"] = obj{"Hpe": obj{"@odata.type": "#HpeiLOUpdateServiceExt.v2_6_0.HpeiLOUpdateServiceExt", "State": b.hpeUpdateState(),
			"Accept3rdPartyFirmware": true, "DowngradePolicy": "AllowDowngrade",
			"Capabilities": obj{"PLDMFirmwareUpdate": true, "UpdateFWPKG": true}}}
	}
	return o
}

// CommitImage copies a running image to the second bank (redfish.md §5.3). The simulator has one bank: there is nothing to do.
const (
	commitKey = "#NvidiaUpdateService.CommitImage"
	commitURI = "/redfish/v1/UpdateService/Actions/Oem/NvidiaUpdateService.CommitImage"
)

func (b *BMC) hpeUpdateState() string {
	for _, c := range b.comps {
		if c.writing || c.staging {
			return "Updating"
		}
	}
	return "Idle"
}

func applyTimeSupport(values []string) obj {
	return obj{"@odata.type": "#Settings.v1_3_3.OperationApplyTimeSupport", "SupportedValues": texts2list(values)}
}

func serviceRoutes(b *BMC, m map[string]*route) {
	registryRoutes(b, m)
	eventRoutes(b, m)
	accountRoutes(b, m)
}

func registryRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	base := "/redfish/v1/Registries"
	var ids []string
	file := func(id, registry, uri string) {
		ids = append(ids, base+"/"+id)
		add(b, m, base+"/"+id, &route{get: func(*call) obj {
			loc := obj{"Language": "en", "PublicationUri": "https://redfish.dmtf.org/registries/" + registry + ".json"}
			if uri != "" {
				loc = obj{"Language": "en", "Uri": uri}
			}
			return obj{"@odata.type": d.typ("MessageRegistryFile"), "Id": id, "Name": id + " Registry File", "Languages": []any{"en"},
				"Registry": registry, "Location": []any{loc}}
		}})
	}
	file("Base", d.baseRegistry+".0", "")
	file("Update", d.updateRegistry+".0", "")
	file("TaskEvent", "TaskEvent.1.0.0", "")
	if d.registryMember != "" {
		file(d.registryMember, d.registry.id, d.registryURI)
	}
	b.dellRegistries(m, file)
	if v := vendorMessages[d.name]; v.uri != "" {
		file(v.member, v.registry+".0", v.uri)
		add(b, m, v.uri, &route{fixed: true, get: func(*call) obj { return v.resource(d) }})
	}
	add(b, m, base, &route{get: func(*call) obj {
		return collection("MessageRegistryFileCollection.MessageRegistryFileCollection", "Registry File Collection", ids)
	}})
}
