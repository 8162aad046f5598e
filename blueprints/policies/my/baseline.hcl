# The Act is in force since 2024-08-26; its duties fall on owners of national critical infrastructure.
policy "my" "baseline" {
  jurisdiction = "MY"
  serial       = 1
  reviewed     = "2026-11-23"
  summary      = "Cyber Security Act 2024 and PDPA mapping; texts unverified"

  framework "csa2024" {
    verified = false
  }

  reside {
    storage    = ["MY"]
    processing = ["MY"]
    keys       = ["MY"]
    logs       = ["MY"]
    backup     = ["MY"]
    artifacts  = ["MY"]
  }

  rule "place.match" {
    severity = "error"
    waivable = false
  }

  rule "endpoint.closed" {
    severity = "error"
    waivable = true
  }

  rule "bmc.creds" {
    severity   = "warning"
    waivable   = true
    min_length = 20
  }

  rule "catalog.fresh" {
    severity = "warning"
    waivable = true
  }
}
