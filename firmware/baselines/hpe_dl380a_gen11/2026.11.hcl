# ProLiant DL380a Gen11: iLO 6, System ROM and the ConnectX adapter. Rows have numbers for ids, so names select.
#
# ILLUSTRATIVE: versions, files and digests are made for the simulator, so that a rack can be brought up without hardware.
# Before real hardware is touched, a site writes its own baseline with the vendor's files. Selectors, order and reset classes
# are those of the platform.
baseline "hpe_dl380a_gen11" "2026.11" {
  serial = 1

  match {
    manufacturer = "HPE"
    model        = ["ProLiant DL380a Gen11"]
    hardware     = ["hpe_dl380a_gen11"]
  }

  component "bmc" {
    select {
      name = "^iLO [0-9]+$"
    }

    version {
      want    = "1.68 Apr 15 2025"
      compare = "hpe"
    }

    image {
      file       = "hpe_dl380a_gen11-bmc-1.68.fwpkg"
      size_bytes = 6366
      digest     = "sha256:5dbe39eef9f997b5751d3096d1faca384f75b9208a2700c89c96071504fd322e"
    }

    update {
      method     = "auto"
      apply      = "immediate"
      activation = "bmc_reset"
      timeout    = "30m"
      takes      = "8m"
    }
  }

  component "bios" {
    select {
      name = "^System ROM$"
    }

    version {
      want    = "U58 v2.54 (06/04/2025)"
      compare = "hpe"
    }

    image {
      file       = "hpe_dl380a_gen11-bios-2.54.fwpkg"
      size_bytes = 4338
      digest     = "sha256:51ce4cc373b7361de89dd3e818e208091bca82515017531adabee9f0cfefbbd9"
    }

    update {
      method      = "auto"
      apply       = "on_reset"
      activation  = "host_reset"
      timeout     = "30m"
      takes       = "6m"
      keeps_nvram = true
    }
  }

  component "nic" {
    select {
      name = "ConnectX|MCX[0-9]"
      all  = true
    }

    version {
      want    = "28.43.2026"
      compare = "dotted"
    }

    image {
      file       = "hpe_dl380a_gen11-nic-28.43.2026.fwpkg"
      size_bytes = 2252
      digest     = "sha256:376ea4c8448e0e51e94d748e389ae923e760ec8929e8a080aa42ce7108358cd7"
    }

    update {
      method     = "auto"
      apply      = "on_reset"
      activation = "host_reset"
      timeout    = "20m"
      takes      = "3m"
    }
  }
}
