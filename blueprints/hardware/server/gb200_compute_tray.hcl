# NVIDIA GB200 compute tray of an NVL72: 2 Grace, 4 GPUs, 1 unit high. Power and weight of a tray are unknown.
server "gb200_compute_tray" {
  vendor   = "NVIDIA"
  summary  = "GB200 NVL72 compute tray, 2x Grace, 4x Blackwell"
  dialect  = "openbmc"
  source   = "recorded: GB200 NVL compute tray, BMC GB200Nvl-24.12-8"
  verified = true

  identity { # Chassis/BMC_0; the bootable System_0 names neither
    manufacturer = "NVIDIA"
    models       = ["GB200 NVL"]
  }

  form {
    u        = 1
    cooling  = "hybrid" # cold plates on CPU and GPU, fans for the rest
    source   = "vendor: NVIDIA DGX GB200 user guide, hardware (docs.nvidia.com)"
    verified = true
  }

  cpu {
    manufacturer = "NVIDIA"
    model        = "Grace"
    count        = 2
    source       = "vendor: NVIDIA DGX GB200 user guide, hardware (docs.nvidia.com)"
    verified     = true
  }

  memory { gib = 960 }

  gpu { # the BMC names no model
    manufacturer = "NVIDIA"
    model        = "GB200"
    count        = 4
    source       = "vendor: NVIDIA DGX GB200 user guide, hardware (docs.nvidia.com)"
    verified     = true
  }

  rails {
    count    = 4
    rate     = "400Gb/s"
    source   = "vendor: NVIDIA DGX GB200 user guide, hardware (docs.nvidia.com)"
    verified = true
  }

  nic "rail" {
    manufacturer = "NVIDIA"
    model        = "P4768-B01"
    count        = 4
    protocol     = "InfiniBand"
  }

  nic "dpu" {
    manufacturer = "Nvidia"
    model        = "BlueField-3 DPU"
    count        = 2
    protocol     = "Ethernet"
  }

  disk "m2" {
    model          = "SAMSUNG MZ1L21T9HCLS-00A07"
    count          = 1
    capacity_bytes = 1920383410176
    media          = "SSD"
    protocol       = "NVMe"
    by             = "host"
    use            = "os"
  }

  disk "e1s" {
    model          = "SAMSUNG MZTL23T8HCLS-00A07"
    count          = 8
    capacity_bytes = 3840755982336
    media          = "SSD"
    protocol       = "NVMe"
    by             = "host"
    use            = "scratch"
  }

  leak { detectors = 4 } # 2 manifold, 2 cold plate

  component "bmc" {
    version    = "GB200Nvl-24.12-8"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "02.03.13"
    activation = "aux_cycle"
  }

  component "nic" {
    version    = "32.41.1300"
    activation = "aux_cycle"
  }

  timing {
    aux_cycle_s = 240
    source      = "nv-rms: off up to 60 s, cycle, wait 180 s"
    verified    = false
  }

  bios "training" {
    attributes = {
      EnableUefiQuickBoot          = "Enabled"
      EmbeddedUefiShell            = "Disabled"
      TPM                          = "Enabled"
      ServerPowerControl           = "InputPowerCappingUsing1sTimescale"
      Socket0Pcie0DisableOptionROM = true
    }
  }

  bios "inference" {
    attributes = {
      EnableUefiQuickBoot = "Enabled"
      EmbeddedUefiShell   = "Disabled"
      TPM                 = "Enabled"
    }
  }

  bios "virtualisation" {
    attributes = {
      EGM                         = true
      EGMHypervisorReservedMemory = 16384
      EmbeddedUefiShell           = "Disabled"
      TPM                         = "Enabled"
    }
  }
}
