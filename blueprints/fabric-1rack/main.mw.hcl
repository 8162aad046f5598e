blueprint {
  name     = "fabric-1rack"
  version  = "1.0.0"
  summary  = "Four nodes on a two-rail Ethernet fabric: cables planned, verified and held against every plan"
  requires = { metalwright = "~> 0.1" }
}

rack "lab" {
  site     = site.lab
  model    = hw.rack.eia_48u
  position = "A/1"
  power {
    feeds       = 2
    contract_kw = 30
  }
}

node "lenovo" {
  for_each = { n1 = 1, n2 = 5 }
  hardware = hw.server.lenovo_sr670_v2
  at       = { rack = rack.lab, u = each.value }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
  }
  bios {
    profile = hw.server.lenovo_sr670_v2.bios.training
  }
  boot {
    order = ["Hdd", "Pxe"]
  }
}

node "hpe" {
  for_each = { n3 = 10, n4 = 15 } # height unknown: room is left above each
  hardware = hw.server.hpe_dl380a_gen11
  at       = { rack = rack.lab, u = each.value }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
  }
  bios {
    profile = hw.server.hpe_dl380a_gen11.bios.inference
  }
  boot {
    order = ["Hdd", "Pxe"]
  }
}

# Their chassis ids stand here because BMCs tell the address of a switch, and many not its name.
switch "leaf" {
  for_each   = { leaf1 = "48:b0:2d:00:00:01", leaf2 = "48:b0:2d:00:00:02" }
  hardware   = hw.switch.sn5600
  at         = { rack = rack.lab, u = each.key == "leaf1" ? 30 : 32 }
  os         = "cumulus"
  chassis_id = each.value
}

switch "spine" {
  for_each   = { spine1 = "48:b0:2d:00:00:11", spine2 = "48:b0:2d:00:00:12" }
  hardware   = hw.switch.sn5600
  at         = { rack = rack.lab, u = each.key == "spine1" ? 36 : 38 }
  os         = "sonic"
  chassis_id = each.value
}

switch "oob" {
  hardware = hw.switch.sn2201
  at       = { rack = rack.lab, u = 41 }
  os       = "cumulus"
}

fabric "compute" {
  design     = hw.fabric.lab_rail2
  attach     = [node.lenovo, node.hpe]
  leaf       = switch.leaf
  spine      = switch.spine
  management = switch.oob
  network    = "rails"
}

firmware "lenovo" {
  targets  = node.lenovo
  baseline = fw.lenovo_sr670_v2["2026.11"]
}

firmware "hpe" {
  targets  = node.hpe
  baseline = fw.hpe_dl380a_gen11["2026.11"]
}
