blueprint {
  name     = "hgx-h100-4node"
  version  = "1.0.0"
  summary  = "4x SYS-821GE-TNHR (32 H100) in one 48U rack"
  requires = { metalwright = "~> 0.1" }
}

locals {
  nodes = { for i in range(4) : "${var.rack}-n${i + 1}" => { u = 3 + i * 8 } }
}

rack "compute" {
  for_each = toset([var.rack])
  site     = site.dc
  model    = hw.rack.eia_48u
  power {
    feeds       = 2
    contract_kw = var.contract_kw
  }
}

node "gpu" {
  for_each = local.nodes
  hardware = hw.server.sys_821ge_tnhr
  at       = { rack = rack.compute[var.rack], u = each.value.u }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
  }
  bios {
    profile = hw.server.sys_821ge_tnhr.bios[var.bios_profile]
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

firmware "hgx" {
  targets  = node.gpu
  baseline = fw.sys_821ge_tnhr["2026.11"]
  rollout {
    canary       = 1
    max_parallel = 3
    on_error     = "halt"
  }
}

acceptance "handover" {
  targets       = node.gpu
  gpus_per_node = 8
}

check "fits" {
  phase   = "plan"
  assert  = alltrue([for r in rack.compute : r.used_u <= r.model.u])
  message = "The rack is over its U space."
}

output "gpus" {
  value = length(node.gpu) * hw.server.sys_821ge_tnhr.gpus
}
