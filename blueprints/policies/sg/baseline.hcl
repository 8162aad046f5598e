# No clause is named: clause numbers of the guidelines were not verified.
policy "sg" "baseline" {
  jurisdiction = "SG"
  serial       = 1
  reviewed     = "2026-11-23"
  summary      = "MAS TRM (January 2021) and PDPA mapping; clause numbers unverified"

  framework "mas-trm" {
    verified = false
  }

  reside {
    storage    = ["SG"]
    processing = ["SG"]
    keys       = ["SG"]
    logs       = ["SG"]
    backup     = ["SG"]
    artifacts  = ["SG"]
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
