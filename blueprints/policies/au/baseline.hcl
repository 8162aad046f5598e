# Mapping to ISM controls of the OFFICIAL: Sensitive profile. The catalog of controls itself is not shipped; only ids are named.
policy "au" "baseline" {
  jurisdiction = "AU"
  serial       = 1
  reviewed     = "2026-11-23"
  summary      = "OFFICIAL: Sensitive"

  framework "ism" {
    catalog  = "ISM_OFFICIAL_SENSITIVE-baseline-resolved-profile_catalog.json"
    version  = "2025.12.9"
    verified = true
  }

  reside {
    storage    = ["AU"]
    processing = ["AU"]
    keys       = ["AU"]
    logs       = ["AU"]
    backup     = ["AU"]
    artifacts  = ["AU"] # the mirror, not the origin of the software
  }

  erase "flash" {
    accept {
      method    = "overwrite"
      passes    = 2
      pattern   = "random"
      read_back = "full"
      evidences = ["ism-0359"]
    }
    then = ["block", "crypto"] # one of these afterwards, where the drive has it: reaches the spare area
  }

  erase "volatile" {
    power_off = "10m"
    evidences = ["ism-0351"]
  }

  rule "place.match" {
    severity = "error"
    waivable = false
  }

  rule "endpoint.closed" {
    severity  = "error"
    waivable  = true
    evidences = ["ism-0631", "ism-1182"]
  }

  rule "bmc.isolated" {
    severity  = "warning"
    waivable  = true
    evidences = ["ism-1385", "ism-1386", "ism-1387", "ism-1863", "ism-0529"]
  }

  rule "bmc.creds" {
    severity   = "warning"
    waivable   = true
    min_length = 30
    evidences  = ["ism-0383", "ism-1304", "ism-1795", "ism-1954"]
  }

  rule "catalog.fresh" {
    severity = "warning"
    waivable = true
  }
}
