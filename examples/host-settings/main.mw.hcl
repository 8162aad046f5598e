# Three vendors, one setup: a profile that fits every platform, ports, Secure Boot, and a host that goes back to its defaults.

blueprint {
  name    = "host-settings"
  version = "0.1.0"
  summary = "One BIOS profile, port settings and Secure Boot on hosts of three vendors"
}

region "home" {
  jurisdiction = "AU"
  policy       = policies.au.baseline
}

site "lab" {
  region  = region.home
  country = "AU"
  endpoints { # the closed list: nothing else may be dialled
    artifacts = "https://mirror.lab.example"
    ntp       = ["10.20.0.2"]
    dns       = ["10.20.0.2"]
  }
  network "management" { cidr = "10.20.8.0/24" }
}

rack "r1" {
  site  = site.lab
  model = hw.rack.eia_48u
}

locals {
  hosts = {
    dell = { hardware = hw.server.dell_r750, u = 1 }
    hpe  = { hardware = hw.server.hpe_dl380a_gen11, u = 5 }
    smc  = { hardware = hw.server.sys_821ge_tnhr, u = 10 }
  }
}

node "host" {
  for_each = local.hosts
  hardware = each.value.hardware
  at       = { rack = rack.r1, u = each.value.u }
  power    = "On"
  bmc {
    credential = secret("env:BMC_PASSWORD")
  }
  bios {
    profile = profiles.training                           # resolved against each node's own attribute registry
    intents = { power_restore = "last", above_4g = null } # wins over the profile; null takes one out
    drift   = "all"                                       # what differs from the last clean apply is drift, too
  }
  boot {
    order = ["Hdd", "UefiHttp"]
    secure_boot {
      keys   = "default"
      enable = true
    }
  }
}

# Ports can be set on this host: SR-IOV on, and no port boots from the network.
node "gateway" {
  hardware = hw.server.hpe_dl380a_gen11
  at       = { rack = rack.r1, u = 20 }
  power    = "On"
  bmc {
    credential = secret("env:BMC_PASSWORD")
  }
  bios {
    attributes = { ThermalConfig = "MaxCooling" }
    reset { # everything that stands not above goes to its default, in the same reset of the host
      owner  = "ops@lab.example"
      reason = "re-delivered from another site"
    }
  }
  nics {
    port "all" {
      adapter = "MCX755106AC" # a part of the adapter's id, name or model
      sr_iov  = true
      boot    = "none"
    }
  }
}
