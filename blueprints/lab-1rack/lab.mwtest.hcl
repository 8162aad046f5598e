run "six nodes fit one rack" {
  assert {
    condition = length(keys(hw.server)) > 0 && rack.lab.used_u <= rack.lab.model.u
    message   = "The nodes do not fit the rack."
  }
}

run "settings come from the profile and the node" {
  assert {
    condition = node.dell.bios.attributes.SysProfile == "PerfPerWattOptimizedOs"
    message   = "SysProfile of the service node is not that of its profile."
  }
  assert {
    condition = node.dell.bios.attributes.AcPwrRcvryUserDelay == 240
    message   = "The attribute written on the node is lost."
  }
}

run "another country, another policy" {
  variables {
    country = "JP"
  }
  assert {
    condition = region.home.policy.key == "jp.baseline" && site.lab.country == "JP"
    message   = "The policy does not follow the country."
  }
}

run "the rack comes up in the simulator" {
  bringup = true
}
