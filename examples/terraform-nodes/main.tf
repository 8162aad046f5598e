terraform {
  required_version = ">= 1.11"
  required_providers {
    metalwright = { source = "metalwright/metalwright" }
  }
}

# The blueprint says which nodes there are and whose law binds them; site.bind.hcl in its folder, how they are reached. What the
# nodes shall be is declared here.
provider "metalwright" {
  blueprint = "${path.module}/rack"
}

locals {
  nodes = {
    dell   = { controller = "BOSS", attributes = { SriovGlobalEnable = "Enabled" } }
    lenovo = { controller = "M.2", attributes = null }
  }
}

# Staged: nothing is sent to a BMC. Each resource checks what it declares and publishes it as its stage.
resource "metalwright_bios" "gpu" {
  for_each   = local.nodes
  node       = each.key
  apply      = "staged"
  profile    = "virtualisation"
  attributes = each.value.attributes
}

resource "metalwright_boot_order" "gpu" {
  for_each = local.nodes
  node     = each.key
  apply    = "staged"
  order    = ["Hdd", "Pxe"]
}

resource "metalwright_storage_volume" "boot" {
  for_each = local.nodes
  node     = each.key
  apply    = "staged"
  name     = "boot"
  raid     = "RAID1"
  drives   = { count = 2, controller = each.value.controller }
}

resource "metalwright_bmc_services" "gpu" {
  for_each = local.nodes
  node     = each.key
  apply    = "staged"
  ntp      = ["10.20.0.2"]
}

# One plan of everything that is staged of a node, and the fewest resets.
resource "metalwright_commit" "gpu" {
  for_each = local.nodes
  node     = each.key
  stages = {
    bios   = metalwright_bios.gpu[each.key].stage
    boot   = metalwright_boot_order.gpu[each.key].stage
    volume = metalwright_storage_volume.boot[each.key].stage
    bmc    = metalwright_bmc_services.gpu[each.key].stage
  }
}

output "resets" {
  value = { for n, c in metalwright_commit.gpu : n => c.resets }
}
