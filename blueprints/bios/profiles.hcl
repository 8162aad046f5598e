# BIOS profiles that fit every platform: sets of intents (intents.hcl). What a node's registry does not offer is a named warning,
# or an error where the blueprint says strict. Which settings suit which work is our own choice, so none of it is verified.

profile "training" {
  summary  = "long jobs on all GPUs: no power saving, no surprises after a power failure"
  source   = "the profiles of the hardware entries, brought to one set"
  verified = false
  intents = {
    above_4g        = "on"
    c_states        = "off"
    hyper_threading = "on"
    iommu           = "on"
    numa_per_socket = "1"
    performance     = "maximum"
    power_restore   = "on"
    sr_iov          = "on"
    turbo           = "on"
  }
}

profile "inference" {
  summary  = "short requests: steady latency, power saving off"
  source   = "the profiles of the hardware entries, brought to one set"
  verified = false
  intents = {
    above_4g        = "on"
    c_states        = "off"
    hyper_threading = "on"
    numa_per_socket = "1"
    performance     = "maximum"
    power_restore   = "on"
    sr_iov          = "on"
    turbo           = "on"
  }
}

profile "virtualisation" {
  summary  = "hosts of virtual machines with devices passed through"
  source   = "the profiles of the hardware entries, brought to one set"
  verified = false
  intents = {
    above_4g        = "on"
    hyper_threading = "on"
    iommu           = "on"
    power_restore   = "last"
    sr_iov          = "on"
    virtualisation  = "on"
  }
}
