run "four nodes of eight GPUs" {
  assert {
    condition = length(node.gpu) == 4 && length(node.gpu) * hw.server.sys_821ge_tnhr.gpus == 32
    message   = "There are not 32 GPUs."
  }
  assert {
    condition = node.gpu["a01-n4"].u == 27
    message   = "The fourth node is not at U27."
  }
}

run "another profile" {
  variables {
    bios_profile = "virtualisation"
  }
  assert {
    condition = design.nodes[0].bios.attributes.IntelVirtualizationTechnology_3C6F.value == "Enable"
    message   = "The profile was not taken."
  }
}

run "another rack" {
  variables {
    rack = "b07"
  }
  assert {
    condition = contains(keys(node.gpu), "b07-n1")
    message   = "Nodes are not named after their rack."
  }
}

run "the rack comes up in the simulator" {
  bringup = true
}
