# HPE ProLiant DL380a Gen11: inference and RAG node. Numbers are those that an iLO 6 reported, unless a block says otherwise.
server "hpe_dl380a_gen11" {
  vendor   = "HPE"
  summary  = "Inference node, 2x H100 NVL, 2x Xeon Gold 6530"
  dialect  = "ilo"
  source   = "recorded: ProLiant DL380a Gen11, iLO 6 1.66"
  verified = true

  identity { # the recorded data appends " -- SIMULATED" to the model
    manufacturer = "HPE"
    models       = ["ProLiant DL380a Gen11"]
  }

  form { # height and weight are unknown
    cooling = "air"
  }

  power { # peak is unknown; the BMC tells a limit of 8800 W, which is the sum of its supplies
    supplies  = 4
    supply_kw = 2.2
    required  = 2 # in each of two sets
  }

  cpu {
    manufacturer = "Intel(R) Corporation"
    model        = "INTEL(R) XEON(R) GOLD 6530"
    count        = 2
    cores        = 32
  }

  memory { gib = 512 }

  gpu {
    manufacturer = "NVIDIA"
    name         = "NVIDIA H100 NVL"
    model        = "900-21010-0320-030"
    count        = 2
  }

  nic "data" {
    manufacturer = "MLNX"
    model        = "HPE InfiniBand NDR200/Ethernet 200GbE 2-port QSFP112 PCIe5 x16 MCX755106AC-HEAT Adapter"
    count        = 1
    ports        = 2
    rate         = "200Gb/s"
    protocol     = "Ethernet"
  }

  disk "boot_raid1" {
    model          = "MO001600KXVYH"
    count          = 2
    capacity_bytes = 1600321314816
    media          = "SSD"
    protocol       = "NVMe"
    by             = "redfish"
    controller     = "HPE MR416i-o Gen11"
    use            = "os"
  }

  disk "nvme" {
    model          = "MO006400KYDND"
    count          = 5
    capacity_bytes = 6401252745216
    media          = "SSD"
    protocol       = "NVMe"
    by             = "redfish"
    controller     = "HPE MR416i-o Gen11"
    use            = "data"
  }

  component "bmc" {
    version    = "1.66 Dec 13 2024"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "U58 v2.44 (01/17/2025)"
    activation = "host_reset"
  }

  component "nic" {
    version    = "28.43.1014"
    activation = "host_reset"
  }

  timing {
    post_s   = 114
    source   = "recorded: LastBootTimeSeconds"
    verified = true
  }

  # A workload profile other than Custom sets, and makes read-only, most of what stands here.
  bios "training" {
    attributes = {
      WorkloadProfile    = "Custom"
      PowerRegulator     = "StaticHighPerf"
      EnergyPerfBias     = "MaxPerf"
      MinProcIdlePower   = "NoCStates"
      SubNumaClustering  = "EnableSnc2"
      ProcHyperthreading = "Enabled"
      ProcTurbo          = "Enabled"
      IntelProcVtd       = "Enabled"
      Sriov              = "Enabled"
      ThermalConfig      = "MaxCooling"
    }
  }

  bios "inference" {
    attributes = {
      WorkloadProfile    = "Custom"
      PowerRegulator     = "StaticHighPerf"
      EnergyPerfBias     = "MaxPerf"
      MinProcIdlePower   = "NoCStates"
      ProcHyperthreading = "Enabled"
      ProcTurbo          = "Enabled"
      Sriov              = "Enabled"
      ThermalConfig      = "IncreasedCooling"
    }
  }

  bios "virtualisation" {
    attributes = {
      WorkloadProfile    = "Custom"
      ProcVirtualization = "Enabled"
      IntelProcVtd       = "Enabled"
      Sriov              = "Enabled"
      ProcHyperthreading = "Enabled"
      AutoPowerOn        = "AlwaysPowerOn"
    }
  }
}
