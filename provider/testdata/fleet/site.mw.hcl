
region "home" {
  jurisdiction = "AU"
  policy       = policies.au.baseline
}

site "lab" {
  region  = region.home
  country = "AU"
  endpoints { # the closed list: nothing else may be dialled
    registry  = "https://registry.lab.example"
    artifacts = "https://mirror.lab.example"
    telemetry = "https://otlp.lab.example:4317"
    ntp       = ["10.20.0.2", "10.20.0.3"]
    dns       = ["10.20.0.2", "10.20.0.3"]
  }
  network "management" { cidr = "10.20.8.0/22" }
  network "inband" { cidr = "10.20.16.0/22" }
  cooling { offers = ["air"] }
}
