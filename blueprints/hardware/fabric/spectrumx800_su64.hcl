# Ethernet fabric of the vendor's reference architecture for B300: every number below is that of one unit, and grows with the units.
fabric "spectrumx800_su64" {
  vendor   = "NVIDIA"
  summary  = "Spectrum-X 800G, units of 64 nodes, 16 leaf and 8 spine switches"
  source   = "vendor: NVIDIA DGX SuperPOD reference architecture, DGX B300 (docs.nvidia.com)"
  verified = true

  rails {
    count = 8
    rate  = "800Gb/s"
  }

  rails {
    planes   = 2
    source   = "derived: 16 leaves are two to a rail; each takes half of the 800G of a port"
    verified = false
  }

  units "1" {
    nodes        = 64
    leaf         = 16
    spine        = 8
    node_cables  = 512
    spine_cables = 512
  }

  units "2" {
    nodes        = 128
    leaf         = 32
    spine        = 16
    node_cables  = 1024
    spine_cables = 1024
  }

  units "4" {
    nodes        = 256
    leaf         = 64
    spine        = 32
    node_cables  = 2048
    spine_cables = 2048
  }

  units "8" {
    nodes        = 512
    leaf         = 128
    spine        = 64
    node_cables  = 4096
    spine_cables = 4096
  }

  topology {
    shape    = "rail"
    protocol = "Ethernet"
    leaf     = "switch.sn5600"
    spine    = "switch.sn5600"
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
