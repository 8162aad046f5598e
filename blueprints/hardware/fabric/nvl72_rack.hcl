# The management network of one NVL72 rack: every endpoint to one of its two management switches. NVLink itself is no cable plan: the
# rack comes with it. How many leaves the scale-out of NVL72 takes was not read, so nothing of it is computed.
fabric "nvl72_rack" {
  vendor   = "NVIDIA"
  summary  = "management cables of an NVL72 rack: 71 endpoints on two switches"
  source   = "second-hand: 71 = 18 trays, 9 NVLink switch trays, 8 power shelves and 36 DPUs"
  verified = false

  topology { shape = "management" }
}
