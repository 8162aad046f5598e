run "one profile for three vendors" {
  assert {
    condition = alltrue([for n in design.nodes : n.bios.profile == "training" if n.name != "gateway"])
    message   = "A host has another profile."
  }
}

run "they come up" {
  bringup = true
}
