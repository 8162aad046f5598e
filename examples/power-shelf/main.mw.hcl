blueprint {
  name    = "power-shelf"
  version = "1.0.0"
  summary = "A corner of an NVL72: two power shelves, a switch tray and three compute trays on one busbar"
}

variable "username" {
  type    = string
  default = "admin"
}

variable "credential" {
  type    = string
  default = "env:METALWRIGHT_BMC_PASSWORD"
}

region "home" {
  jurisdiction = "AU"
  policy       = policies.au.baseline
}

site "dc" {
  region  = region.home
  country = "AU"
}

rack "nvl" {
  for_each = toset(["a01"])
  site     = site.dc
  model    = hw.rack.gb200_nvl72
  position = "row 3"
  power {
    contract_kw = 60
    stagger     = "2s" # 2 s to 5 s between two power-ons
  }
  facts {
    u      = 48
    source = "drawing of the frame"
  }
}

power_shelf "ps" {
  for_each = { a01-ps1 = { u = 40, feed = "A" }, a01-ps2 = { u = 41, feed = "B" } }
  hardware = hw.shelf.liteon_pf_1333_7r
  at       = { rack = rack.nvl["a01"], u = each.value.u }
  feed     = each.value.feed
  bmc {
    username   = var.username
    credential = secret(var.credential)
  }
}

node "tray" {
  for_each = { a01-t1 = 10, a01-t2 = 11, a01-t3 = 12 }
  hardware = hw.server.gb200_compute_tray
  at       = { rack = rack.nvl["a01"], u = each.value }
  power    = "On"
  bmc {
    username   = var.username
    credential = secret(var.credential)
  }
  bios {
    profile = hw.server.gb200_compute_tray.bios["training"]
  }
  facts { # the catalog does not know it
    peak_kw = 6.3
    source  = "measured at the rack"
  }
}

node "switch" {
  hardware = hw.server.generic_1u # until the catalog has the tray itself
  role     = "switch_tray"        # up before the compute trays, down after them
  at       = { rack = rack.nvl["a01"], u = 20 }
  power    = "On"
  bmc {
    username   = var.username
    credential = secret(var.credential)
  }
}
