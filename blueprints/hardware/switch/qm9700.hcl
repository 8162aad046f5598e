# NVIDIA QM9700, NDR InfiniBand. Weight was not read.
switch "qm9700" {
  vendor   = "NVIDIA"
  summary  = "64 ports of NDR 400G InfiniBand, 1U"
  source   = "vendor: NVIDIA QM97XX user manual (docs.nvidia.com)"
  verified = true

  form {
    u       = 1
    cooling = "air"
  }

  power {
    peak_kw  = 1.72
    source   = "second-hand: the most it takes with active cables in every port"
    verified = false
  }

  ports {
    per_cage = 2
    rate     = "400Gb/s"
  }

  ports {
    data     = 64
    source   = "derived: four spines of one unit end its 256 cables"
    verified = false
  }
}
