package sim

import "fmt"

// supermicro is the X13 generation: GPUs only as PCIe devices, values of BIOS attributes are display names, one push with
// PreserveNVRAM.
func supermicro() *dialect {
	const upd = "/redfish/v1/UpdateService"
	return &dialect{
		name: dialectSupermicro, vendor: "Supermicro", server: "ATEN", redfish: "1.11.0", rootID: "ServiceRoot",
		rootName: "Root Service", oem: "Supermicro", serialPrefix: "S8899",
		baseRegistry: "Base.1.10", updateRegistry: "Update.1.0",
		types: versions(`ServiceRoot.v1_9_0 ComputerSystem.v1_14_0 Manager.v1_11_0 Chassis.v1_14_0 Processor.v1_10_0 Bios.v1_1_1
			BootOption.v1_0_4 VirtualMedia.v1_4_1 UpdateService.v1_8_4 SoftwareInventory.v1_3_0 TaskService.v1_1_5 Task.v1_4_3
			ManagerNetworkProtocol.v1_6_2 HostInterface.v1_3_0
			CertificateService.v1_0_3 CertificateLocations.v1_0_2 Certificate.v1_5_0
			SessionService.v1_1_7 Session.v1_3_0 AccountService.v1_7_2 ManagerAccount.v1_8_0 Role.v1_2_5 EventService.v1_7_0
			EventDestination.v1_9_0 Storage.v1_9_0 StorageController.v1_0_0 Drive.v1_11_1 Volume.v1_5_0 NetworkAdapter.v1_5_0
			Port.v1_4_0 EthernetInterface.v1_6_3 PCIeDevice.v1_5_0 Power.v1_6_1 Thermal.v1_6_2 LogService.v1_2_0
			MessageRegistryFile.v1_1_3 AttributeRegistry.v1_3_0 ActionInfo.v1_1_2 SecureBoot.v1_1_0 NetworkDeviceFunction.v1_5_0 Settings.v1_0_4 Memory.v1_11_0`),
		etag: tagForm{inBody: true}, expandLevels: 2, expandLinks: true, saysSuccess: true,
		sessionLimit: 8, sessionTimeoutS: 300, lockoutThreshold: 3, lockoutS: 30,
		hostID: "1", managerID: "1", chassisID: "1",
		resets:        []string{"On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "Nmi", "ForceOn", "PowerCycle"},
		managerResets: []string{"GracefulRestart"}, resetInfo: true, inlineResets: false,
		bootProgress: true, managerLastReset: true,
		biosID: "Bios", settingsID: "SD", registryName: "BiosAttributeRegistry.v1_0_0", registryMember: "BiosAttributeRegistry",
		registryURI: "/registries/BiosAttributeRegistry.1.0.0.json", noPendingAttr: true, pendingDies: true,
		registry:      supermicroRegistry(),
		overrides:     []string{"None", "Pxe", "Floppy", "Cd", "Usb", "Hdd", "BiosSetup", "UsbCd", "UefiBootNext", "UefiHttp"},
		overrideModes: true,
		slots: []slotSpec{{"VirtualMedia1", []string{"CD", "DVD", "USBStick"}}, {"VirtualMedia2", []string{"CD", "DVD", "USBStick"}},
			{"VirtualMedia3", []string{"CD", "DVD", "USBStick"}}},
		mediaHome: []string{"manager"}, mediaByAct: true, ejectHidden: true,
		update: updateSpec{
			multipart: upd + "/upload", simple: upd + "/Actions/UpdateService.SimpleUpdate", simpleInfo: upd + "/SimpleUpdateActionInfo",
			startUpdate: upd + "/Actions/UpdateService.StartUpdate",
			targets: map[string][]string{
				"bmc": {"/redfish/v1/Managers/1"}, "bios": {"/redfish/v1/Systems/1/Bios"},
			},
			applyTimes:    []string{"Immediate", "OnReset", "OnStartUpdateRequest"},
			preserveNVRAM: true, startOnRequest: true, handle: "location", taskSeries: 1,
		},
		gpus: gpuStyle{place: "pcie", format: "GPU%d", first: 1, model: true},
		storage: storageSpec{raidID: "HBA0", directID: "NVMeSSD", driveHome: "chassis", driveFormat: "Disk.Bay.%d", apply: "task",
			controllers: true},
		power: powerSpec{legacy: true},
		rows:  supermicroRows,
	}
}

func supermicroRows(b *BMC) []row {
	var out []row
	for _, c := range b.comps {
		switch c.name {
		case "bmc", "bios":
			id, name, rel := "BMC", "BMC", b.dia.manager()
			if c.name == "bios" {
				id, name, rel = "BIOS", "BIOS", b.dia.biosURI()
			}
			staging := c.version
			if c.staged != "" {
				staging = c.staged
			}
			out = append(out, row{comp: c, id: id, name: name, version: b.shownVersion(c), related: rel},
				row{comp: c, id: "Staging_" + id, name: name + " Staging", version: staging, related: rel, fixed: true},
				row{comp: c, id: "Backup_" + id, name: name + " Backup", version: c.factory, related: rel, fixed: true})
		case "nic":
			for i := range b.nics() {
				id := fmt.Sprintf("NIC%d", i+1)
				out = append(out, row{comp: c, id: id, name: id, version: b.shownVersion(c), related: b.adapterURI(i)})
			}
		case "hgx":
			for i := range b.gpuCount() {
				id := fmt.Sprintf("HGX_FW_GPU_SXM_%d", i+1)
				out = append(out, row{comp: c, id: id, name: id, version: b.shownVersion(c), soft: "0x0020", related: b.gpuURI(i)})
			}
		default:
			out = append(out, row{comp: c, id: c.name, name: c.name, version: b.shownVersion(c), related: b.dia.chassis()})
		}
	}
	return out
}
