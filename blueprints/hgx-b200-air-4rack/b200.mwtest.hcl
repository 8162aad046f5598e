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

run "the fabric is there, and not planned" {
  assert {
    condition = contains([for e in design.unplanned : e.kind], "fabric")
    message   = "The fabric is not in the Design."
  }
}

run "the racks come up in the simulator" {
  bringup = true
}
