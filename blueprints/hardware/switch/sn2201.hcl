# NVIDIA SN2201, the management switch of an NVL72. Its ports were not read.
switch "sn2201" {
  vendor   = "NVIDIA"
  summary  = "management switch"
  source   = "derived: 37 units of an NVL72 are 18 + 9 + 8 + 2"
  verified = false

  form {
    u = 1
  }
}
