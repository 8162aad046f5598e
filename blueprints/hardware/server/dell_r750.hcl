# Dell PowerEdge R750: the service and control node. Numbers are those that an iDRAC9 reported, unless a block says otherwise.
server "dell_r750" {
  vendor   = "Dell"
  summary  = "Service and control node, 2x Xeon Gold 6354, 1x H100 PCIe"
  dialect  = "idrac"
  source   = "recorded: PowerEdge R750, iDRAC9 6.00.30.00"
  verified = true

  identity {
    manufacturer = "Dell Inc."
    models       = ["PowerEdge R750"]
  }

  form { # weight is unknown
    u        = 2
    cooling  = "air"
    source   = "assumption: 2U as the product is sold; the BMC does not report it"
    verified = false
  }

  power { # peak is unknown: the limit the BMC tells (6720 W) is above what its supplies can give
    supplies  = 2
    supply_kw = 2.4
  }

  cpu {
    manufacturer = "Intel"
    model        = "Intel(R) Xeon(R) Gold 6354 CPU @ 3.00GHz"
    count        = 2
    cores        = 18
  }

  memory { gib = 512 }

  gpu {
    manufacturer = "NVIDIA Corporation"
    model        = "NVIDIA H100 PCIe"
    count        = 1
  }

  nic "ocp" {
    manufacturer = "Broadcom Inc. and subsidiaries"
    model        = "BRCM 2P 25G SFP 57414S OCP NIC"
    count        = 1
    ports        = 2
    rate         = "25Gb/s"
    protocol     = "Ethernet"
  }

  nic "dpu" {
    manufacturer = "Mellanox Technologies"
    model        = "BlueField-2 SmartNIC Main Card"
    count        = 1
    protocol     = "Ethernet"
  }

  disk "m2_raid1" { # option of the model; the recorded unit had none
    count          = 2
    capacity_bytes = 480000000000
    media          = "SSD"
    protocol       = "SATA"
    by             = "redfish"
    controller     = "BOSS-S2"
    use            = "os"
    source         = "assumption: boot kit of the simulated unit, to be set per site"
    verified       = false
  }

  disk "nvme" {
    model          = "Dell Ent NVMe CM6 RI 1.92TB"
    count          = 3
    capacity_bytes = 1920383410176
    media          = "SSD"
    protocol       = "NVMe"
    by             = "host"
    use            = "data"
  }

  component "bmc" {
    version    = "6.00.30.00"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "1.8.2"
    activation = "host_reset"
  }

  component "nic" {
    version    = "24.40.10.00"
    activation = "host_reset"
  }

  bios "training" {
    attributes = {
      SysProfile        = "PerfOptimized"
      SubNumaCluster    = "2-Way"
      LogicalProc       = "Enabled"
      SriovGlobalEnable = "Enabled"
      MmioAbove4Gb      = "Enabled"
      AcPwrRcvry        = "On"
    }
  }

  bios "inference" {
    attributes = {
      SysProfile        = "PerfOptimized"
      SubNumaCluster    = "Disabled"
      LogicalProc       = "Enabled"
      SriovGlobalEnable = "Enabled"
      MmioAbove4Gb      = "Enabled"
      AcPwrRcvry        = "On"
    }
  }

  bios "virtualisation" {
    attributes = {
      SysProfile         = "PerfPerWattOptimizedOs"
      SubNumaCluster     = "Disabled"
      LogicalProc        = "Enabled"
      ProcVirtualization = "Enabled"
      ProcX2Apic         = "Enabled"
      SriovGlobalEnable  = "Enabled"
      MmioAbove4Gb       = "Enabled"
      AcPwrRcvry         = "On"
    }
  }

  no_merge {
    a        = "volume"
    b        = "volume"
    why      = "some Dell controllers run one volume job at a time, so two volumes are two activations"
    source   = "openstack ironic, release note fix-redfish-raid-onreset-workflow"
    verified = false
  }
}
