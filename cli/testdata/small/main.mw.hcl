blueprint {
  name    = "small"
  version = "0.1.0"
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
    telemetry = "https://otlp.lab.example:4317"
    ntp       = ["10.20.0.2"]
    dns       = ["10.20.0.2"]
  }
  network "management" { cidr = "10.20.8.0/24" }
}

rack "r1" {
  site  = site.lab
  model = hw.rack.eia_48u
}

node "svc" {
  for_each = { n1 = 1, n2 = 4 }
  hardware = hw.server.dell_r750
  at       = { rack = rack.r1, u = each.value }
  role     = "service"
  power    = "On"
  bmc {
    credential = secret("env:BMC_PASSWORD")
  }
  bios {
    attributes = { SriovGlobalEnable = "Enabled" } # virtual functions
  }
}
