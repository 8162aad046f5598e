blueprint {
  name     = "provider-rack"
  version  = "1.0.0"
  summary  = "Two nodes of two vendors: firmware, settings and a volume each"
  requires = { metalwright = "~> 0.1" }
}

rack "lab" {
  site  = site.lab
  model = hw.rack.eia_48u
  power {
    feeds       = 2
    contract_kw = 30
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

node "smc" {
  hardware = hw.server.sys_821ge_tnhr
  at       = { rack = rack.lab, u = 11 }
  role     = "worker"
  power    = "On"
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

firmware "dell" {
  targets  = node.dell
  baseline = fw.dell_r750["2026.11"]
}

firmware "smc" {
  targets  = node.smc
  baseline = fw.sys_821ge_tnhr["2026.11"]
}
