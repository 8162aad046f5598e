package sim

import "fmt"

// idrac is Dell's iDRAC9: jobs beside tasks, settings that are jobs, firmware rows whose id holds their version.
func idrac() *dialect {
	const sys = "/redfish/v1/Systems/System.Embedded.1"
	const upd = "/redfish/v1/UpdateService"
	return &dialect{
		name: dialectIDRAC, vendor: "Dell", product: "Integrated Dell Remote Access Controller", server: "iDRAC/9",
		redfish: "1.13.1", rootID: "RootService", rootName: "Root Service", oem: "Dell", serialPrefix: "CNIVC00",
		baseRegistry: "Base.1.12", updateRegistry: "Update.1.0",
		types: versions(`ServiceRoot.v1_10_0 ComputerSystem.v1_16_0 Manager.v1_12_0 Chassis.v1_16_0 Processor.v1_12_0 Bios.v1_2_0
			BootOption.v1_0_4 VirtualMedia.v1_4_0 UpdateService.v1_9_0 SoftwareInventory.v1_12_0 TaskService.v1_2_0 Task.v1_5_1
			JobService.v1_0_4 Job.v1_0_7 ManagerNetworkProtocol.v1_7_0 HostInterface.v1_3_0
			CertificateService.v1_0_4 CertificateLocations.v1_0_2 Certificate.v1_3_0
			SessionService.v1_1_8 Session.v1_3_0 AccountService.v1_9_0 ManagerAccount.v1_8_0 Role.v1_3_1
			EventService.v1_7_1 EventDestination.v1_10_1 Storage.v1_10_1 Drive.v1_12_1 Volume.v1_6_2 NetworkAdapter.v1_7_0
			NetworkPort.v1_4_1 EthernetInterface.v1_6_4 Power.v1_7_1 Thermal.v1_7_1 PowerSubsystem.v1_0_0 PowerSupply.v1_1_0
			LogService.v1_2_0 MessageRegistryFile.v1_1_3 MessageRegistry.v1_4_0 AttributeRegistry.v1_3_6 SecureBoot.v1_1_0 NetworkDeviceFunction.v1_7_0 Settings.v1_3_3
			Memory.v1_12_0 StorageController.v1_2_0`),
		etag: tagForm{}, expandLevels: 1, expandLinks: true, pageSize: 50,
		sessionLimit: 8, sessionTimeoutS: 1800,
		hostID: "System.Embedded.1", managerID: "iDRAC.Embedded.1", chassisID: "System.Embedded.1",
		resets:        []string{"On", "ForceOff", "ForceRestart", "GracefulRestart", "GracefulShutdown", "PushPowerButton", "Nmi", "PowerCycle"},
		managerResets: []string{"GracefulRestart"}, inlineResets: true,
		lastReset: true, managerLastReset: true, bootProgress: true,
		biosID: "Bios", settingsID: "Settings", registryName: "BiosAttributeRegistry.v1_0_3",
		registryMember: "BiosAttributeRegistry.v1_0_0", registryURI: sys + "/Bios/BiosRegistry",
		applyTimes:  []string{"OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset"},
		settingsJob: true, registry: idracRegistry(),
		overrides:     []string{"None", "Pxe", "Floppy", "Cd", "Hdd", "BiosSetup", "Utilities", "UefiTarget", "SDCard", "UefiHttp"},
		overrideModes: true,
		slots:         []slotSpec{{"CD", []string{"CD", "DVD"}}, {"RemovableDisk", []string{"USBStick"}}},
		mediaHome:     []string{"manager"}, mediaByAct: true,
		update: updateSpec{
			multipart: upd + "/MultipartUpload", push: upd + "/FirmwareInventory",
			simple:      upd + "/Actions/UpdateService.SimpleUpdate",
			startUpdate: upd + "/Actions/UpdateService.StartUpdate",
			applyTimes:  []string{"Immediate", "OnReset", "OnStartUpdateRequest"}, lengthRequired: true, handle: "location",
		},
		gpus: gpuStyle{place: "processor", format: "Video.Slot.%d-1", first: 2, model: true},
		storage: storageSpec{raidID: "RAID.SL.3-1", directID: "CPU.1", driveHome: "storage",
			driveFormat: "Disk.Bay.%d:Enclosure.Internal.0-1", direct: true, erase: eraseByVendor, apply: "job", applyTimes: []string{"Immediate", "OnReset"}},
		power: powerSpec{subsystem: true, legacy: true},
		rows:  idracRows,
	}
}

// idracRows shows Installed, Previous and Current rows; the version is part of the id (redfish.md §5.2).
func idracRows(b *BMC) []row {
	var out []row
	for _, c := range b.comps {
		id, fqdd, name := "0", c.name+".Embedded.1-1", c.name
		switch c.name {
		case "bmc":
			id, fqdd, name = "25227", "iDRAC.Embedded.1-1", "Integrated Dell Remote Access Controller"
		case "bios":
			id, fqdd, name = "159", "BIOS.Setup.1-1", "BIOS"
		case "nic":
			for i, n := range b.nics() {
				fq := fmt.Sprintf("NIC.Slot.%d-1-1", i+3)
				r := row{comp: c, soft: "0", name: n.Model + " - " + b.mac(10+i), related: b.dia.chassis()}
				r.id, r.version = "Installed-0-"+c.version+"__"+fq, c.version
				r.staged = c.staged != ""
				out = append(out, r)
			}
			continue
		}
		r := row{comp: c, soft: id, name: name, related: b.dia.sys()}
		r.id, r.version, r.staged = "Installed-"+id+"-"+c.version+"__"+fqdd, c.version, c.staged != ""
		out = append(out, r)
		if c.name == "bios" {
			cur := r
			cur.id, cur.fixed = "Current-"+id+"-"+c.version+"__"+fqdd, true
			out = append(out, cur)
		}
		if c.previous != "" {
			prev := r
			prev.id, prev.version, prev.fixed = "Previous-"+id+"-"+c.previous+"__"+fqdd, c.previous, true
			prev.staged = false
			out = append(out, prev)
		}
	}
	return out
}
