run "every node has two rails, on a leaf each" {
  assert {
    condition = length([for l in one(design.fabrics).links : l if l.a.kind == "node"]) == 8
    message   = "There are other than eight node cables."
  }
  assert {
    condition = one([for l in one(design.fabrics).links : l if l.a.device == "n3" && l.a.port == "rail2"]).b.port == "swp3"
    message   = "Rail 2 of the third node is not on port 3."
  }
}

run "labels, addresses and AS numbers follow from the design" {
  assert {
    condition = one([for l in one(design.fabrics).links : l if l.label == "0006"]).a.address == "10.20.20.19/31"
    message   = "Rail 2 of the third node has another address."
  }
  assert {
    condition = length(toset([for s in one(design.fabrics).switches : s.asn if s.role == "leaf"])) == 2
    message   = "The leaves have no AS number of their own."
  }
}

run "the rack comes up in the simulator" {
  bringup = true
}
