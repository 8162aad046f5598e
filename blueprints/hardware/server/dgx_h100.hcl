# NVIDIA DGX H100: the H100 SuperPOD unit. Devices are those that its BMC reported; U and kW are second-hand; weight is unknown.
server "dgx_h100" {
  vendor   = "NVIDIA"
  summary  = "8x H100 SXM, air, 8U"
  dialect  = "ami"
  source   = "recorded: DGX H100, BMC 23.11.20"
  verified = true

  identity {
    manufacturer = "NVIDIA"
    models       = ["DGXH100"]
  }

  form {
    u        = 8
    cooling  = "air"
    source   = "second-hand: summaries of the DGX H100 user guide"
    verified = false
  }

  power {
    supplies = 6
  }

  power {
    peak_kw   = 10.2
    supply_kw = 3.3
    required  = 4 # 4+2; 3 to boot
    source    = "second-hand: summaries of the DGX H100 user guide"
    verified  = false
  }

  cpu { # the BMC tells no model
    manufacturer = "Intel"
    count        = 2
    cores        = 56
  }

  memory { gib = 2048 }

  gpu { # 200 to 700 W each
    manufacturer = "NVIDIA"
    model        = "H100 80GB HBM3"
    count        = 8
  }

  nic "adapter" { # the BMC lists 12 adapters and names no model
    count = 12
  }

  bmc { rate = "1Gb/s" }

  component "bmc" {
    version    = "23.11.21"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "01.01.03"
    activation = "host_power_cycle"
  }

  component "nic" { # the recorded tree does not tell the version of its adapters
    version    = "28.39.1002"
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
      ApplicationProfile             = "Matrix Calculation"
      TurboMode                      = "Enable"
      NumaEn                         = "Enable"
      ProcessorHyperThreadingDisable = "Enabled"
      VTdSupport                     = "Enable"
      SRIOVEnable                    = "Enable"
    }
  }

  bios "inference" {
    attributes = {
      PackageCState                  = "C0/C1 state"
      PwrPerfTuning                  = "BIOS Controls EPB"
      TurboMode                      = "Enable"
      ProcessorHyperThreadingDisable = "Enabled"
      SRIOVEnable                    = "Enable"
    }
  }

  bios "virtualisation" {
    attributes = {
      ProcessorVmxEnable = "Enable"
      VTdSupport         = "Enable"
      SRIOVEnable        = "Enable"
      SriovSupport       = "Enabled"
      ARIEnable          = "Enable"
    }
  }

  no_merge {
    a        = "firmware:bmc"
    b        = "firmware:hgx"
    why      = "the HGX baseboard is updated through the host BMC, which must run its new firmware first"
    source   = "Hopper runbook order: BMC, BMC reset, then the GPU tray (unverified)"
    verified = false
  }
}
