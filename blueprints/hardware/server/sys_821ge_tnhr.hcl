# Supermicro SYS-821GE-TNHR: 8U, 8x H100 SXM. Numbers are those that its BMC reported, unless a block says otherwise.
server "sys_821ge_tnhr" {
  vendor   = "Supermicro"
  summary  = "8x H100 SXM (HGX), air, 8U"
  dialect  = "supermicro"
  source   = "recorded: SYS-821GE-TNHR, BMC 11.01.01"
  verified = true

  identity {
    manufacturer = "Supermicro"
    models       = ["SYS-821GE-TNHR"]
  }

  form { # width, depth and weight are unknown
    u        = 8
    cooling  = "air"
    source   = "second-hand: a published review of the SYS-821GE-TNHR"
    verified = false
  }

  power { # peak is unknown; the redundancy the BMC tells (1 of 8 needed) is implausible and not used
    supplies  = 6
    supply_kw = 3.0
  }

  cpu {
    manufacturer = "Intel"
    model        = "Intel(R) Xeon(R) Platinum 8462Y+"
    count        = 2
    cores        = 32
  }

  memory { gib = 2048 }

  gpu {
    manufacturer = "NVIDIA"
    model        = "H100 80GB HBM3"
    count        = 8
  }

  rails { count = 8 }

  nic "rail" {
    manufacturer = "Supermicro"
    model        = "MCX75310AAS-NEAT"
    count        = 8
    protocol     = "InfiniBand"
  }

  nic "dpu" {
    manufacturer = "Supermicro"
    model        = "MBF2M516C-CECOT"
    count        = 1
    protocol     = "Ethernet"
  }

  nic "management" {
    manufacturer = "Supermicro"
    model        = "AOC-STGS-i2T"
    count        = 1
    protocol     = "Ethernet"
  }

  disk "m2_raid1" { # option of the model; the recorded unit did not tell its boot disks
    count          = 2
    capacity_bytes = 960197124096
    media          = "SSD"
    protocol       = "NVMe"
    by             = "redfish"
    controller     = "AOC-SAS3908"
    use            = "os"
    source         = "assumption: boot kit of the simulated unit, to be set per site"
    verified       = false
  }

  disk "nvme" {
    model          = "MZQL27T6HBLA-00A07"
    count          = 8
    capacity_bytes = 7681501126656
    media          = "SSD"
    protocol       = "NVMe"
    by             = "host"
    use            = "scratch"
  }

  component "bmc" {
    version    = "11.01.01"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "1.4"
    activation = "host_reset"
  }

  component "nic" { # of the rails
    version    = "28.37.10.14"
    activation = "host_reset"
  }

  timing {
    post_s   = 600
    source   = "working figure for an 8-GPU node, 10 to 20 minutes; learned from the journal"
    verified = false
  }

  bios "training" {
    attributes = {
      SNC_F300                      = "Disable"
      PackageCState_3D25            = "C0/C1 state"
      PowerTechnology_FF77          = "Custom"
      PowerPerformanceTuning_3CE0   = "BIOS Controls EPB"
      ENERGY_PERF_BIAS_CFGMode_3CE1 = "Maximum Performance"
      TurboMode_3D06                = "Enable"
      SR_IOVSupport_0047            = "Enabled"
      Above4GDecoding_0041          = "Enabled"
      RestoreonACPowerLoss_0035     = "Power On"
      QuietBoot_002D                = false
    }
  }

  bios "inference" {
    attributes = {
      SNC_F300             = "Disable"
      PackageCState_3D25   = "C0/C1 state"
      TurboMode_3D06       = "Enable"
      SR_IOVSupport_0047   = "Enabled"
      Above4GDecoding_0041 = "Enabled"
      QuietBoot_002D       = false
    }
  }

  bios "virtualisation" {
    attributes = {
      IntelVirtualizationTechnology_3C6F = "Enable"
      ExtendedAPIC_F281                  = "Enable"
      SR_IOVSupport_0047                 = "Enabled"
      Above4GDecoding_0041               = "Enabled"
      QuietBoot_002D                     = false
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
