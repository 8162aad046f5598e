run "each host has its volumes" {
  assert {
    condition = alltrue([for n in design.nodes : length(n.volumes) > 0])
    message   = "A host has no volume."
  }
}

run "they come up" {
  bringup = true
}
