package sim

import "fmt"

// ilo is HPE's iLO 6: no multipart, numbers for firmware rows, a full copy as pending settings, volumes made at once.
func ilo() *dialect {
	const sys = "/redfish/v1/Systems/1"
	const upd = "/redfish/v1/UpdateService"
	return &dialect{
		name: dialectILO, vendor: "HPE", product: "ProLiant DL380a Gen11", server: "HPE-iLO-Server/1.30", redfish: "1.20.0",
		rootID: "RootService", rootName: "HPE RESTful Root Service", oem: "Hpe", serialPrefix: "2M2D2J0",
		baseRegistry: "Base.1.18", updateRegistry: "Update.1.0",
		types: versions(`ServiceRoot.v1_13_0 ComputerSystem.v1_18_0 Manager.v1_19_1 Chassis.v1_25_1 Processor.v1_8_2 Bios.v1_0_4
			BootOption.v1_0_1 VirtualMedia.v1_3_0 UpdateService.v1_2_1 SoftwareInventory.v1_12_0 TaskService.v1_1_1 Task.v1_5_1
			ManagerNetworkProtocol.v1_0_0 HostInterface.v1_1_1
			CertificateService.v1_0_3 CertificateLocations.v1_0_2
			SessionService.v1_0_0 Session.v1_0_0 AccountService.v1_15_0 ManagerAccount.v1_12_1 Role.v1_2_1 EventService.v1_7_2
			EventDestination.v1_10_1 Storage.v1_15_0 StorageController.v1_7_0 Drive.v1_17_0 Volume.v1_9_0 NetworkAdapter.v1_9_0
			Port.v1_6_0 EthernetInterface.v1_12_1 Power.v1_7_1 Thermal.v1_7_1 PowerSubsystem.v1_1_2 PowerSupply.v1_6_0
			LogService.v1_1_0 MessageRegistryFile.v1_0_4 MessageRegistry.v1_4_0 AttributeRegistry.v1_2_1 SecureBoot.v1_1_0 NetworkDeviceFunction.v1_8_0 Settings.v1_0_0 Memory.v1_14_0
			PCIeDevice.v1_5_0`),
		etag: tagForm{inBody: true, weak: true}, foldCase: true, saysSuccess: true, expandLevels: 1,
		sessionLimit: 8, sessionTimeoutS: 30,
		hostID: "1", managerID: "1", chassisID: "1",
		resets:        []string{"On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "PushPowerButton", "GracefulRestart"},
		managerResets: []string{"ForceRestart", "GracefulRestart"}, inlineResets: true, bootProgress: true,
		auxAction: auxVerb{uri: sys + "/Actions/Oem/Hpe/HpeComputerSystemExt.SystemReset", key: "#HpeComputerSystemExt.SystemReset",
			value: "AuxCycle"},
		biosID: "bios", settingsID: "settings", registryName: "BiosAttributeRegistryU58.v1_2_44",
		registryMember: "BiosAttributeRegistryU58.v1_2_44",
		registryURI:    "/redfish/v1/registrystore/registries/en/biosattributeregistryu58.v1_2_44", fullPending: true,
		registry: iloRegistry(),
		overrides: []string{"None", "Cd", "Hdd", "Usb", "SDCard", "Utilities", "Diags", "BiosSetup", "Pxe", "UefiShell", "UefiHttp",
			"UefiTarget"},
		overrideModes: true,
		slots:         []slotSpec{{"1", []string{"Floppy", "USBStick"}}, {"2", []string{"CD", "DVD"}}},
		mediaHome:     []string{"manager"}, mediaByAct: true,
		update: updateSpec{push: "/cgi-bin/uploadFile", simple: upd + "/Actions/UpdateService.SimpleUpdate", handle: "body",
			taskSeries: 1, stageImmediately: true},
		gpus: gpuStyle{place: "processor", format: "%d", first: 3, partModel: true},
		storage: storageSpec{raidID: "DE00B000", directID: "DE00A000", driveHome: "chassis", driveFormat: "%d", apply: "immediate",
			capabilities: true, controllers: true, erase: eraseUnsaid},
		power: powerSpec{subsystem: true, legacy: true},
		rows:  iloRows,
	}
}

func iloRows(b *BMC) []row {
	var out []row
	add := func(c *component, name, related string) {
		out = append(out, row{comp: c, id: fmt.Sprint(len(out) + 1), name: name, version: b.shownVersion(c), staged: c.staged != "",
			related: related})
	}
	for _, c := range b.comps {
		switch c.name {
		case "bmc":
			add(c, "iLO 6", b.dia.manager())
		case "bios":
			add(c, "System ROM", b.dia.biosURI())
			out = append(out, row{comp: c, id: fmt.Sprint(len(out) + 1), name: "Redundant System ROM", version: c.factory, fixed: true})
		case "nic":
			for range b.nics() {
				name := "Mellanox/ConnectX Network Adapter"
				if b.bluefield() {
					name = "BlueField-3 DPU"
				}
				add(c, name, b.dia.chassis())
			}
		default:
			add(c, c.name, b.dia.chassis())
		}
	}
	return out
}
