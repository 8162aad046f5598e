# NVIDIA DGX B200. The numbers stand in the vendor's user guide. What its BMC calls itself has not been recorded yet.
server "dgx_b200" {
  vendor   = "NVIDIA"
  summary  = "8x B200, air, 10U"
  dialect  = "ami" # as its predecessor; not recorded
  source   = "vendor: NVIDIA DGX B200 user guide, introduction (docs.nvidia.com)"
  verified = true

  form {
    u         = 10
    width_mm  = 482.3
    height_mm = 444
    depth_mm  = 897.1
    weight_kg = 142.4
    cooling   = "air"
  }

  power {
    peak_kw   = 14.3
    supplies  = 6
    supply_kw = 3.3
    required  = 5 # 5+1
    input     = "200-240 V AC, 16 A each"
  }

  cpu {
    manufacturer = "Intel"
    model        = "Xeon 8570"
    count        = 2
    cores        = 56
  }

  gpu {
    manufacturer = "NVIDIA"
    model        = "B200"
    count        = 8
    memory_gb    = 1440 # of the node
  }

  rails {
    count = 8
    rate  = "400Gb/s"
    ports = 4 # OSFP, two adapters behind each
  }

  nic "rail" {
    manufacturer = "NVIDIA"
    model        = "ConnectX-7"
    count        = 8
    rate         = "400Gb/s"
    protocol     = "InfiniBand"
  }

  nic "storage" {
    manufacturer = "NVIDIA"
    model        = "BlueField-3"
    count        = 2
    ports        = 2
    protocol     = "Ethernet"
  }

  disk "m2_raid1" {
    count       = 2
    capacity_tb = 1.92
    media       = "SSD"
    protocol    = "NVMe"
    by          = "host"
    use         = "os"
  }

  disk "u2_raid0" {
    count       = 8
    capacity_tb = 3.84
    media       = "SSD"
    protocol    = "NVMe"
    by          = "host"
    sed         = true
    use         = "scratch"
  }

  bmc {
    rate    = "1Gb/s"
    redfish = true
    ipmi    = true
  }

  # Not recorded from here on: as on the DGX H100. The plan holds every attribute against the registry that the node itself offers.
  component "bmc" {
    version    = "25.02.05"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "1.0.1"
    activation = "host_power_cycle"
  }

  component "nic" {
    version    = "28.41.1000"
    activation = "host_power_cycle"
  }

  timing {
    post_s   = 600
    source   = "working figure for an 8-GPU node, 10 to 20 minutes; learned from the journal"
    verified = false
  }

  bios "training" {
    attributes = {
      PackageCState                  = "C0/C1 state"
      PwrPerfTuning                  = "BIOS Controls EPB"
      TurboMode                      = "Enable"
      NumaEn                         = "Enable"
      ProcessorHyperThreadingDisable = "Enabled"
      VTdSupport                     = "Enable"
      SRIOVEnable                    = "Enable"
    }
  }
}
