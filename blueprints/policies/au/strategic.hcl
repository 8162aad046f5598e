# HCF Strategic hosting on top of ISM PROTECTED: operators in AU too.
policy "au" "strategic" {
  jurisdiction = "AU"
  extends      = policies.au.protected
  serial       = 3
  reviewed     = "2026-11-23"
  summary      = "HCF Strategic hosting, ISM PROTECTED"

  framework "hcf" {
    version  = "Strategic"
    verified = true
  }

  reside {
    operators = ["AU"]
  }

  rule "endpoint.closed" {
    severity  = "error"
    waivable  = true
    evidences = ["ism-0631", "ism-1182"]
  }

  rule "operator.local" {
    severity  = "error"
    waivable  = true
    evidences = ["ism-1613"]
  }

  rule "foci.declared" {
    severity = "warning"
    waivable = true
  }
}
