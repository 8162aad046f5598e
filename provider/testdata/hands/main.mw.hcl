blueprint {
  name    = "provider-hands"
  version = "1.0.0"
  summary = "Nodes of four vendors that a blueprint says nothing about: what the resources of Terraform declare"
}

rack "lab" {
  site  = site.lab
  model = hw.rack.eia_48u
  power {
    feeds       = 2
    contract_kw = 40
  }
}

node "dell" {
  hardware = hw.server.dell_r750
  at       = { rack = rack.lab, u = 1 }
}

node "lenovo" {
  hardware = hw.server.lenovo_sr670_v2
  at       = { rack = rack.lab, u = 3 }
}

node "hpe" {
  hardware = hw.server.hpe_dl380a_gen11
  at       = { rack = rack.lab, u = 6 }
}

node "smc" {
  hardware = hw.server.sys_821ge_tnhr
  at       = { rack = rack.lab, u = 11 }
}
