# Rail-optimised XDR 800G fabric of the vendor's reference architecture for B300.
fabric "xdr800_su72" {
  vendor   = "NVIDIA"
  summary  = "8 rails of 800G, units of 72 nodes, 8 leaf and 4 spine switches"
  source   = "vendor: NVIDIA DGX SuperPOD reference architecture, DGX B300 XDR (docs.nvidia.com)"
  verified = true

  rails {
    count = 8
    rate  = "800Gb/s"
  }

  units "1" {
    nodes        = 72
    leaf         = 8
    spine        = 4
    node_cables  = 576
    spine_cables = 576
  }

  topology {
    shape    = "rail"
    protocol = "InfiniBand"
    leaf     = "switch.q3400"
    spine    = "switch.q3400"
  }

  media "dac" {
    reach_m  = 2
    source   = "second-hand: passive copper of the 100G lane generation is sold to 2 m, and by some to 3 m"
    verified = false
  }

  media "acc" {
    reach_m  = 5
    source   = "second-hand: active copper of that generation is sold to 5 m"
    verified = false
  }

  media "mmf" {
    reach_m  = 50
    source   = "second-hand: optics of the 800G generation, by the vendor's sheet of their predecessor"
    verified = false
  }

  media "smf" {
    reach_m  = 500
    source   = "second-hand: optics of the 800G generation, by the vendor's sheet of their predecessor"
    verified = false
  }
}
