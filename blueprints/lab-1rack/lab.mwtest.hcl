run "a node of each dialect" {
  assert {
    condition = length(toset([for n in [node.dell, node.lenovo, node.hpe, node.smc, node.dgx, node.gb200] : n.hardware.dialect])) == 6
    message   = "Two nodes speak the same dialect."
  }
}

run "settings come from the profile and the node" {
  assert {
    condition = one([for n in design.nodes : n if n.name == "dell"]).bios.attributes.SysProfile.value == "PerfPerWattOptimizedOs"
    message   = "SysProfile of the service node is not that of its profile."
  }
  assert {
    condition = one([for n in design.nodes : n if n.name == "dell"]).bios.attributes.AcPwrRcvryUserDelay.value == 240
    message   = "The attribute written on the node is lost."
  }
}

run "another country, another policy" {
  variables {
    country = "JP"
  }
  assert {
    condition = one(design.regions).policy == "jp.baseline" && site.lab.country == "JP"
    message   = "The policy does not follow the country."
  }
}

run "the rack comes up in the simulator" {
  bringup = true
}
