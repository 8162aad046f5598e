# ISMAP has more than 1000 criteria; none is named here because their texts were not read.
policy "jp" "baseline" {
  jurisdiction = "JP"
  serial       = 1
  reviewed     = "2026-11-23"
  summary      = "ISMAP mapping; control texts unverified"

  framework "ismap" {
    verified = false
  }

  reside {
    storage    = ["JP"]
    processing = ["JP"]
    keys       = ["JP"]
    logs       = ["JP"]
    backup     = ["JP"]
    artifacts  = ["JP"]
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
