variable "country" {
  type        = string
  default     = "AU"
  description = "Where the rack stands: the jurisdiction whose baseline policy applies."
  validation {
    condition     = contains(["AU", "JP", "MY", "SG"], var.country)
    error_message = "No policy profile ships for ${var.country}."
  }
}

variable "bmc_username" {
  type    = string
  default = "admin"
}

variable "bmc_credential" {
  type        = string
  default     = "env:METALWRIGHT_BMC_PASSWORD"
  description = "Where the BMC password is found, never the password: env:NAME, file:PATH, age:PATH."
}

variable "claim" {
  type        = bool
  default     = false
  description = "true: the accounts of the BMCs are Metalwright's own. Factory-fresh BMCs are claimed, passwords are kept in escrow."
}

region "home" {
  jurisdiction = var.country
  policy       = policies[lower(var.country)].baseline
}

site "lab" {
  region  = region.home
  country = var.country
  endpoints { # the closed list: nothing else may be dialled
    registry  = "https://registry.lab.example"
    artifacts = "https://mirror.lab.example"
    telemetry = "https://otlp.lab.example:4317"
    ntp       = ["10.20.0.2", "10.20.0.3"]
    dns       = ["10.20.0.2", "10.20.0.3"]
  }
  network "management" { cidr = "10.20.8.0/22" }
  network "inband" { cidr = "10.20.16.0/22" }
  cooling { offers = ["air", "liquid"] }
}
