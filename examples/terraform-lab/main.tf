terraform {
  required_version = ">= 1.11"
  required_providers {
    metalwright = { source = "metalwright/metalwright" }
  }
}

# The folder holds the blueprint and site.bind.hcl, which says which BMC each node is, how its certificate is trusted and where
# its password is found. Nothing secret stands here or comes into the state.
provider "metalwright" {
  blueprint = "${path.module}/rack"
}

resource "metalwright_rack" "lab" {}

data "metalwright_node" "dgx" {
  node       = "dgx"
  depends_on = [metalwright_rack.lab] # as it is afterwards
}

output "resets" {
  value = metalwright_rack.lab.resets
}

output "minutes" {
  value = ceil(metalwright_rack.lab.estimated_duration_s / 60)
}

output "gpus_of_dgx" {
  value = length(data.metalwright_node.dgx.gpus)
}
