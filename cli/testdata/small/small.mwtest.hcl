run "two nodes in one rack" {
  assert {
    condition = length(design.nodes) == 2
    message   = "There are not two nodes."
  }
}

run "they come up" {
  bringup = true
}
