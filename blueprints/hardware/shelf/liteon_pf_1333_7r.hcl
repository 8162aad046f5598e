# Lite-On power shelf of an NVL72. It can be reset by PowerCycle only.
shelf "liteon_pf_1333_7r" {
  vendor   = "Lite-On"
  summary  = "33 kW power shelf, 6 supplies"
  source   = "recorded: PF-1333-7R"
  verified = true

  identity {
    manufacturer = "LITE-ON TECHNOLOGY CORP."
    models       = ["PF-1333-7R"]
  }

  form {
    u        = 1
    source   = "vendor: NVIDIA DGX GB200 user guide, hardware (docs.nvidia.com)"
    verified = true
  }

  power {
    supplies  = 6
    supply_kw = 5.5
    output_kw = 33
  }
}
