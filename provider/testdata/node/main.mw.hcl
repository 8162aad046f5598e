blueprint {
  name     = "provider-node"
  version  = "1.0.0"
  summary  = "One node and its settings"
  requires = { metalwright = "~> 0.1" }
}

rack "lab" {
  site  = site.lab
  model = hw.rack.eia_48u
  power {
    feeds       = 2
    contract_kw = 10
  }
}

node "dell" {
  hardware = hw.server.dell_r750
  at       = { rack = rack.lab, u = 1 }
  role     = "service"
  power    = "On"
  bios {
    profile    = hw.server.dell_r750.bios.virtualisation
    attributes = { AcPwrRcvryUserDelay = var.site_delay_s }
  }
}
