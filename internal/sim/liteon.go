package sim

// liteon is the power management controller of a Lite-On power shelf, an OpenBMC of its own (redfish.md §8): no host, one chassis
// whose only reset is PowerCycle, six supplies. The schemas are those that the recorded tree names; R113 is what it puts into them.
func liteon() *dialect {
	return &dialect{
		name: dialectLiteon, vendor: "Lite-On", server: "bmcweb", redfish: "1.9.0", rootID: "RootService", rootName: "Root Service",
		serialPrefix: "613337RXX", baseRegistry: "Base.1.15", updateRegistry: "Update.1.0",
		types: versions(`ServiceRoot.v1_11_0 Manager.v1_11_0 Chassis.v1_22_0 UpdateService.v1_11_0 SoftwareInventory.v1_4_0
			TaskService.v1_1_4 Task.v1_5_1 SessionService.v1_0_2 Session.v1_5_0 AccountService.v1_10_0 ManagerAccount.v1_4_0 Role.v1_2_2
			EventService.v1_5_0 EventDestination.v1_11_2 EthernetInterface.v1_9_0 ManagerNetworkProtocol.v1_5_0
			PowerSubsystem.v1_1_0 PowerSupply.v1_5_0 PowerSupplyMetrics.v1_0_1 Sensor.v1_2_0 ActionInfo.v1_1_2
			MessageRegistryFile.v1_1_0 LogService.v1_2_0 Settings.v1_3_5`),
		sessionLimit: 64, sessionTimeoutS: 1800,
		managerID: "bmc", chassisID: "powershelf", hostID: "system",
		managerResets: []string{"GracefulRestart", "ForceRestart"}, resetInfo: true, managerLastReset: true,
		registry: &registry{},
		rows: func(b *BMC) []row {
			return []row{{comp: b.component("bmc"), id: "pmc", name: "Software Inventory", version: b.version("bmc")}}
		},
	}
}
