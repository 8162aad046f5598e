# Lenovo ThinkSystem SR670 V2: 8 PCIe GPUs. Numbers are those that an XCC reported, unless a block says otherwise.
server "lenovo_sr670_v2" {
  vendor   = "Lenovo"
  summary  = "8x L40 (PCIe), 2x Xeon Platinum 8362, 3U"
  dialect  = "xcc"
  source   = "recorded: ThinkSystem SR670 V2, XCC 2.83"
  verified = true

  identity { # Chassis/1 says 7Z23CTO1WW, the machine type
    manufacturer = "Lenovo"
    models       = ["ThinkSystem SR670 V2"]
  }

  form { # weight is unknown
    u         = 3
    height_mm = 133.35
    cooling   = "air"
  }

  power { # peak is unknown; the BMC tells a limit of 5760 W
    supplies  = 4
    supply_kw = 2.4
    required  = 2
  }

  cpu {
    manufacturer = "Intel(R) Corporation"
    model        = "Intel(R) Xeon(R) Platinum 8362 CPU @ 2.80GHz"
    count        = 2
    cores        = 32
  }

  memory { gib = 1024 }

  gpu {
    manufacturer = "NVIDIA Corporation"
    name         = "NVIDIA L40"
    model        = "26B5-895-A1"
    count        = 8
  }

  nic "dpu" {
    manufacturer = "MLNX"
    model        = "BlueField-2 DPU 100GbE Dual-Port"
    count        = 1
    ports        = 2
    rate         = "100Gb/s"
    protocol     = "Ethernet"
  }

  nic "management" {
    manufacturer = "Broadcom Limited"
    model        = "BCM5719"
    count        = 1
    ports        = 4
    rate         = "1Gb/s"
    protocol     = "Ethernet"
  }

  disk "m2_raid1" {
    model          = "Micron_7450_MTFDKBA960TFR"
    count          = 2
    capacity_bytes = 960000000000
    media          = "SSD"
    protocol       = "NVMe"
    by             = "redfish"
    controller     = "M.2 NVMe 2-Bay RAID Kit"
    use            = "os"
  }

  disk "nvme" {
    model          = "Micron_7450_MTFDKBZ7T6TFR"
    count          = 2
    capacity_bytes = 7680000000000
    media          = "SSD"
    protocol       = "NVMe"
    by             = "host"
    use            = "data"
  }

  component "bmc" {
    version    = "42S-2.83"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "22J-1.51"
    activation = "host_reset"
  }

  component "nic" {
    version    = "24.41.1000"
    activation = "host_reset"
  }

  # An operating mode other than CustomMode greys TurboMode out, so the profiles leave it alone.
  bios "training" {
    attributes = {
      OperatingModes_ChooseOperatingMode           = "MaximumPerformance"
      Processors_HyperThreading                    = "Enabled"
      Processors_SNC                               = "Enabled"
      DevicesandIOPorts_SRIOV                      = "Enabled"
      DevicesandIOPorts_IntelVTforDirectedIOVTd    = "Enabled"
      DevicesandIOPorts_PCI64BitResourceAllocation = "Enabled"
    }
  }

  bios "inference" {
    attributes = {
      OperatingModes_ChooseOperatingMode           = "MaximumPerformance"
      Processors_HyperThreading                    = "Enabled"
      Processors_SNC                               = "Disabled"
      DevicesandIOPorts_SRIOV                      = "Enabled"
      DevicesandIOPorts_PCI64BitResourceAllocation = "Enabled"
    }
  }

  bios "virtualisation" {
    attributes = {
      OperatingModes_ChooseOperatingMode        = "Efficiency_FavorPerformance"
      Processors_IntelVirtualizationTechnology  = "Enabled"
      DevicesandIOPorts_SRIOV                   = "Enabled"
      DevicesandIOPorts_IntelVTforDirectedIOVTd = "Enabled"
    }
  }
}
