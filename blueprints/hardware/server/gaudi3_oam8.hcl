# A node with eight Intel Gaudi 3. Form and power are unknown.
server "gaudi3_oam8" {
  vendor   = "Intel"
  summary  = "8x Gaudi 3 (OAM), Ethernet scale-out"
  source   = "vendor: Intel Gaudi documentation, network configuration (docs.habana.ai)"
  verified = true

  gpu {
    manufacturer = "Intel"
    model        = "Gaudi 3"
    count        = 8
  }

  rails { # three 200G links of each of eight go out, over six OSFP ports
    count = 24
    rate  = "200Gb/s"
    ports = 6
  }
}
