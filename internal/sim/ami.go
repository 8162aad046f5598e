package sim

import "fmt"

// ami is the AMI BMC of a DGX H100: GPUs in a baseboard System, clock seconds as ETags, resets that are tasks, no media slots.
func ami() *dialect {
	const upd = "/redfish/v1/UpdateService"
	return &dialect{
		name: dialectAMI, vendor: "AMI", product: "AMI Redfish Server", server: "AMI MegaRAC Redfish Service", redfish: "1.11.0",
		rootID: "RootService", rootName: "Root Service", oem: "Ami", serialPrefix: "16631",
		baseRegistry: "Base.1.12", updateRegistry: "Update.1.0",
		types: versions(`ServiceRoot.v1_13_0 ComputerSystem.v1_17_0 Manager.v1_14_0 Chassis.v1_15_0 Processor.v1_13_0 Bios.v1_1_0
			BootOption.v1_0_3 VirtualMedia.v1_4_1 UpdateService.v1_11_0 SoftwareInventory.v1_2_3 TaskService.v1_1_4 Task.v1_4_2
			ManagerNetworkProtocol.v1_5_0 HostInterface.v1_3_0
			CertificateService.v1_0_2 CertificateLocations.v1_0_2 Certificate.v1_2_1
			SessionService.v1_1_6 Session.v1_2_1 AccountService.v1_8_0 ManagerAccount.v1_5_0 Role.v1_3_0 EventService.v1_5_0
			EventDestination.v1_9_0 Storage.v1_9_0 Drive.v1_11_0 Volume.v1_5_0 NetworkAdapter.v1_5_0 Port.v1_4_0
			EthernetInterface.v1_6_2 PCIeDevice.v1_4_0 Power.v1_5_4 Thermal.v1_5_3 PowerSubsystem.v1_1_0 PowerSupply.v1_3_0
			LogService.v1_2_0 MessageRegistryFile.v1_1_3 AttributeRegistry.v1_3_1 ActionInfo.v1_1_2 SecureBoot.v1_1_0 NetworkDeviceFunction.v1_5_0
			Settings.v1_2_2 Memory.v1_8_0`),
		etag: tagForm{inBody: true, clock: true}, expandLevels: 5, expandLinks: true, pageSize: 12, pageOverlap: true,
		sessionLimit: 8, sessionTimeoutS: 30, lockoutThreshold: 5, lockoutS: 30,
		hostID: "DGX", managerID: "BMC", chassisID: "DGX", baseboard: "HGX_Baseboard_0",
		resets:        []string{"ForceOff", "ForceRestart", "GracefulShutdown", "On"},
		managerResets: []string{"ForceRestart"}, resetInfo: true, resetTask: true, lastReset: true,
		biosID: "Bios", settingsID: "SD", registryName: "BiosAttributeRegistry113.1.1.3",
		registryMember: "BiosAttributeRegistry113.1.1.3",
		registryURI:    "/redfish/v1/Registries/BiosAttributeRegistry113.en-US.1.1.3.json", fullPending: true, pendingDies: true,
		registry:     amiRegistry(),
		bootSettings: "SD", hiddenTargets: true, overrideModes: true,
		overrides: []string{"None", "Pxe", "Floppy", "Cd", "Usb", "Hdd", "BiosSetup", "Utilities", "Diags", "UefiShell", "UefiTarget",
			"SDCard", "UefiHttp", "RemoteDrive", "UefiBootNext"},
		mediaHome: []string{"manager"}, mediaByAct: true,
		update: updateSpec{multipart: upd + "/upload", simple: upd + "/Actions/SimpleUpdate", maxBytes: 419627008, handle: "location",
			taskSeries: 1, stageImmediately: true,
			targets: map[string][]string{"hgx": {upd + "/FirmwareInventory/HGX_0"}}},
		gpus: gpuStyle{place: "baseboard", format: "GPU_SXM_%d", first: 1, model: true},
		storage: storageSpec{raidID: "StorageUnit_1", directID: "StorageUnit_0", driveHome: "storage",
			driveFormat: "NVMe_Device%d_NSID1"},
		power: powerSpec{subsystem: true, legacy: true},
		rows:  amiRows,
	}
}

func amiRows(b *BMC) []row {
	var out []row
	for _, c := range b.comps {
		switch c.name {
		case "bmc":
			out = append(out, row{comp: c, id: "HostBMC_0", name: "HostBMC_0", version: c.version})
		case "bios":
			out = append(out, row{comp: c, id: "HostBIOS_0", name: "HostBIOS_0", version: c.version})
		case "nic":
			for i := range b.nics() {
				id := fmt.Sprintf("NIC_%d", i)
				out = append(out, row{comp: c, id: id, name: id, version: c.version})
			}
		case "hgx":
			for i := range b.gpuCount() {
				id := fmt.Sprintf("HGX_FW_GPU_SXM_%d", i+1)
				out = append(out, row{comp: c, id: id, name: id, version: c.version})
			}
		default:
			out = append(out, row{comp: c, id: c.name + "_0", name: c.name + "_0", version: c.version})
		}
	}
	for i := range b.gpuCount() {
		id := fmt.Sprintf("HGX_InfoROM_GPU_SXM_%d", i+1)
		out = append(out, row{id: id, name: id, version: "G520.0200.00.05", fixed: true})
	}
	return out
}
