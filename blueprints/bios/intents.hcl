# Intents: what is wanted of a firmware setup in words that no vendor owns, and the attributes by which each vendor keeps it.
# A plan takes the first offer of the wanted value that the node's own registry has: all names, all values. Names and values
# were read in the recorded registries; that an attribute means what the intent says is taken from its display name and, where
# the vendor tells one, its help text. What a platform lacks stays out: it is named in the plan, never guessed.

intent "sr_iov" {
  summary = "virtual functions of PCIe devices"

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      SriovGlobalEnable = "Enabled"
    }
  }

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      SriovGlobalEnable = "Disabled"
    }
  }

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      Sriov = "Enabled"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      Sriov = "Disabled"
    }
  }

  offer "on" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      SR_IOVSupport_0047 = "Enabled"
    }
  }

  offer "off" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      SR_IOVSupport_0047 = "Disabled"
    }
  }

  offer "on" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      DevicesandIOPorts_SRIOV = "Enabled"
    }
  }

  offer "off" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      DevicesandIOPorts_SRIOV = "Disabled"
    }
  }

  offer "on" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      SriovSupport = "Enabled"
      SRIOVEnable  = "Enable"
    }
  }

  offer "off" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      SriovSupport = "Disabled"
    }
  }
}

intent "iommu" {
  summary = "address translation and protection for devices (VT-d)"

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      IntelProcVtd = "Enabled"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      IntelProcVtd = "Disabled"
    }
  }

  offer "on" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      IntelVTforDirectedI_O_VT_d__1E32 = "Enable"
    }
  }

  offer "off" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      IntelVTforDirectedI_O_VT_d__1E32 = "Disable"
    }
  }

  offer "on" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      DevicesandIOPorts_IntelVTforDirectedIOVTd = "Enabled"
    }
  }

  offer "off" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      DevicesandIOPorts_IntelVTforDirectedIOVTd = "Disabled"
    }
  }

  offer "on" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      VTdSupport = "Enable"
    }
  }

  offer "off" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      VTdSupport = "Disable"
    }
  }

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      ProcVirtualization = "Enabled"
    }
  }
}

intent "virtualisation" {
  summary = "processor virtualisation (VT-x)"

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      ProcVirtualization = "Enabled"
    }
  }

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      ProcVirtualization = "Disabled"
    }
  }

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      ProcVirtualization = "Enabled"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      ProcVirtualization = "Disabled"
    }
  }

  offer "on" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      IntelVirtualizationTechnology_3C6F = "Enable"
    }
  }

  offer "off" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      IntelVirtualizationTechnology_3C6F = "Disable"
    }
  }

  offer "on" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_IntelVirtualizationTechnology = "Enabled"
    }
  }

  offer "off" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_IntelVirtualizationTechnology = "Disabled"
    }
  }

  offer "on" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      ProcessorVmxEnable = "Enable"
    }
  }

  offer "off" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      ProcessorVmxEnable = "Disable"
    }
  }
}

intent "above_4g" {
  summary = "PCIe memory windows above 4 GiB: GPUs need them"

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      MmioAbove4Gb = "Enabled"
    }
  }

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      MmioAbove4Gb = "Disabled"
    }
  }

  offer "on" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      Above4GDecoding_0041 = "Enabled"
    }
  }

  offer "off" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      Above4GDecoding_0041 = "Disabled"
    }
  }

  offer "on" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      DevicesandIOPorts_PCI64BitResourceAllocation = "Enabled"
    }
  }

  offer "off" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      DevicesandIOPorts_PCI64BitResourceAllocation = "Disabled"
    }
  }
}

intent "hyper_threading" {
  summary = "two threads a core"

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      LogicalProc = "Enabled"
    }
  }

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      LogicalProc = "Disabled"
    }
  }

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      ProcHyperthreading = "Enabled"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      ProcHyperthreading = "Disabled"
    }
  }

  offer "on" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      Hyper_Threading_ALL__F27F = "Enable"
    }
  }

  offer "off" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      Hyper_Threading_ALL__F27F = "Disable"
    }
  }

  offer "on" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_HyperThreading = "Enabled"
    }
  }

  offer "off" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_HyperThreading = "Disabled"
    }
  }

  offer "on" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      ProcessorHyperThreadingDisable = "Enabled"
    }
  }

  offer "off" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      ProcessorHyperThreadingDisable = "Disabled"
    }
  }
}

intent "turbo" {
  summary = "clock above nominal while power and heat allow"

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      ProcTurboMode = "Enabled"
    }
  }

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      ProcTurboMode = "Disabled"
    }
  }

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      ProcTurbo = "Enabled"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      ProcTurbo = "Disabled"
    }
  }

  offer "on" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      TurboMode_3D06 = "Enable"
    }
  }

  offer "off" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      TurboMode_3D06 = "Disable"
    }
  }

  offer "on" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_TurboMode = "Enabled"
    }
  }

  offer "off" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_TurboMode = "Disabled"
    }
  }

  offer "on" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      TurboMode = "Enable"
    }
  }

  offer "off" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      TurboMode = "Disable"
    }
  }
}

intent "c_states" {
  summary = "idle states of cores and packages: sleep costs latency"

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      ProcCStates = "Disabled"
    }
  }

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      ProcCStates = "Enabled"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      MinProcIdlePower = "NoCStates"
    }
  }

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      MinProcIdlePower = "C6"
    }
  }

  offer "off" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      PackageCState_3D25 = "C0/C1 state"
    }
  }

  offer "on" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      PackageCState_3D25 = "Auto"
    }
  }

  offer "off" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_CStates = "Disabled"
    }
  }

  offer "on" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_CStates = "Autonomous"
    }
  }

  offer "off" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      PackageCState = "C0/C1 state"
    }
  }

  offer "on" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      PackageCState = "Auto"
    }
  }
}

intent "performance" {
  summary = "the platform's power and performance profile"

  offer "maximum" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      SysProfile = "PerfOptimized"
    }
  }

  offer "balanced" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      SysProfile = "PerfPerWattOptimizedDapc"
    }
  }

  offer "maximum" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      WorkloadProfile = "Custom"
      PowerRegulator  = "StaticHighPerf"
      EnergyPerfBias  = "MaxPerf"
    }
  }

  offer "balanced" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      WorkloadProfile = "GeneralPowerEfficientCompute"
    }
  }

  offer "maximum" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      PowerTechnology_FF77          = "Custom"
      PowerPerformanceTuning_3CE0   = "BIOS Controls EPB"
      ENERGY_PERF_BIAS_CFGMode_3CE1 = "Maximum Performance"
    }
  }

  offer "balanced" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      PowerTechnology_FF77        = "Custom"
      PowerPerformanceTuning_3CE0 = "OS Controls EPB"
    }
  }

  offer "maximum" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      OperatingModes_ChooseOperatingMode = "MaximumPerformance"
    }
  }

  offer "balanced" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      OperatingModes_ChooseOperatingMode = "Efficiency_FavorPerformance"
    }
  }

  offer "maximum" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      PwrPerfTuning = "BIOS Controls EPB"
    }
  }

  offer "balanced" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      PwrPerfTuning = "OS Controls EPB"
    }
  }
}

intent "numa_per_socket" {
  summary = "NUMA domains that one processor socket shows"

  offer "1" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      SubNumaCluster = "Disabled"
    }
  }

  offer "2" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      SubNumaCluster = "2-Way"
    }
  }

  offer "1" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      SubNumaClustering = "Disabled"
    }
  }

  offer "2" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      SubNumaClustering = "EnableSnc2"
    }
  }

  offer "4" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      SubNumaClustering = "EnableSnc4"
    }
  }

  offer "1" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      SNC_F300 = "Disable"
    }
  }

  offer "2" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      SNC_F300 = "Enable SNC2 (2-clusters)"
    }
  }

  offer "4" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      SNC_F300 = "Enable SNC4 (4-clusters)"
    }
  }

  offer "1" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_SNC = "Disabled"
    }
  }

  offer "2" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      Processors_SNC = "Enabled"
    }
  }

  offer "1" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      NumaEn = "Enable"
    }
  }
}

intent "power_restore" {
  summary = "what the host does when power comes back"

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      AcPwrRcvry = "On"
    }
  }

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      AcPwrRcvry = "Off"
    }
  }

  offer "last" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      AcPwrRcvry = "Last"
    }
  }

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      AutoPowerOn = "AlwaysPowerOn"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      AutoPowerOn = "AlwaysPowerOff"
    }
  }

  offer "last" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      AutoPowerOn = "RestoreLastState"
    }
  }

  offer "on" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      RestoreonACPowerLoss_0035 = "Power On"
    }
  }

  offer "off" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      RestoreonACPowerLoss_0035 = "Stay Off"
    }
  }

  offer "last" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      RestoreonACPowerLoss_0035 = "Last State"
    }
  }

  offer "on" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      PowerControlPolicy = "Power Restore"
    }
  }

  offer "off" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      PowerControlPolicy = "Do Not PowerUp"
    }
  }

  offer "last" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      PowerControlPolicy = "Last Power State"
    }
  }
}

intent "tpm" {
  summary = "the trusted platform module is shown to the operating system"

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      TpmSecurity = "On"
    }
  }

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      TpmSecurity = "Off"
    }
  }

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      TpmVisibility = "Visible"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      TpmVisibility = "Hidden"
    }
  }

  offer "on" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      TpmSupport = "Enable"
    }
  }

  offer "off" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      TpmSupport = "Disable"
    }
  }

  offer "on" {
    platform = "NVIDIA GB200 tray"
    source   = "recorded: GB200 NVL compute tray, BiosAttributeRegistry"
    verified = true
    set = {
      TPM = "Enabled"
    }
  }

  offer "off" {
    platform = "NVIDIA GB200 tray"
    source   = "recorded: GB200 NVL compute tray, BiosAttributeRegistry"
    verified = true
    set = {
      TPM = "Disabled"
    }
  }
}

intent "tpm_activated" {
  summary = "the operating system may use the hierarchies of the trusted platform module"

  offer "on" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      Tpm2Hierarchy = "Enabled"
    }
  }

  offer "off" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      Tpm2Hierarchy = "Disabled"
    }
  }

  offer "on" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      TPM2EndorsementDisable = "Enabled"
      TPM2StorageDisable     = "Enabled"
    }
  }

  offer "off" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      TPM2EndorsementDisable = "Disabled"
      TPM2StorageDisable     = "Disabled"
    }
  }
}

intent "tpm_clear" {
  summary = "the next start clears the trusted platform module; an act, asked for by metalwright apply --act tpm_clear"

  offer "clear" {
    platform = "Dell PowerEdge (iDRAC)"
    source   = "recorded: PowerEdge R750, BIOS 1.8.2, BiosAttributeRegistry.v1_0_3"
    verified = true
    set = {
      Tpm2Hierarchy = "Clear"
    }
  }

  offer "clear" {
    platform = "HPE ProLiant (iLO)"
    source   = "recorded: ProLiant DL380a Gen11, BiosAttributeRegistryU58.v1_2_44"
    verified = true
    set = {
      Tpm2Operation = "Clear"
    }
  }

  offer "clear" {
    platform = "Supermicro X13"
    source   = "recorded: SYS-821GE-TNHR, BIOS 1.4, BiosAttributeRegistry.1_0_0"
    verified = true
    set = {
      PendingOperation_0069 = "TPM Clear"
    }
  }

  offer "clear" {
    platform = "Lenovo ThinkSystem (XCC)"
    source   = "recorded: ThinkSystem SR670 V2, BiosAttributeRegistry"
    verified = true
    set = {
      TrustedComputingGroup_DeviceOperation = "Clear"
    }
  }

  offer "clear" {
    platform = "NVIDIA DGX H100"
    source   = "recorded: DGX H100, BIOS 1.1.3, BiosAttributeRegistry113"
    verified = true
    set = {
      TpmOperation = "TPM Clear"
    }
  }
}
