# NVIDIA GB300 NVL72 as a rack. Weight, frame height and slot map are unknown.
rack "gb300_nvl72" {
  vendor   = "NVIDIA"
  summary  = "18 compute trays, 9 NVLink switch trays, 8 power shelves"
  source   = "vendor: NVIDIA enterprise reference architecture, NVL72 AI factory, components (docs.nvidia.com)"
  verified = true

  form {
    cooling = "liquid"
  }

  power {
    peak_kw = 142
  }

  holds "compute_tray" {
    count    = 18
    source   = "derived: 72 GPUs, four to a tray"
    verified = false
  }

  holds "nvlink_switch_tray" { count = 9 }

  holds "management_switch" {
    count = 2
    model = "switch.sn2201"
  }

  holds "power_shelf" { count = 8 }
}
