# NVIDIA SN5600, Spectrum-4 Ethernet. Weight and power were not read.
switch "sn5600" {
  vendor   = "NVIDIA"
  summary  = "64 ports of 800G Ethernet"
  source   = "second-hand: 2U"
  verified = false

  form {
    u       = 2
    cooling = "air"
  }

  ports {
    data     = 64
    rate     = "800Gb/s"
    source   = "vendor: NVIDIA SN5000 hardware user manual, data interfaces (docs.nvidia.com)"
    verified = true
  }
}
