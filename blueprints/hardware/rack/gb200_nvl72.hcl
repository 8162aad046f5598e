# NVIDIA GB200 NVL72 as a rack. Frame height, slot map and shelf-to-feed wiring are unknown.
rack "gb200_nvl72" {
  vendor   = "NVIDIA"
  summary  = "18 compute trays, 9 NVLink switch trays, 8 power shelves"
  source   = "vendor: NVIDIA DGX GB200 user guide, hardware (docs.nvidia.com)"
  verified = true

  form {
    cooling = "hybrid"
  }

  form {
    weight_kg = 1360
    source    = "second-hand: about 1.36 t, populated"
    verified  = false
  }

  power {
    peak_kw  = 120
    source   = "second-hand: about 120 kW"
    verified = false
  }

  holds "compute_tray" {
    count = 18
    model = "server.gb200_compute_tray"
  }

  holds "nvlink_switch_tray" { count = 9 }

  holds "management_switch" { count = 2 }

  holds "power_shelf" {
    count = 8
    model = "shelf.liteon_pf_1333_7r"
  }
}
