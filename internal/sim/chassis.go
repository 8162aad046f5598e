package sim

import (
	"fmt"
	"strings"
)

func managerRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	add(b, m, "/redfish/v1/Managers", &route{get: func(*call) obj {
		ids := []string{d.manager()}
		if d.baseboard != "" {
			ids = append(ids, hgxManager)
		}
		return collection("ManagerCollection.ManagerCollection", "Manager Collection", ids)
	}})
	info := ""
	if d.resetInfo && d.name != dialectSupermicro {
		info = d.manager() + "/ResetActionInfo"
		add(b, m, info, &route{get: func(*call) obj { return b.actionInfo("ResetActionInfo", d.managerResets) }})
	}
	add(b, m, d.manager(), &route{get: func(*call) obj {
		o := obj{"@odata.type": d.typ("Manager"), "Id": d.managerID, "Name": "Manager", "ManagerType": "BMC", "Status": enabled(),
			"FirmwareVersion": b.managerVersion(), "DateTime": stamp(b.clock()), "DateTimeLocalOffset": "+00:00", "PowerState": powerOn,
			"UUID": b.uuid, "Model": d.managerModel(), "EthernetInterfaces": ref(d.manager() + "/EthernetInterfaces"),
			"Actions": obj{"#Manager.Reset": b.resetAction(d.manager()+"/Actions/Manager.Reset", info, d.managerResets)},
			"Links": obj{"ManagerForServers": refs([]string{d.sys()}), "ManagerForChassis": refs([]string{d.chassis()}),
				"ManagerInChassis": ref(d.chassis())},
		}
		if d.managerLastReset {
			o["LastResetTime"] = stamp(b.resetAt)
		}
		for _, home := range d.mediaHome {
			if home == "manager" {
				o["VirtualMedia"] = ref(d.manager() + "/VirtualMedia")
			}
		}
		if b.hasLogs(d.manager()) {
			o["LogServices"] = ref(d.manager() + "/LogServices")
		}
		if d.name == dialectILO {
			o["Oem"] = obj{"Hpe": obj{"@odata.type": "#HpeiLO.v2_8_0.HpeiLO", "Links": obj{"ActiveHealthSystem": ref(d.manager() + "/ActiveHealthSystem")}}}
		}
		if d.settingsJob {
			o["Links"].(obj)["Oem"] = obj{"Dell": obj{"@odata.type": "#DellOem.v1_3_0.DellOemLinks", "Jobs": ref(d.manager() + "/Oem/Dell/Jobs"),
				"DellSwitchConnectionCollection": ref(d.sys() + "/NetworkPorts/Oem/Dell/DellSwitchConnections")}}
		}
		return o
	}, patch: setClock})
	add(b, m, d.manager()+"/Actions/Manager.Reset", &route{post: resetManager})
	if d.baseboard != "" {
		hgxManagerRoutes(b, m)
	}
	add(b, m, d.manager()+"/EthernetInterfaces", &route{get: func(*call) obj {
		return collection("EthernetInterfaceCollection.EthernetInterfaceCollection", "Ethernet Interface Collection",
			[]string{d.manager() + "/EthernetInterfaces/eth0"})
	}})
	add(b, m, d.manager()+"/EthernetInterfaces/eth0", &route{get: func(*call) obj {
		return obj{"@odata.type": d.typ("EthernetInterface"), "Id": "eth0", "Name": "Manager Ethernet Interface", "Status": enabled(),
			"MACAddress": b.mac(0), "PermanentMACAddress": b.mac(0), "SpeedMbps": 1000, "LinkStatus": "LinkUp", "InterfaceEnabled": true}
	}})
}

// hgxManager is the controller of the GPU baseboard, behind the one that serves.
const hgxManager = "/redfish/v1/Managers/HGX_BMC_0"

func hgxManagerRoutes(b *BMC, m map[string]*route) {
	add(b, m, hgxManager, &route{get: func(*call) obj {
		return obj{"@odata.type": b.dia.typ("Manager"), "Id": "HGX_BMC_0", "Name": "HGX Manager", "ManagerType": "BMC", "Model": "OpenBmc",
			"Status": enabled(), "FirmwareVersion": "HGX-22.10-1", "PowerState": powerOn, "DateTime": stamp(b.now),
			"DateTimeLocalOffset": "+00:00", "Links": obj{"ManagerForServers": refs([]string{b.dia.gpuSystem()})},
			"Actions": obj{"#Manager.Reset": obj{"target": hgxManager + "/Actions/Manager.Reset",
				"ResetType@Redfish.AllowableValues": texts2list([]string{"GracefulRestart", "ForceRestart"})}}}
	}})
	add(b, m, hgxManager+"/Actions/Manager.Reset", &route{post: func(*call) *answer {
		b.violate("the controller of the baseboard was reset") // nobody has a reason to
		return b.done()
	}})
}

// managerVersion is how the Manager writes what the firmware row says (R115: two sources, two spellings).
func (b *BMC) managerVersion() string {
	v := b.version("bmc")
	if b.dia.name == dialectILO {
		short, _, _ := strings.Cut(v, " ")
		return "iLO 6 v" + short
	}
	return v
}

func (d *dialect) managerModel() string {
	switch d.name {
	case dialectIDRAC:
		return "15G Monolithic"
	case dialectILO:
		return "iLO 6"
	case dialectSupermicro:
		return "ASPEED"
	case dialectXCC:
		return "Lenovo XClarity Controller"
	case dialectOpenBMC:
		return "OpenBmc"
	}
	return "AMI MegaRAC"
}

func chassisRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	ids := []string{d.chassis()}
	for _, c := range b.store {
		if c.enclosed != d.chassisID && d.storage.driveHome != "storage" {
			ids = append(ids, "/redfish/v1/Chassis/"+c.enclosed)
			enclosureRoutes(b, m, c)
		}
	}
	if d.name == dialectOpenBMC {
		ids = append(ids, "/redfish/v1/Chassis/Chassis_0", "/redfish/v1/Chassis/HGX_Chassis_0")
		trayRoutes(b, m)
	}
	add(b, m, "/redfish/v1/Chassis", &route{get: func(*call) obj {
		return collection("ChassisCollection.ChassisCollection", "Chassis Collection", ids)
	}})
	rt := &route{get: func(*call) obj { return b.chassisResource() }}
	if locators[d.name].chassis {
		rt.patch = patchChassis
	}
	add(b, m, d.chassis(), rt)
	pcieRoutes(b, m)
}

func (b *BMC) chassisResource() obj {
	d := b.dia
	model, serial := b.other(b.model(), b.serial)
	o := obj{"@odata.type": d.typ("Chassis"), "Id": d.chassisID, "Name": "Computer System Chassis", "ChassisType": "RackMount",
		"Manufacturer": b.manufacturer(), "Model": model, "SerialNumber": serial, "PartNumber": "SIM-" + d.name, "AssetTag": "",
		"PowerState": b.chassisPower(), "Status": b.chassisStatus(), "NetworkAdapters": ref(d.chassis() + "/NetworkAdapters"),
		"PCIeDevices": ref(d.chassis() + "/PCIeDevices"), "Links": obj{"ComputerSystems": refs([]string{d.sys()}),
			"ManagedBy": refs([]string{d.manager()})},
	}
	b.showLED(o, true)
	if d.power.legacy {
		o["Power"], o["Thermal"] = ref(d.chassis()+"/Power"), ref(d.chassis()+"/Thermal")
	}
	if d.power.subsystem {
		o["PowerSubsystem"] = ref(d.chassis() + "/PowerSubsystem")
	}
	if d.name == dialectOpenBMC {
		o["ChassisType"] = "Component"
		a := d.auxAction
		o["Actions"] = obj{"Oem": obj{a.key: obj{"target": a.uri, "@Redfish.ActionInfo": a.info}}}
	}
	b.extendedAction(o)
	if d.name == dialectAMI {
		o["ChassisType"], o["MaxPowerWatts"] = "Other", 4 // implausible, as recorded (R106)
	}
	return o
}

// chassisPower: a Chassis knows fewer words for a transition than a System.
func (b *BMC) chassisPower() string { return b.host.power }

// enclosureRoutes are the chassis that holds the drives of a controller.
func enclosureRoutes(b *BMC, m map[string]*route, c *controller) {
	uri := "/redfish/v1/Chassis/" + c.enclosed
	add(b, m, uri, &route{get: func(*call) obj {
		return obj{"@odata.type": b.dia.typ("Chassis"), "Id": c.enclosed, "Name": "Storage Backplane", "ChassisType": "Enclosure",
			"Manufacturer": b.manufacturer(), "Model": "Backplane", "SerialNumber": b.partSerial("E", len(c.id)), "Status": enabled(),
			"PowerState": powerOn, "Drives": ref(uri + "/Drives"), "Links": obj{"ManagedBy": refs([]string{b.dia.manager()}),
				"ContainedBy": ref(b.dia.chassis())}}
	}})
	add(b, m, uri+"/Drives", &route{get: func(*call) obj {
		var ids []string
		for _, d := range c.drives {
			ids = append(ids, uri+"/Drives/"+d.id)
		}
		return collection("DriveCollection.DriveCollection", "Drive Collection", ids)
	}})
	for _, d := range c.drives {
		add(b, m, uri+"/Drives/"+d.id, &route{get: func(*call) obj { return b.driveResource(d) },
			patch: func(c *call) *answer { return b.patchDrive(c, d) }})
	}
}

// trayRoutes are the further chassis of a GB200 tray: the one with leak detectors, and the HGX part.
func trayRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	for _, id := range []string{"Chassis_0", "HGX_Chassis_0"} {
		uri := "/redfish/v1/Chassis/" + id
		add(b, m, uri, &route{get: func(*call) obj {
			model, _ := b.other(b.model(), "")
			o := obj{"@odata.type": d.typ("Chassis"), "Id": id, "Name": id, "ChassisType": "Shelf", "Manufacturer": "NVIDIA",
				"Model": model, "SerialNumber": b.partSerial("C", len(id)), "Status": b.chassisStatus(), "PowerState": b.chassisPower(),
				"Links": obj{"ManagedBy": refs([]string{d.manager()})}}
			if id == "Chassis_0" {
				o["ThermalSubsystem"], o["Sensors"] = ref(uri+"/ThermalSubsystem"), ref(sensorsURI)
				o["SerialNumber"] = b.serial
			}
			return o
		}})
	}
	sensorRoutes(b, m)
	thermal := "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem"
	add(b, m, thermal, &route{get: func(*call) obj {
		return obj{"@odata.type": d.typ("ThermalSubsystem"), "Id": "ThermalSubsystem", "Name": "Thermal Subsystem", "Status": enabled(),
			"LeakDetection": ref(thermal + "/LeakDetection")}
	}})
	add(b, m, thermal+"/LeakDetection", &route{get: func(*call) obj {
		return obj{"@odata.type": d.typ("LeakDetection"), "Id": "LeakDetection", "Name": "Leak Detection Systems", "Status": enabled(),
			"LeakDetectors": ref(thermal + "/LeakDetection/LeakDetectors")}
	}})
	var ids []string
	for i := range d.leaks {
		id := leakID(i)
		uri := thermal + "/LeakDetection/LeakDetectors/" + id
		ids = append(ids, uri)
		add(b, m, uri, &route{get: func(*call) obj {
			state, health := "OK", "OK"
			if b.faults.leaking(i) {
				state, health = "Critical", "Critical"
			}
			return obj{"@odata.type": d.typ("LeakDetector"), "Id": id, "Name": strings.ReplaceAll(id, "_", " "),
				"LeakDetectorType": "Moisture", "DetectorState": state, "Status": obj{"State": "Enabled", "Health": health}}
		}})
	}
	add(b, m, thermal+"/LeakDetection/LeakDetectors", &route{get: func(*call) obj {
		return collection("LeakDetectorCollection.LeakDetectorCollection", "Leak Detector Collection", ids)
	}})
}

func leakID(i int) string {
	return fmt.Sprintf("Chassis_0_LeakDetector_%d_%s", i, []string{"Manifold", "ColdPlate"}[i%2])
}

func (b *BMC) pcieID(i int) string {
	if b.dia.gpus.place == "pcie" {
		return b.gpuID(i)
	}
	return fmt.Sprintf("slot_%d", i+3)
}

// pcieRoutes list GPUs as PCIe devices where the vendor does so.
func pcieRoutes(b *BMC, m map[string]*route) {
	base := b.dia.chassis() + "/PCIeDevices"
	var ids []string
	if b.dia.gpus.place == "pcie" || b.dia.gpus.pcieName {
		for i := range b.gpuCount() {
			ids = append(ids, base+"/"+b.pcieID(i))
			add(b, m, base+"/"+b.pcieID(i), &route{get: func(*call) obj {
				g := b.hw.GPU
				o := obj{"@odata.type": b.dia.typ("PCIeDevice"), "Id": b.pcieID(i), "Name": b.pcieID(i), "Model": g.Model,
					"Manufacturer": g.Manufacturer, "SerialNumber": b.partSerial("G", i), "PartNumber": b.gpuPart(),
					"DeviceType": "SingleFunction", "Status": enabled(),
					"Links": obj{"Chassis": refs([]string{b.dia.chassis()})}}
				if b.dia.gpus.pcieName {
					o["Name"], o["Model"] = g.Manufacturer+" "+g.Model, "N/A"
				}
				if b.dia.name == dialectSupermicro {
					o["Oem"] = obj{"Supermicro": obj{"@odata.type": "#SmcGPUExtensions.v1_0_0.GPU", "GPUSlot": i + 1, "GPUVendor": g.Manufacturer}}
				}
				return o
			}})
		}
	}
	add(b, m, base, &route{get: func(*call) obj {
		return collection("PCIeDeviceCollection.PCIeDeviceCollection", "PCIe Device Collection", ids[:b.gpusShown(len(ids))])
	}})
}
