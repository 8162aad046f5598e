# NVIDIA Q3400, XDR InfiniBand. Height, weight and power were not read.
switch "q3400" {
  vendor   = "NVIDIA"
  summary  = "144 ports of XDR 800G InfiniBand"
  source   = "derived: four spines of one unit of 72 nodes end its 576 cables"
  verified = false

  ports {
    data     = 144
    per_cage = 2
    rate     = "800Gb/s"
  }
}
