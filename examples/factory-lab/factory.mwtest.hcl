run "two racks, seven nodes" {
  assert {
    condition = length(design.racks) == 2 && length(design.nodes) == 7
    message   = "The factory has other racks or nodes than it says."
  }
}

run "elsewhere another law holds" {
  variables {
    country = "SG"
  }
  assert {
    condition = alltrue([for s in design.sites : s.country == "SG"])
    message   = "A site did not move with the factory."
  }
}

run "both racks come up" {
  bringup = true
}
