# A small Ethernet fabric to learn on: two rails, two leaves, one spine each way. The numbers are the author's own.
fabric "lab_rail2" {
  vendor   = "generic"
  summary  = "2 rails of 100G, one unit of 16 nodes, 2 leaf and 2 spine switches"
  source   = "author's number: a fabric for a bench"
  verified = false

  rails {
    count = 2
    rate  = "100Gb/s"
  }

  units "1" {
    nodes        = 16
    leaf         = 2
    spine        = 2
    node_cables  = 32
    spine_cables = 32
  }

  topology {
    shape    = "rail"
    protocol = "Ethernet"
    leaf     = "switch.sn5600"
    spine    = "switch.sn5600"
  }

  media "dac" {
    reach_m  = 2
    source   = "second-hand: passive copper of the 100G lane generation is sold to 2 m, and by some to 3 m"
    verified = false
  }

  media "acc" {
    reach_m  = 5
    source   = "second-hand: active copper of that generation is sold to 5 m"
    verified = false
  }

  media "mmf" {
    reach_m  = 50
    source   = "second-hand: optics of the 800G generation, by the vendor's sheet of their predecessor"
    verified = false
  }

  media "smf" {
    reach_m  = 500
    source   = "second-hand: optics of the 800G generation, by the vendor's sheet of their predecessor"
    verified = false
  }
}
