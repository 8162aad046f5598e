# DGX H100: host BMC first, then the host BIOS, which needs it, then the adapters.
#
# ILLUSTRATIVE: versions, files and digests are made for the simulator, so that a rack can be brought up without hardware.
# Before real hardware is touched, a site writes its own baseline with the vendor's files. Selectors, order and reset classes
# are those of the platform.
baseline "dgx_h100" "2026.11" {
  serial = 1

  match {
    manufacturer = "NVIDIA"
    model        = ["DGXH100"]
    hardware     = ["dgx_h100"]
  }

  component "bmc" {
    select {
      id = "^HostBMC_0$"
    }

    version {
      want    = "24.09.17"
      compare = "dotted"
    }

    image {
      file       = "dgx_h100-bmc-24.09.17.fwpkg"
      size_bytes = 6318
      digest     = "sha256:a74b8e92afe603a16b19fa1ace489f41c91948c28d00b3e50c17d6a1844cf06b"
    }

    update {
      method     = "multipart"
      targets    = ["/redfish/v1/UpdateService/FirmwareInventory/HostBMC_0"]
      apply      = "immediate"
      activation = "bmc_reset"
      timeout    = "30m"
      takes      = "8m"
    }
  }

  component "bios" {
    needs = { bmc = "24.09.17" }

    select {
      id = "^HostBIOS_0$"
    }

    version {
      want    = "01.06.07"
      compare = "dotted"
    }

    image {
      file       = "dgx_h100-bios-01.06.07.fwpkg"
      size_bytes = 4272
      digest     = "sha256:be4045f475a619105d4427c22900a8795bec1ec0c5ceca9ee75668ea60b28f27"
    }

    update {
      method      = "multipart"
      targets     = ["/redfish/v1/UpdateService/FirmwareInventory/HostBIOS_0"]
      apply       = "on_reset"
      activation  = "host_power_cycle"
      timeout     = "30m"
      takes       = "6m"
      keeps_nvram = true
    }
  }

  component "nic" {
    after = [component.bios]

    select {
      id  = "^NIC_[0-9]+$"
      all = true
    }

    version {
      want    = "28.43.2026"
      compare = "dotted"
    }

    image {
      file       = "dgx_h100-nic-28.43.2026.fwpkg"
      size_bytes = 2228
      digest     = "sha256:0697e6f456a72b2781f35b4047d1b14978041bf61cf47a195bb1f81e4009b4a6"
    }

    update {
      method     = "multipart"
      targets    = ["/redfish/v1/UpdateService/FirmwareInventory/NIC_0"]
      apply      = "on_reset"
      activation = "host_power_cycle"
      timeout    = "20m"
      takes      = "3m"
    }
  }
}
