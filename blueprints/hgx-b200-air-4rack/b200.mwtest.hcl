run "sixteen nodes, 128 GPUs" {
  assert {
    condition = length(node.gpu) * hw.server.dgx_b200.gpus == 128
    message   = "There are not 128 GPUs."
  }
}

run "four nodes fill a rack" {
  assert {
    condition = rack.row_a["a01"].used_u == 40 && rack.row_a["a01"].peak_kw == 57.2
    message   = "A compute rack holds other than four nodes of 10U and 14.3 kW."
  }
}

run "every cable of the unit is planned" {
  assert {
    condition = length([for l in one(design.fabrics).links : l if l.network == "compute"]) == 16 * 8 + 4 + 256
    message   = "There are other than eight cables a node, four of the manager and 256 between leaf and spine."
  }
  assert {
    condition = one([for l in one(design.fabrics).links : l if l.a.device == "a02-n1" && l.a.port == "rail3"]).b.device == "leaf3"
    message   = "Rail 3 is not on leaf 3."
  }
}

run "the racks come up in the simulator" {
  bringup = true
}
