blueprint {
  name     = "hgx-b200-air-4rack"
  version  = "1.0.0"
  summary  = "16x DGX B200 (128 GPU) in four air-cooled racks, NDR rail fabric, shared storage, training stack"
  requires = { metalwright = "~> 0.1" }
}

locals {
  racks = ["a01", "a02", "a03", "a04"]
  nodes = flatten([for r in local.racks : [for i in range(4) : { rack = r, slot = i, name = "${r}-n${i + 1}" }]])
}

rack "row_a" {
  for_each = toset(concat(local.racks, ["s01"])) # four of compute, one of services
  site     = site.dc
  model    = hw.rack.eia_48u
  position = "A/${index(concat(local.racks, ["s01"]), each.key) + 1}" # lengths of cables follow from it
  power {
    feeds       = 3  # with two, losing one leaves 3 x 3.3 kW for 14.3 kW
    contract_kw = 63 # what the contract says, not the name-plate of the strips
  }
}

node "gpu" {
  for_each = { for n in local.nodes : n.name => n }
  hardware = hw.server.dgx_b200 # 10U, 14.3 kW, 142.4 kg, 8 rails: all from the catalog
  at       = { rack = rack.row_a[each.value.rack], u = 3 + each.value.slot * 10 }
  role     = "worker"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
  }
  bios {
    profile = hw.server.dgx_b200.bios.training
  }
}

node "service" {
  count    = 3
  hardware = hw.server.generic_1u
  at       = { rack = rack.row_a["s01"], u = 1 + count.index }
  role     = "control"
  power    = "On"
  bmc {
    username   = var.bmc_username
    credential = secret(var.bmc_credential)
  }
}

firmware "hgx" {
  targets  = node.gpu
  baseline = fw.dgx_b200["2026.10"]
  rollout {
    canary       = 1
    max_parallel = 4
    on_error     = "halt"
  }
}

acceptance "handover" {
  targets                = node.gpu
  gpus_per_node          = 8
  degraded_nodes_allowed = 1
}

check "fits" {
  phase   = "plan"
  assert  = alltrue([for r in rack.row_a : r.used_u <= r.model.u && r.peak_kw <= r.power.contract_kw])
  message = "A rack is over its U space or its contracted feed."
}

switch "leaf" {
  for_each = toset([for i in range(8) : "leaf${i + 1}"])
  hardware = hw.switch.qm9700
  at       = { rack = rack.row_a["s01"], u = 8 + tonumber(trimprefix(each.key, "leaf")) }
}

switch "spine" {
  for_each = toset([for i in range(4) : "spine${i + 1}"])
  hardware = hw.switch.qm9700
  at       = { rack = rack.row_a["s01"], u = 18 + tonumber(trimprefix(each.key, "spine")) }
}

switch "oob" {
  hardware = hw.switch.sn2201
  at       = { rack = rack.row_a["s01"], u = 40 }
}

fabric "compute" {
  design     = hw.fabric.ndr400_rail8_su32 # 8 leaf and 4 spine switches, cabled for the full unit of 32
  attach     = node.gpu                    # rail r of node i goes to leaf r, port i
  leaf       = switch.leaf
  spine      = switch.spine
  management = switch.oob
  network    = "compute"
}

# What follows stands in the Design and is not planned by this version: the report of every plan says so.

storage "shared" {
  driver = "hitachi/vsp-one-block"
  at     = { address = "10.20.8.40", credential = secret(var.storage_credential) }
  volume "checkpoints" {
    size      = "200TiB"
    pool      = "dp-nvme-01"
    transport = "nvme-tcp"
  }
}

stack "train" {
  recipe   = recipes.rke2_training["1.34"]
  control  = node.service
  workers  = node.gpu
  topology = fabric.compute
}
