# A small factory: one rack of 32 GPUs from the catalog, and one of its own beside it. Both stand on one site, under one law.

blueprint {
  name    = "factory-lab"
  version = "0.1.0"
  summary = "A training rack from the catalog and a service rack of our own"
}

variable "country" {
  type        = string
  default     = "AU"
  description = "Where the racks stand: the jurisdiction whose baseline policy applies."
}

# Everything that is not named here is as the catalog's blueprint has it.
use "training" {
  blueprint      = "hgx-h100-4node"
  rack           = "a01"
  country        = var.country
  bios_profile   = "training"
  bmc_credential = "env:FACTORY_BMC_PASSWORD"
}

region "home" {
  jurisdiction = var.country
  policy       = policies[lower(var.country)].baseline
}

site "hall1" {
  region  = region.home
  country = var.country
  endpoints { # the closed list: nothing else may be dialled
    artifacts = "https://mirror.hall1.example"
    telemetry = "https://otlp.hall1.example:4317"
    ntp       = ["10.30.0.2", "10.30.0.3"]
    dns       = ["10.30.0.2", "10.30.0.3"]
  }
  network "management" { cidr = "10.30.8.0/24" }
}

rack "service" {
  site  = site.hall1
  model = hw.rack.eia_48u
}

# Three service nodes: login, scheduler, storage gateway. They differ in their place and in nothing else.
node "service" {
  for_each = { login = 1, scheduler = 3, gateway = 5 }
  hardware = hw.server.dell_r750
  at       = { rack = rack.service, u = each.value }
  role     = "service"
  power    = "On"
  bmc {
    credential = secret("env:FACTORY_BMC_PASSWORD")
  }
  bios {
    profile = hw.server.dell_r750.bios.virtualisation
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

firmware "service" {
  targets  = node.service
  baseline = fw.dell_r750["2026.11"]
  rollout {
    canary   = 1
    on_error = "halt"
  }
}

acceptance "handover" {
  targets       = node.service
  gpus_per_node = 0
}

output "nodes" {
  value = length(node.service)
}
