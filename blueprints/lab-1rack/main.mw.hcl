blueprint {
  name     = "lab-1rack"
  version  = "1.0.0"
  summary  = "One rack with a node of each of six vendors' BMC dialects: the demonstration"
  requires = { metalwright = "~> 0.1" }
}

rack "lab" {
  site     = site.lab
  model    = hw.rack.eia_48u
  position = "A/1"
  power {
    feeds       = 3 # the DGX has six supplies: losing one of two feeds leaves 3 x 3.3 kW, less than its 10.2 kW
    contract_kw = 60
  }
}

# The service node: firmware, settings and a local volume in one host reset.
node "dell" {
  hardware = hw.server.dell_r750
  at       = { rack = rack.lab, u = 1 }
  role     = "service"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
    account {
      enabled         = var.claim
      factory_account = "delete"
    }
  }
  bios {
    profile    = hw.server.dell_r750.bios.virtualisation
    attributes = { AcPwrRcvryUserDelay = 240 } # staggers the racks of a room after a power cut
  }
  boot {
    mode  = "UEFI"
    order = ["Hdd", "Pxe"]
  }
  disks {
    volume "boot" {
      raid = "RAID1"
      drives {
        count      = 2
        controller = "BOSS"
      }
    }
  }
}

node "lenovo" {
  hardware = hw.server.lenovo_sr670_v2
  at       = { rack = rack.lab, u = 3 }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
    account {
      enabled         = var.claim
      factory_account = "delete"
    }
  }
  bios {
    profile = hw.server.lenovo_sr670_v2.bios.training
  }
  boot {
    order = ["Hdd", "Pxe"]
  }
  disks {
    volume "boot" {
      raid = "RAID1"
      drives {
        count      = 2
        controller = "M.2"
      }
    }
  }
}

node "hpe" {
  hardware = hw.server.hpe_dl380a_gen11 # height unknown: room is left above it
  at       = { rack = rack.lab, u = 6 }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
    account {
      enabled         = var.claim
      factory_account = "delete"
    }
  }
  bios {
    profile = hw.server.hpe_dl380a_gen11.bios.inference
  }
  boot {
    order = ["Hdd", "Pxe"]
  }
  disks {
    volume "data" {
      raid = "RAID1"
      drives {
        count      = 2
        min_size   = "6TB"
        controller = "MR416i"
      }
    }
  }
  nics {
    port "rails" {
      adapter = "MCX755106AC" # shipped for either protocol
      link    = "ethernet"
    }
  }
}

node "smc" {
  hardware = hw.server.sys_821ge_tnhr
  at       = { rack = rack.lab, u = 11 }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
    account {
      enabled         = var.claim
      factory_account = "delete"
    }
  }
  bios {
    profile = hw.server.sys_821ge_tnhr.bios.training
  }
  boot {
    order = ["Hdd", "Pxe"]
  }
  disks {
    volume "boot" {
      raid = "RAID1"
      drives {
        count      = 2
        controller = "SAS3908"
      }
    }
  }
}

node "dgx" {
  hardware = hw.server.dgx_h100
  at       = { rack = rack.lab, u = 19 }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
    account {
      enabled         = var.claim
      factory_account = "delete"
    }
  }
  bios { # its boot order is not managed: correcting it is unsafe on this platform
    profile = hw.server.dgx_h100.bios.training
  }
}

node "gb200" {
  hardware = hw.server.gb200_compute_tray
  at       = { rack = rack.lab, u = 27 }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
    account {
      enabled         = var.claim
      factory_account = "delete"
    }
  }
  bios {
    profile = hw.server.gb200_compute_tray.bios.training
  }
  boot {
    order = ["Hdd", "Pxe"]
  }
}

# Two rails, for the three nodes with Ethernet adapters. A node whose cable is known to be another is not started.
switch "leaf" {
  for_each   = { leaf1 = "48:b0:2d:00:00:01", leaf2 = "48:b0:2d:00:00:02" }
  hardware   = hw.switch.sn5600
  at         = { rack = rack.lab, u = each.key == "leaf1" ? 36 : 38 }
  os         = "cumulus"
  chassis_id = each.value # BMCs tell the address of a switch, and many not its name
}

switch "spine" {
  for_each   = { spine1 = "48:b0:2d:00:00:11", spine2 = "48:b0:2d:00:00:12" }
  hardware   = hw.switch.sn5600
  at         = { rack = rack.lab, u = each.key == "spine1" ? 32 : 34 }
  os         = "sonic"
  chassis_id = each.value
}

switch "oob" {
  hardware   = hw.switch.sn2201
  at         = { rack = rack.lab, u = 41 }
  os         = "cumulus"
  chassis_id = "48:b0:2d:00:00:21"
}

fabric "rails" {
  design     = hw.fabric.lab_rail2
  attach     = [node.dell, node.lenovo, node.hpe]
  leaf       = switch.leaf
  spine      = switch.spine
  management = switch.oob
}

firmware "dell" {
  targets  = node.dell
  baseline = fw.dell_r750["2026.11"]
}

firmware "lenovo" {
  targets  = node.lenovo
  baseline = fw.lenovo_sr670_v2["2026.11"]
}

firmware "hpe" {
  targets  = node.hpe
  baseline = fw.hpe_dl380a_gen11["2026.11"]
}

firmware "smc" {
  targets  = node.smc
  baseline = fw.sys_821ge_tnhr["2026.11"]
}

firmware "dgx" {
  targets  = node.dgx
  baseline = fw.dgx_h100["2026.11"]
}

firmware "gb200" {
  targets  = node.gb200
  baseline = fw.gb200_compute_tray["2026.11"]
}

acceptance "handover" {
  targets       = [node.smc, node.dgx]
  gpus_per_node = 8
}

check "eight_gpus" {
  phase   = "plan"
  assert  = alltrue([for n in [node.smc, node.dgx, node.lenovo] : n.hardware.gpus == 8])
  message = "A training node has other than eight GPUs."
}
