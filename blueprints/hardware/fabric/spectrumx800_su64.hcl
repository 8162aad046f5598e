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

  units "1" {
    nodes        = 64
    leaf         = 16
    spine        = 8
    node_cables  = 512
    spine_cables = 512
  }
}
