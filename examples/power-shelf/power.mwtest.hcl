run "one domain" {
  assert {
    condition = length(design.power_shelves) == 2 && length(design.nodes) == 4
    message   = "The corner has two shelves and four nodes."
  }
}

run "it comes up" {
  bringup = true
}
