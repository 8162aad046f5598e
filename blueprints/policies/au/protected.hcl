# Mapping to ISM controls of the PROTECTED profile.
policy "au" "protected" {
  jurisdiction = "AU"
  extends      = policies.au.baseline
  serial       = 1
  reviewed     = "2026-11-23"
  summary      = "ISM PROTECTED"

  framework "ism" {
    catalog  = "ISM_PROTECTED-baseline-resolved-profile_catalog.json"
    version  = "2025.12.9"
    verified = true
  }

  reside {
    transit = ["AU"]
  }

  rule "bmc.isolated" {
    severity  = "error"
    waivable  = true
    evidences = ["ism-1385", "ism-1386", "ism-1387", "ism-1863", "ism-0529"]
  }

  rule "bmc.creds" {
    severity   = "error"
    waivable   = true
    min_length = 30
    evidences  = ["ism-0383", "ism-1304", "ism-1795", "ism-1954"]
  }
}
