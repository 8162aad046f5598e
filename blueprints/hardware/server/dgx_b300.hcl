# NVIDIA DGX B300. Only the power of a rack of four was read; U, weight and supplies are unknown.
server "dgx_b300" {
  vendor   = "NVIDIA"
  summary  = "8x B300, SuperPOD unit, AC or DC busbar"
  source   = "vendor: NVIDIA DGX SuperPOD reference architecture, DGX B300 (docs.nvidia.com)"
  verified = true

  power {
    peak_kw  = 14
    source   = "derived: four to a rack of about 56 kW (EIA) in the vendor's reference architecture"
    verified = false
  }

  gpu {
    manufacturer = "NVIDIA"
    model        = "B300"
    count        = 8
  }

  nic "rail" {
    manufacturer = "NVIDIA"
    model        = "ConnectX-8"
    count        = 8
    source       = "second-hand: adapters on the GPU board"
    verified     = false
  }
}
