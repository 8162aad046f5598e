# ThinkSystem SR670 V2: XCC, UEFI and the adapter in slot 1 or, as recorded, slot 15.
#
# ILLUSTRATIVE: versions, files and digests are made for the simulator, so that a rack can be brought up without hardware.
# Before real hardware is touched, a site writes its own baseline with the vendor's files. Selectors, order and reset classes
# are those of the platform.
baseline "lenovo_sr670_v2" "2026.11" {
  serial = 1

  match {
    manufacturer = "Lenovo"
    model        = ["ThinkSystem SR670 V2"]
    hardware     = ["lenovo_sr670_v2"]
  }

  component "bmc" {
    select {
      id = "^BMC-Primary$"
    }

    version {
      want    = "44X-2.90"
      compare = "lenovo"
    }

    image {
      file       = "lenovo_sr670_v2-bmc-2.90.fwpkg"
      size_bytes = 6339
      digest     = "sha256:8a67bf806503a463d797b7caba68070165150f7491d36e8cfc3610a6c43ce849"
    }

    update {
      method     = "multipart"
      apply      = "immediate"
      activation = "bmc_reset"
      timeout    = "30m"
      takes      = "8m"
    }
  }

  component "bios" {
    select {
      id = "^UEFI$"
    }

    version {
      want    = "22L-1.60"
      compare = "lenovo"
    }

    image {
      file       = "lenovo_sr670_v2-bios-1.60.fwpkg"
      size_bytes = 4293
      digest     = "sha256:761a5b5ec9931f7e7ae933e5e4b11d721f008f44b44b976c9a3e705311382269"
    }

    update {
      method      = "multipart"
      apply       = "on_reset"
      activation  = "host_reset"
      timeout     = "30m"
      takes       = "6m"
      keeps_nvram = true
    }
  }

  component "nic" {
    select {
      id = "^Slot_(1|15)\\.1$"
    }

    version {
      want    = "24.43.2026"
      compare = "dotted"
    }

    image {
      file       = "lenovo_sr670_v2-nic-24.43.2026.fwpkg"
      size_bytes = 2249
      digest     = "sha256:9d6665b71a5d2654a9f7935c2628c7fc65aca7441a7d5109816374534483cb37"
    }

    update {
      method     = "multipart"
      apply      = "on_reset"
      activation = "host_reset"
      timeout    = "20m"
      takes      = "3m"
    }
  }
}
