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
}
