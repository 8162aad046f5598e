# GB200 compute tray: the host processor firmware goes first, then the BMC; one aux cycle activates what is staged.
#
# ILLUSTRATIVE: versions, files and digests are made for the simulator, so that a rack can be brought up without hardware.
# Before real hardware is touched, a site writes its own baseline with the vendor's files. Selectors, order and reset classes
# are those of the platform.
baseline "gb200_compute_tray" "2026.11" {
  serial = 1

  match {
    manufacturer = "NVIDIA"
    model        = ["GB200 NVL"]
    hardware     = ["gb200_compute_tray"]
  }

  component "bios" {
    select {
      id  = "^(HGX_)?FW_CPU_[0-9]+$"
      all = true
    }

    version {
      want    = "02.04.02"
      compare = "dotted"
    }

    image {
      file       = "gb200_compute_tray-bios-02.04.02.fwpkg"
      size_bytes = 4302
      digest     = "sha256:a1df0d0621af215934aed281fab961d5fc3d795c673525786e2541cce5044962"
    }

    update {
      method      = "multipart"
      targets     = ["/redfish/v1/Chassis/HGX_Chassis_0"]
      apply       = "on_reset"
      activation  = "aux_cycle"
      timeout     = "30m"
      takes       = "6m"
      keeps_nvram = true
    }
  }

  component "bmc" {
    select {
      id = "^FW_BMC_0$"
    }

    version {
      want    = "GB200Nvl-25.02-4"
      compare = "exact"
    }

    image {
      file       = "gb200_compute_tray-bmc-GB200Nvl-25.02-4.fwpkg"
      size_bytes = 6372
      digest     = "sha256:dec411bf4ce12a71214f04e3141016e610b3c4846f14966eb505708f2c50c3c1"
    }

    update {
      method     = "multipart"
      targets    = ["/redfish/v1/Chassis/BMC_0"]
      apply      = "immediate"
      activation = "bmc_reset"
      timeout    = "30m"
      takes      = "8m"
    }
  }

  component "nic" {
    select {
      id  = "^NIC_[0-9]+$"
      all = true
    }

    version {
      want    = "32.43.2026"
      compare = "dotted"
    }

    image {
      file       = "gb200_compute_tray-nic-32.43.2026.fwpkg"
      size_bytes = 2258
      digest     = "sha256:c9f55f40af31b5bc4b970c396670bc70bb1c2f79fdae2e72151d98b92519adee"
    }

    update {
      method     = "multipart"
      targets    = ["/redfish/v1/UpdateService/FirmwareInventory/NIC_0"]
      apply      = "on_reset"
      activation = "aux_cycle"
      timeout    = "20m"
      takes      = "3m"
    }
  }
}
