# PowerEdge R750: iDRAC, BIOS and the adapter in a slot.
#
# ILLUSTRATIVE: versions, files and digests are made for the simulator, so that a rack can be brought up without hardware.
# Before real hardware is touched, a site writes its own baseline with the vendor's files. Selectors, order and reset classes
# are those of the platform.
baseline "dell_r750" "2026.11" {
  serial = 1

  match {
    manufacturer = "Dell Inc."
    model        = ["PowerEdge R750"]
    hardware     = ["dell_r750"]
  }

  component "bmc" {
    select {
      id = "^Installed-.*__iDRAC\\.Embedded\\.1-1$"
    }

    version {
      want    = "6.10.80.00"
      compare = "dell"
    }

    image {
      file       = "dell_r750-bmc-6.10.80.00.fwpkg"
      size_bytes = 6327
      digest     = "sha256:93f7ad45153944fba56b23b21a8d7ccb4d0c09b61d4a325707850ff36f9adceb"
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
      id = "^Installed-.*__BIOS\\.Setup\\.1-1$"
    }

    version {
      want    = "1.13.2"
      compare = "dell"
    }

    image {
      file       = "dell_r750-bios-1.13.2.fwpkg"
      size_bytes = 4269
      digest     = "sha256:f027d07ee2ee24bfa2f9edd806aeb079817e5c7fdd880018a721d592f1a6d4b7"
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
      id   = "^Installed-.*__NIC\\.Slot\\.[0-9]+-1(-1)?$"
      name = "Mellanox|BlueField" # other products may sit in other slots
      all  = true
    }

    version {
      want    = "24.41.10.00"
      compare = "dotted"
    }

    image {
      file       = "dell_r750-nic-24.41.10.00.fwpkg"
      size_bytes = 2234
      digest     = "sha256:76d5ab3209cbde1387d7e7c455c722cfb0d5e43c7bee48f0c3ec9ea7e81eb191"
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
