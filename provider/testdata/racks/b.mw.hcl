# The second rack, in a file of its own so that it can be taken out.
rack "b" {
  site  = site.lab
  model = hw.rack.eia_48u
  power {
    feeds       = 2
    contract_kw = 10
  }
}

node "b1" {
  hardware = hw.server.dell_r750
  at       = { rack = rack.b, u = 5 }
  role     = "service"
  power    = "On"
  bios {
    profile    = hw.server.dell_r750.bios.virtualisation
    attributes = { AcPwrRcvryUserDelay = var.site_delay_s }
  }
}
