# Local storage of two hosts: a RAID5 with its own hot spare, a boot mirror, and drives that may come from another controller.

blueprint {
  name    = "local-storage"
  version = "0.1.0"
  summary = "Volumes, hot spares and keys of the controllers in two hosts"
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

node "hpe" {
  hardware = hw.server.hpe_dl380a_gen11
  at       = { rack = rack.r1, u = 1 }
  power    = "On"
  bmc {
    credential = secret("env:BMC_PASSWORD")
  }
  disks {
    volume "boot" {
      raid = "RAID1"
      drives { bays = ["Bay 0", "Bay 1"] }
    }
    volume "scratch" {
      raid        = "RAID5"
      strip       = "256KiB"
      write_cache = "back"
      initialize  = "fast" # once, right after it was made
      drives {
        count    = 4
        min_size = "5TB"
      }
      spares { count = 1 } # free, on the same controller, as large as the largest member
    }
  }
}

node "dell" {
  hardware = hw.server.dell_r750
  at       = { rack = rack.r1, u = 8 }
  power    = "On"
  bmc {
    credential = secret("env:BMC_PASSWORD")
  }
  disks {
    foreign = "import" # what drives bring from another controller is taken over
    volume "boot" {
      raid  = "RAID1"
      share = 90 # the rest stays free
      drives {
        count      = 2
        controller = "BOSS" # a part of the controller's id or name
      }
    }
  }
}
