package sim

// The registries. Names, types and values are those of real machines; some twenty out of hundreds each, chosen for what an AI
// node wants and for their dependencies.

func idracRegistry() *registry {
	return newRegistry(registry{id: "BiosAttributeRegistry.v1_0_3", name: "BIOS Attribute Registry", owner: "Dell", version: "1.0.0",
		language: "en", resetRequired: true}, `
		!SystemModelName; S; 40;
		!SystemBiosVersion; S; 48;
		!SystemServiceTag; S; 7;
		BootMode; E; Bios|Uefi; Uefi
		LogicalProc; E; Enabled|Disabled; Enabled
		ProcVirtualization; E; Enabled|Disabled; Enabled
		ProcX2Apic; E; Enabled|Disabled; Enabled
		KernelDmaProtection; E; Enabled|Disabled; Disabled
		SriovGlobalEnable; E; Enabled|Disabled; Disabled
		SubNumaCluster; E; 2-Way|Disabled; Disabled
		NodeInterleave; E; Enabled|Disabled; Disabled
		MmioAbove4Gb; E; Enabled|Disabled; Enabled
		LlcPrefetch; E; Enabled|Disabled; Enabled
		SecureBoot; E; Enabled|Disabled; Disabled
		SecureBootMode; E; UserMode|DeployedMode; DeployedMode
		SysProfile; E; PerfPerWattOptimizedDapc|PerfPerWattOptimizedOs|PerfOptimized|Custom; PerfPerWattOptimizedDapc
		WorkloadProfile; E; NotConfigured|HpcProfile|LowLatencyOptimizedProfile|VtOptimizedProfile; NotConfigured
		ProcPwrPerf; E; SysDbpm|OsDbpm|MaxPerf; SysDbpm
		ProcTurboMode; E; Enabled|Disabled; Enabled
		ProcC1E; E; Enabled|Disabled; Enabled
		ProcCStates; E; Enabled|Disabled|Autonomous; Enabled
		ControlledTurbo; E; Enabled|Disabled; Disabled
		ControlledTurboMinusBin; I; 0..12; 0
		AcPwrRcvry; E; Last|On|Off; Last
		AcPwrRcvryUserDelay; I; 120..600; 120
		ErrPrompt; E; Enabled|Disabled; Enabled
		AssetTag; S; 63;
		SgxEpoch0; I; 0..18446744073709551615; 0
		TpmSecurity; E; Off|On; On
		~Tpm2Hierarchy; E; Enabled|Disabled|Clear; Enabled
		PowerCycleRequest; E; None|FullPowerCycle; None
		SetupPassword; P; 32;
	`, `
		KernelDmaProtection; CurrentValue; Disabled; ProcVirtualization == Disabled
		KernelDmaProtection; ReadOnly; true; ProcVirtualization == Disabled
		ProcX2Apic; CurrentValue; Disabled; ProcVirtualization == Disabled
		ProcX2Apic; ReadOnly; true; ProcVirtualization == Disabled
		SubNumaCluster; CurrentValue; Disabled; NodeInterleave == Enabled
		SubNumaCluster; ReadOnly; true; NodeInterleave == Enabled
		NodeInterleave; ReadOnly; true; SubNumaCluster == 2-Way
		ProcPwrPerf; CurrentValue; SysDbpm; SysProfile == PerfPerWattOptimizedDapc
		ProcPwrPerf; CurrentValue; OsDbpm; SysProfile == PerfPerWattOptimizedOs
		ProcPwrPerf; CurrentValue; MaxPerf; SysProfile == PerfOptimized
		ProcPwrPerf; ReadOnly; true; SysProfile != Custom
		ProcTurboMode; CurrentValue; Enabled; SysProfile == PerfPerWattOptimizedDapc | SysProfile == PerfPerWattOptimizedOs | SysProfile == PerfOptimized
		ProcTurboMode; ReadOnly; true; SysProfile != Custom
		ProcC1E; CurrentValue; Enabled; SysProfile == PerfPerWattOptimizedDapc | SysProfile == PerfPerWattOptimizedOs
		ProcC1E; CurrentValue; Disabled; SysProfile == PerfOptimized
		ProcC1E; ReadOnly; true; SysProfile != Custom
		ProcCStates; CurrentValue; Enabled; SysProfile == PerfPerWattOptimizedDapc | SysProfile == PerfPerWattOptimizedOs
		ProcCStates; CurrentValue; Disabled; SysProfile == PerfOptimized
		ProcCStates; ReadOnly; true; SysProfile != Custom
		ControlledTurbo; CurrentValue; Disabled; ProcTurboMode == Disabled | ProcPwrPerf == SysDbpm | ProcPwrPerf == OsDbpm
		ControlledTurbo; ReadOnly; true; ProcPwrPerf != MaxPerf | ProcTurboMode == Disabled
		ControlledTurboMinusBin; ReadOnly; true; ControlledTurbo == Disabled | ControlledTurbo == Custom
	`, "")
}

func iloRegistry() *registry {
	return newRegistry(registry{id: "BiosAttributeRegistryU58.v1_2_44", name: "U58 BIOS Attribute Registry", owner: "HPE",
		version: "1.2.44", language: "en"}, `
		WorkloadProfile; E; GeneralPowerEfficientCompute|GeneralPeakFrequencyCompute|GeneralThroughputCompute|Virtualization-MaxPerformance|LowLatency|HighPerformanceCompute(HPC)|GraphicProcessing|I/OThroughput|Custom; GeneralPowerEfficientCompute
		ProcHyperthreading; E; Enabled|Disabled; Enabled
		ProcVirtualization; E; Enabled|Disabled; Enabled
		IntelProcVtd; E; Enabled|Disabled; Enabled
		Sriov; E; Enabled|Disabled; Enabled
		AccessControlService; E; Enabled|Disabled; Enabled
		PowerRegulator; E; DynamicPowerSavings|StaticLowPower|StaticHighPerf|OsControl; DynamicPowerSavings
		MinProcIdlePower; E; C6|C1E|C6WithoutC1E|NoCStates; C6
		EnergyPerfBias; E; MaxPerf|BalancedPerf|BalancedPower|PowerSavingsMode; BalancedPerf
		SubNumaClustering; E; Disabled|EnableSnc2|EnableSnc4; Disabled
		NumaGroupSizeOpt; E; Flat|Clustered; Flat
		ProcTurbo; E; Disabled|Enabled; Enabled
		ProcX2Apic; E; Auto|ForceEnabled; Auto
		LlcPrefetch; E; Enabled|Disabled; Disabled
		PcieGlobalAspm; E; Enabled|Disabled; Enabled
		ThermalConfig; E; OptimalCooling|IncreasedCooling|MaxCooling; OptimalCooling
		AutoPowerOn; E; AlwaysPowerOn|AlwaysPowerOff|RestoreLastState; RestoreLastState
		PowerOnDelay; E; NoDelay|Random|Delay15Sec|Delay30Sec; NoDelay
		ServerAssetTag; S; 32;
		TpmVisibility; E; Hidden|Visible; Visible
		TPM2EndorsementDisable; E; Enabled|Disabled; Enabled
		TPM2StorageDisable; E; Enabled|Disabled; Enabled
		~Tpm2Operation; E; NoAction|Clear; NoAction
		MicrosoftSecuredCoreSupport; E; Enabled|Disabled; Disabled
	`, `
		ProcVirtualization; CurrentValue; Enabled; MicrosoftSecuredCoreSupport == Enabled
		IntelProcVtd; CurrentValue; Enabled; MicrosoftSecuredCoreSupport == Enabled
		PowerRegulator; CurrentValue; DynamicPowerSavings; WorkloadProfile == GeneralPowerEfficientCompute
		PowerRegulator; CurrentValue; StaticHighPerf; WorkloadProfile == GeneralPeakFrequencyCompute | WorkloadProfile == GeneralThroughputCompute | WorkloadProfile == Virtualization-MaxPerformance | WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC)
		PowerRegulator; ReadOnly; true; WorkloadProfile != Custom & WorkloadProfile != GraphicProcessing & WorkloadProfile != I/OThroughput
		MinProcIdlePower; CurrentValue; C6; WorkloadProfile == GeneralPowerEfficientCompute
		MinProcIdlePower; CurrentValue; NoCStates; WorkloadProfile == Virtualization-MaxPerformance | WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC)
		MinProcIdlePower; ReadOnly; true; WorkloadProfile == GeneralPowerEfficientCompute | WorkloadProfile == Virtualization-MaxPerformance | WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC)
		EnergyPerfBias; CurrentValue; BalancedPerf; WorkloadProfile == GeneralPowerEfficientCompute
		EnergyPerfBias; CurrentValue; MaxPerf; WorkloadProfile == Virtualization-MaxPerformance | WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC)
		EnergyPerfBias; ReadOnly; true; WorkloadProfile == GeneralPowerEfficientCompute | WorkloadProfile == Virtualization-MaxPerformance | WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC)
		Sriov; CurrentValue; Enabled; WorkloadProfile == Virtualization-MaxPerformance
		Sriov; CurrentValue; Disabled; WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC) | WorkloadProfile == GraphicProcessing
		Sriov; ReadOnly; true; WorkloadProfile == Virtualization-MaxPerformance | WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC) | WorkloadProfile == GraphicProcessing
		ProcVirtualization; CurrentValue; Enabled; WorkloadProfile == Virtualization-MaxPerformance
		ProcVirtualization; CurrentValue; Disabled; WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC)
		ProcVirtualization; ReadOnly; true; WorkloadProfile == Virtualization-MaxPerformance | WorkloadProfile == LowLatency | WorkloadProfile == HighPerformanceCompute(HPC)
		IntelProcVtd; CurrentValue; Disabled; WorkloadProfile == HighPerformanceCompute(HPC)
		IntelProcVtd; ReadOnly; true; WorkloadProfile == HighPerformanceCompute(HPC)
	`, "later")
}

func supermicroRegistry() *registry {
	return newRegistry(registry{id: "BiosAttributeRegistry.1_0_0", name: "BIOS Attribute Registry", owner: "Supermicro",
		version: "1.0.0", language: "en"}, `
		QuietBoot_002D; B; ; true
		Hyper_Threading_ALL__F27F; E; 0=Enable|1=Disable; Enable
		IntelVirtualizationTechnology_3C6F; E; 0=Disable|1=Enable; Enable
		IntelVTforDirectedI_O_VT_d__1E32; E; 1=Enable|0=Disable; Enable
		ExtendedAPIC_F281; E; 0=Disable|1=Enable; Enable
		LLCPrefetch_3C5A; E; 0=Disable|1=Enable; Disable
		PCIeACSCTL_1E3C; E; 0=Disable|1=Enable; Disable
		Re_SizeBARSupport_0042; E; 0=Disabled|1=Enabled; Disabled
		NUMA_003B; E; 0=Disabled|1=Enabled; Enabled
		SNC_F300; E; 15=Auto|0=Disable|2=Enable SNC2 (2-clusters)|4=Enable SNC4 (4-clusters); Auto
		TurboMode_3D06; E; 0=Disable|1=Enable; Enable
		SpeedStep_P_States__FF12; E; 0=Disable|1=Enable; Enable
		PowerTechnology_FF77; E; 0=Disable|1=Energy Efficient|2=Custom; Custom
		PowerPerformanceTuning_3CE0; E; 0=OS Controls EPB|1=BIOS Controls EPB; OS Controls EPB
		ENERGY_PERF_BIAS_CFGMode_3CE1; E; 3=Maximum Performance|0=Performance|7=Balanced Performance|8=Balanced Power|15=Power; Balanced Performance
		PackageCState_3D25; E; 0=C0/C1 state|1=C2 state|2=C6(non Retention) state|3=C6(Retention) state|7=No Limit|255=Auto; Auto
		RestoreonACPowerLoss_0035; E; 0=Power On|1=Stay Off|255=Last State; Last State
		WatchDogFunction_0033; E; 0=Disabled|1=Enabled; Disabled
		WatchDogAction_0034; E; 0=Reset|1=NMI; Reset
		Above4GDecoding_0041; E; 0=Disabled|1=Enabled; Enabled
		SR_IOVSupport_0047; E; 0=Disabled|1=Enabled; Disabled
		~PendingOperation_0069; E; 0=None|1=TPM Clear; None
		PPL1Limit_3D78; E; 0=Disable|1=Enable; Enable
		PPL1PowerLimit_3D79; I; 0..16383; 0
	`, `
		WatchDogAction_0034; Hidden; true; WatchDogFunction_0033 == Disabled
		PowerPerformanceTuning_3CE0; GrayOut; true; PowerTechnology_FF77 != Custom
		ENERGY_PERF_BIAS_CFGMode_3CE1; GrayOut; true; PowerTechnology_FF77 != Custom
		ENERGY_PERF_BIAS_CFGMode_3CE1; GrayOut; true; PowerPerformanceTuning_3CE0 == OS Controls EPB
		TurboMode_3D06; Hidden; true; SpeedStep_P_States__FF12 == Disable
		PPL1PowerLimit_3D79; Hidden; true; PPL1Limit_3D78 == Disable
		SNC_F300; Hidden; true; UMABasedClustering_F301 == Hemisphere | NUMA_003B == Disabled
	`, "later")
}

func xccRegistry() *registry {
	return newRegistry(registry{id: "BiosAttributeRegistry.1.0.0", name: "Bios Attribute Registry Version 1", owner: "Lenovo",
		version: "1.0.0", language: "en", resetRequired: true}, `
		OperatingModes_ChooseOperatingMode; E; MinimalPower|Efficiency_FavorPower|Efficiency_FavorPerformance|CustomMode|MaximumPerformance; Efficiency_FavorPerformance
		Processors_HyperThreading; E; Enabled|Disabled; Enabled
		Processors_IntelVirtualizationTechnology; E; Disabled|Enabled; Enabled
		Processors_SNC; E; Disabled|Enabled; Disabled
		Processors_TurboMode; E; Disabled|Enabled; Enabled
		Processors_CStates; E; Legacy|Autonomous|Disabled; Autonomous
		Processors_C1EnhancedMode; E; Disabled|Enabled; Enabled
		Processors_CPUPstateControl; E; None|Legacy|Autonomous|CooperativeWithoutLegacy|CooperativeWithLegacy; Autonomous
		Processors_LLCPrefetch; E; Disabled|Enabled; Enabled
		Processors_PCIeACSCTL; E; Disabled|Enabled; Enabled
		DevicesandIOPorts_SRIOV; E; Disabled|Enabled; Enabled
		DevicesandIOPorts_IntelVTforDirectedIOVTd; E; Disabled|Enabled; Enabled
		DevicesandIOPorts_PCI64BitResourceAllocation; E; Disabled|Enabled|Auto; Auto
		DevicesandIOPorts_COMPort1; E; Disabled|Enabled; Enabled
		DevicesandIOPorts_Com1BaudRate; E; Com1BaudRate_9600|Com1BaudRate_57600|Com1BaudRate_115200; Com1BaudRate_115200
		BootModes_SystemBootMode; E; UEFIMode|LegacyMode; UEFIMode
		SystemRecovery_POSTWatchdogTimer; E; Disabled|Enabled; Disabled
		SystemRecovery_POSTWatchdogTimerValue; I; 5..20; 5
		~TrustedComputingGroup_DeviceOperation; E; None|Clear; None
		+MellanoxNetworkAdapter_020000000001__Slot1_InternalCPUOffloadEngine; E; Enabled|Disabled; Enabled
		Memory_SocketInterleave; E; Non_NUMA|NUMA; NUMA
		Memory_MirrorMode; E; Disabled|Full|Partial; Disabled
	`, `
		Processors_CStates; GrayOut; true; OperatingModes_ChooseOperatingMode != CustomMode
		Processors_CPUPstateControl; GrayOut; true; OperatingModes_ChooseOperatingMode != CustomMode
		Processors_TurboMode; GrayOut; true; OperatingModes_ChooseOperatingMode != CustomMode
		Processors_C1EnhancedMode; GrayOut; true; OperatingModes_ChooseOperatingMode != CustomMode | Processors_CStates == Autonomous
		DevicesandIOPorts_Com1BaudRate; Hidden; true; DevicesandIOPorts_COMPort1 == Disabled
		SystemRecovery_POSTWatchdogTimerValue; GrayOut; true; SystemRecovery_POSTWatchdogTimer == Disabled
	`, "first")
}

func amiRegistry() *registry {
	return newRegistry(registry{id: "BiosAttributeRegistry113.en-US.1.1.3", name: "113 BIOS Attribute Registry", owner: "AMI",
		version: "1.1.3", language: "en-US", resetRequired: true}, `
		SriovSupport; E; Disabled|Enabled; Enabled
		SRIOVEnable; E; Disable|Enable; Enable
		ARIEnable; E; Disable|Enable; Enable
		NetworkStack; E; Disabled|Enabled; Enabled
		Ipv4Pxe; E; Disabled|Enabled; Enabled
		Ipv4Http; E; Disabled|Enabled; Disabled
		Ipv6Pxe; E; Disabled|Enabled; Disabled
		PxeBootWaitTime; I; 0..5; 0
		MediaDetectCount; I; 1..50; 1
		SecureBootSupport; E; Disabled|Enabled; Disabled
		-PromptTimeout; I; 0..65535; 1
		NumaEn; E; Disable|Enable; Enable
		VTdSupport; E; Enable|Disable; Enable
		ControlIommu; E; Disable|Enable; Disable
		LlcPrefetchEnable; E; Disable|Enable; Disable
		ProcessorHyperThreadingDisable; E; Enabled|Disabled; Enabled
		ProcessorVmxEnable; E; Disable|Enable; Enable
		ProcessorLtsxEnable; E; Disable|Enable; Disable
		TurboMode; E; Disable|Enable; Enable
		TpmSupport; E; Disable|Enable; Enable
		~TpmOperation; E; None|TPM Clear; None
		PackageCState; E; C0/C1 state|C2 state|C6(non Retention) state|C6(Retention) state|No Limit|Auto; C6(Retention) state
		PwrPerfTuning; E; OS Controls EPB|BIOS Controls EPB|PECI Controls EPB; OS Controls EPB
		AltEngPerfBIAS; E; Performance|Balanced Performance|Balanced Power|Power; Balanced Performance
		ApplicationProfile; E; Auto|General Computing|Memory BandWidth|Matrix Calculation|Energy Efficiency; Auto
		-PowerControlPolicy; E; Do Not PowerUp|Last Power State|Power Restore|Unspecified; Last Power State
		AdminPassword; P; 25;
	`, `
		Ipv4Pxe; Hidden; true; NetworkStack == Disabled
		Ipv4Http; Hidden; true; NetworkStack == Disabled
		Ipv6Pxe; Hidden; true; NetworkStack == Disabled
		PxeBootWaitTime; Hidden; true; NetworkStack == Disabled
		MediaDetectCount; Hidden; true; NetworkStack == Disabled
		ProcessorVmxEnable; GrayOut; true; ProcessorLtsxEnable == Enable
	`, "later")
}

func openbmcRegistry() *registry {
	return newRegistry(registry{id: "BiosAttributeRegistry", name: "Bios Attribute Registry", owner: "NVIDIA", version: "1.0.0",
		language: "en"}, `
		ActiveCores; I; 0..336; 144
		EGM; B; ; false
		EGMHypervisorReservedMemory; I; 0..4294967295/64; 0
		EnableUefiQuickBoot; E; Disabled|Enabled; Disabled
		ServerPowerControl; E; InputPowerCappingUsing50msTimescale|InputPowerCappingUsing1sTimescale|InputPowerCappingUsing5sTimescale; InputPowerCappingUsing50msTimescale
		MemoryTestLevel; E; Ignore|Quick|Sparse|Extensive; Ignore
		MemoryTestNextBoot; B; ; false
		RedfishHostInterface; E; Disabled|Enabled; Enabled
		EmbeddedUefiShell; E; Disabled|Enabled; Enabled
		TPM; E; Disabled|Enabled; Disabled
		Socket0Pcie0MaxPCIespeed; E; GEN5|GEN4|GEN3|GEN2|GEN1; GEN5
		Socket0Pcie0DisableOptionROM; B; ; false
		Socket0Pcie0EnableASPML1; B; ; true
		Socket1Pcie0EnableASPML1; B; ; true
		NewDevicePosition; E; Bottom|Top; Bottom
		EInj; B; ; true
		AssetTagProtection; E; Disabled|Enabled; Disabled
		ProductAssetTag; S; 32;
		DisableChannelSparing; B; ; false
		SerialPortConfiguration; E; PortDisabled|ConsoleEnabledSbsa|SerialDebugEnabledSbsa; ConsoleEnabledSbsa
	`, "", "")
}
