blueprint {
  name    = "provider-fleet"
  version = "1.0.0"
  summary = "As many nodes as are asked for, 18 a rack"
}

variable "nodes" {
  type    = number
  default = 18
}

locals {
  names = [for i in range(var.nodes) : format("n%02d", i + 1)]
}

rack "row" {
  count = ceil(var.nodes / 18)
  site  = site.lab
  model = hw.rack.eia_48u
}

node "svc" {
  for_each = { for i, name in local.names : name => i }
  hardware = hw.server.dell_r750
  at       = { rack = rack.row[floor(each.value / 18)], u = 1 + 2 * (each.value % 18) }
}
