# ASUS XA NB3I-E12, an HGX B300 of an OEM. All of it is second-hand; weight is unknown.
server "asus_xa_nb3i_e12" {
  vendor   = "ASUS"
  summary  = "8x B300 (HGX), air, 9U"
  source   = "second-hand: a published B300 site plan"
  verified = false

  form {
    u       = 9
    cooling = "air"
  }

  power {
    peak_kw   = 14.5 # sustained
    supplies  = 10
    supply_kw = 3.2
    required  = 5 # 5+5
  }

  gpu {
    manufacturer = "NVIDIA"
    model        = "B300"
    count        = 8
  }
}
