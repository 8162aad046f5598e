# NVIDIA SN2201, the management switch of an NVL72.
switch "sn2201" {
  vendor   = "NVIDIA"
  summary  = "management switch"
  source   = "derived: 37 units of an NVL72 are 18 + 9 + 8 + 2"
  verified = false

  form {
    u       = 1
    cooling = "air"
  }

  power {
    peak_kw  = 0.1
    source   = "second-hand: about 100 W"
    verified = false
  }

  ports {
    management = 48
    source     = "second-hand: 48 ports of 1G copper and four of 100G"
    verified   = false
  }
}
