package sim

import "fmt"

// openbmc is the OpenBMC of a GB200 compute tray: no SimpleUpdate, no registry named by Bios, leak detectors, and an aux cycle
// that wants the host off first.
func openbmc() *dialect {
	const upd = "/redfish/v1/UpdateService"
	const bmc = "/redfish/v1/Chassis/BMC_0"
	return &dialect{
		name: dialectOpenBMC, vendor: "NVIDIA", product: "GB200 NVL", server: "bmcweb", redfish: "1.17.0",
		rootID: "RootService", rootName: "Root Service", oem: "Nvidia", serialPrefix: "13330",
		baseRegistry: "Base.1.15", updateRegistry: "Update.1.0",
		types: versions(`ServiceRoot.v1_15_0 ComputerSystem.v1_22_0 Manager.v1_14_0 Chassis.v1_22_0 Processor.v1_20_0 Bios.v1_2_0
			BootOption.v1_0_4 VirtualMedia.v1_3_0 UpdateService.v1_11_0 SoftwareInventory.v1_4_0 TaskService.v1_1_4 Task.v1_5_1
			ManagerNetworkProtocol.v1_5_0 HostInterface.v1_3_0
			CertificateService.v1_0_0 CertificateLocations.v1_0_0 Certificate.v1_0_0
			SessionService.v1_0_2 Session.v1_7_0 AccountService.v1_15_0 ManagerAccount.v1_7_0 Role.v1_2_2 EventService.v1_7_2
			EventDestination.v1_11_2 Storage.v1_13_0 StorageController.v1_6_0 Drive.v1_18_0 Volume.v1_6_2 NetworkAdapter.v1_9_0
			Port.v1_6_0 EthernetInterface.v1_9_0 PowerSubsystem.v1_1_0 PowerSupply.v1_3_0 ThermalSubsystem.v1_3_0
			LeakDetection.v1_0_0 LeakDetector.v1_1_0 LogService.v1_2_0 MessageRegistryFile.v1_1_0 AttributeRegistry.v1_3_2
			ActionInfo.v1_1_2 SecureBoot.v1_1_0 Settings.v1_3_5 Memory.v1_20_0 PCIeDevice.v1_9_0`),
		expandLevels: 6, expandLinks: true,
		sessionLimit: 64, sessionTimeoutS: 1800,
		hostID: "System_0", managerID: "BMC_0", chassisID: "BMC_0", baseboard: "HGX_Baseboard_0",
		resets:        []string{"On", "ForceOff", "ForceOn", "ForceRestart", "GracefulRestart", "GracefulShutdown", "PowerCycle", "Nmi"},
		managerResets: []string{"GracefulRestart", "ForceRestart"}, resetInfo: true,
		bootProgress: true, lastReset: true, managerLastReset: true,
		auxAction: auxVerb{uri: bmc + "/Actions/Oem/NvidiaChassis.AuxPowerReset", key: "#NvidiaChassis.AuxPowerReset",
			value: "AuxPowerCycle", info: bmc + "/Oem/Nvidia/AuxPowerResetActionInfo", needsOff: true},
		biosID: "Bios", settingsID: "Settings", registryMember: "BiosAttributeRegistry",
		registryURI:  "/redfish/v1/Registries/BiosAttributeRegistry/BiosAttributeRegistry",
		registry:     openbmcRegistry(),
		bootSettings: "Settings",
		overrides:    []string{"None", "Pxe", "Hdd", "Cd", "Diags", "BiosSetup", "Usb"},
		slots:        []slotSpec{{"USB1", []string{"CD", "USBStick"}}, {"USB2", []string{"CD", "USBStick"}}},
		mediaHome:    []string{"manager"}, mediaByAct: true,
		update: updateSpec{multipart: upd + "/update-multipart", push: upd + "/update", applyTimes: []string{"Immediate"},
			maxBytes: 209715200, handle: "monitor", stageImmediately: true,
			targets: map[string][]string{"bmc": {bmc}, "bios": {"/redfish/v1/Chassis/HGX_Chassis_0"}, "hgx": {"/redfish/v1/Chassis/HGX_Chassis_0"}}},
		gpus: gpuStyle{place: "baseboard", format: "GPU_%d", first: 0},
		storage: storageSpec{raidID: "2", directID: "1", driveHome: "both", driveFormat: "2%02d",
			controllers: true, erase: eraseByInfo},
		power: powerSpec{subsystem: true},
		leaks: 4,
		rows:  openbmcRows,
	}
}

func openbmcRows(b *BMC) []row {
	var out []row
	_, cpus := b.cpus()
	for _, c := range b.comps {
		switch c.name {
		case "bmc":
			out = append(out, row{comp: c, id: "FW_BMC_0", name: "Software Inventory", version: c.version, soft: "0x0010",
				related: "/redfish/v1/Chassis/BMC_0"})
		case "bios":
			for i := range cpus {
				out = append(out, row{comp: c, id: fmt.Sprintf("HGX_FW_CPU_%d", i), name: "Software Inventory", version: c.version, soft: "0x0038"})
			}
		case "nic":
			for i := range b.nics() {
				out = append(out, row{comp: c, id: fmt.Sprintf("NIC_%d", i), name: "Software Inventory", version: c.version})
			}
		case "hgx":
			for i := range b.gpuCount() {
				out = append(out, row{comp: c, id: fmt.Sprintf("HGX_FW_GPU_%d", i), name: "Software Inventory", version: c.version, soft: "0xC000"})
			}
		default:
			out = append(out, row{comp: c, id: "FW_" + c.name + "_0", name: "Software Inventory", version: c.version})
		}
	}
	return out
}
