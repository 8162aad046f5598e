package sim

import "fmt"

// xcc is Lenovo's XClarity Controller: media slots without actions, a full copy as pending settings, rows named …-Pending.
func xcc() *dialect {
	const sys = "/redfish/v1/Systems/1"
	const upd = "/redfish/v1/UpdateService"
	var slots []slotSpec
	for _, id := range []string{"EXT1", "EXT2", "EXT3", "EXT4", "RDOC1", "RDOC2", "Remote1", "Remote2", "Remote3", "Remote4"} {
		slots = append(slots, slotSpec{id, []string{"CD", "DVD", "USBStick"}})
	}
	return &dialect{
		name: dialectXCC, vendor: "Lenovo", server: "XCC", redfish: "1.15.0", rootID: "RootService", rootName: "Root Service",
		oem: "Lenovo", serialPrefix: "J1059", baseRegistry: "Base.1.12", updateRegistry: "Update.1.0",
		types: versions(`ServiceRoot.v1_13_0 ComputerSystem.v1_17_0 Manager.v1_14_0 Chassis.v1_19_0 Processor.v1_14_0 Bios.v1_2_0
			BootOption.v1_0_4 VirtualMedia.v1_5_1 UpdateService.v1_11_0 SoftwareInventory.v1_5_0 TaskService.v1_2_0 Task.v1_5_1
			ManagerNetworkProtocol.v1_8_0 HostInterface.v1_3_0
			CertificateService.v1_0_4 CertificateLocations.v1_0_2 Certificate.v1_5_0 Control.v1_1_0
			SessionService.v1_1_8 Session.v1_3_0 AccountService.v1_10_0 ManagerAccount.v1_8_1 Role.v1_3_1
			EventService.v1_7_2 EventDestination.v1_11_2 Storage.v1_12_0 Drive.v1_14_0 Volume.v1_6_2 NetworkAdapter.v1_9_0
			Port.v1_6_0 EthernetInterface.v1_8_0 PCIeDevice.v1_9_0 Power.v1_7_1 Thermal.v1_7_1 PowerSubsystem.v1_1_0
			PowerSupply.v1_3_0 LogService.v1_3_0 MessageRegistryFile.v1_1_3 AttributeRegistry.v1_3_6 ActionInfo.v1_1_2
			SecureBoot.v1_1_0 NetworkDeviceFunction.v1_8_0 Settings.v1_3_4 Memory.v1_14_0`),
		etag: tagForm{inBody: true}, expandLevels: 2, expandLinks: true, saysSuccess: true,
		sessionLimit: 8, sessionTimeoutS: 300,
		hostID: "1", managerID: "1", chassisID: "1",
		resets:        []string{"On", "Nmi", "GracefulShutdown", "GracefulRestart", "ForceOn", "ForceOff", "ForceRestart"},
		managerResets: []string{"GracefulRestart", "ForceRestart"}, inlineResets: true, resetInfo: true,
		auxAction: auxVerb{uri: sys + "/Actions/Oem/LenovoComputerSystem.SystemReset", key: "#LenovoComputerSystem.SystemReset",
			value: "ACPowerCycle"},
		biosID: "Bios", settingsID: "Pending", registryName: "BiosAttributeRegistry.1.0.0",
		registryMember: "BiosAttributeRegistry.1.0.0", registryURI: "/redfish/v1/schemas/registries/BiosAttributeRegistry.1.0.0.json",
		fullPending: true, applyTimes: []string{"OnReset"}, registry: xccRegistry(),
		bootSettings: "Pending",
		overrides:    []string{"None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "Diags", "UefiTarget"}, overrideModes: true,
		slots: slots, mediaHome: []string{"manager", "system"},
		update: updateSpec{multipart: "/mfwupdate", push: "/fwupdate", simple: upd + "/Actions/UpdateService.SimpleUpdate",
			simpleInfo: upd + "/SimpleUpdateActionInfo", maxBytes: 250000000, handle: "monitor", taskSeries: 1,
			targets: map[string][]string{"bmc": {"/redfish/v1/UpdateService/FirmwareInventory/BMC-Backup"}}},
		gpus: gpuStyle{place: "processor", format: "GPU%d", first: 1, pcieName: true},
		storage: storageSpec{raidID: "M.2", directID: "Direct_Attached_NVMe", driveHome: "storage", driveFormat: "Drive.Bay_%d",
			apply: "immediate"},
		power: powerSpec{subsystem: true, legacy: true},
		rows:  xccRows,
	}
}

func xccRows(b *BMC) []row {
	var out []row
	for _, c := range b.comps {
		pending := func(id, name, rel string) {
			r := row{comp: c, id: id + "-Pending", name: name, version: c.staged, related: rel, fixed: true, empty: c.staged == ""}
			if c.staged == "" {
				r.state = "Disabled"
			}
			out = append(out, r)
		}
		switch c.name {
		case "bmc":
			out = append(out, row{comp: c, id: "BMC-Primary", name: "Firmware:BMC", version: c.version, soft: "BMC-TGBT-10", related: b.dia.manager()},
				row{comp: c, id: "BMC-Backup", name: "Firmware:BMC", version: c.factory, soft: "BMC-TGBT-10", related: b.dia.manager(), fixed: true})
			pending("BMC-Primary", "Firmware:BMC", b.dia.manager())
		case "bios":
			out = append(out, row{comp: c, id: "UEFI", name: "Firmware:UEFI", version: c.version, soft: "UEFI-U8E1-6", related: b.dia.biosURI()})
			pending("UEFI", "Firmware:UEFI", b.dia.biosURI())
		case "nic":
			for i, n := range b.nics() {
				out = append(out, row{comp: c, id: fmt.Sprintf("Slot_%d.1", i+1), name: "Firmware:" + n.Model, version: c.version, related: b.adapterURI(i)})
			}
		default:
			out = append(out, row{comp: c, id: c.name, name: "Firmware:" + c.name, version: c.version, related: b.dia.chassis()})
		}
	}
	return out
}
