blueprint {
  name     = "provider-racks"
  version  = "1.0.0"
  summary  = "Two racks with a node each"
  requires = { metalwright = "~> 0.1" }
}

rack "a" {
  site  = site.lab
  model = hw.rack.eia_48u
  power {
    feeds       = 2
    contract_kw = 10
  }
}

node "a1" {
  hardware = hw.server.dell_r750
  at       = { rack = rack.a, u = 1 }
  role     = "service"
  power    = "On"
  bios {
    profile    = hw.server.dell_r750.bios.virtualisation
    attributes = { AcPwrRcvryUserDelay = var.site_delay_s }
  }
}
