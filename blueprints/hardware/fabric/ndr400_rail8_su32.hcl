# Rail-optimised NDR 400G fabric of the vendor's reference architectures (H100, H200, B200): 32 nodes a unit, one port row of which
# goes to the fabric manager. Node cables are 256 a unit less 4, cables between leaf and spine 256 a unit.
fabric "ndr400_rail8_su32" {
  vendor   = "NVIDIA"
  summary  = "8 rails of 400G, units of 32 nodes, 8 leaf and 4 spine switches"
  source   = "vendor: NVIDIA DGX SuperPOD reference architecture, DGX B200 (docs.nvidia.com)"
  verified = true

  rails {
    count = 8
    rate  = "400Gb/s"
  }

  units "1" {
    nodes        = 31
    leaf         = 8
    spine        = 4
    node_cables  = 252
    spine_cables = 256
  }

  units "2" {
    nodes        = 63
    leaf         = 16
    spine        = 8
    node_cables  = 508
    spine_cables = 512
  }

  units "3" {
    nodes        = 95
    leaf         = 24
    spine        = 16
    node_cables  = 764
    spine_cables = 768
  }

  units "4" {
    nodes        = 127
    leaf         = 32
    spine        = 16
    node_cables  = 1020
    spine_cables = 1024
  }

  units "8" {
    nodes = 256
    leaf  = 64
    spine = 32
  }

  units "16" {
    nodes = 512
    leaf  = 128
    spine = 128
    core  = 64
  }

  units "64" {
    nodes = 2048
    leaf  = 512
    spine = 512
    core  = 256
  }

  topology {
    shape    = "rail"
    protocol = "InfiniBand"
    leaf     = "switch.qm9700"
    spine    = "switch.qm9700"
  }

  manager { # 256 a unit, less 252: four cables beyond eight a node, and one row of leaf ports
    cables   = 4
    source   = "derived: node cables beyond eight a node; which leaves they go to was not read"
    verified = false
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
    source   = "vendor: NVIDIA QM97XX user manual, interfaces (docs.nvidia.com)"
    verified = true
  }

  media "smf" {
    reach_m  = 100
    source   = "vendor: NVIDIA QM97XX user manual, interfaces (docs.nvidia.com)"
    verified = true
  }
}
