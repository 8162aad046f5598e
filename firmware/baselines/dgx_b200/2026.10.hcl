# DGX B200: host BMC first, then the host BIOS, which needs it, then the adapters.
#
# ILLUSTRATIVE: versions, files and digests are made for the simulator, so that a rack can be brought up without hardware.
# Before real hardware is touched, a site writes its own baseline with the vendor's files. Selectors, order and reset classes
# are those of its predecessor: nothing of this platform has been recorded yet.
baseline "dgx_b200" "2026.10" {
  serial = 1

  match {
    hardware = ["dgx_b200"]
  }

  component "bmc" {
    select {
      id = "^HostBMC_0$"
    }

    version {
      want    = "25.08.17"
      compare = "dotted"
    }

    image {
      file       = "dgx_b200-bmc-25.08.17.fwpkg"
      size_bytes = 6318
      digest     = "sha256:1e8c2b499582cb00b334fad2f00a85e672c0226f9c8899b2b96d1f04339f23ab"
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
    needs = { bmc = "25.08.17" }

    select {
      id = "^HostBIOS_0$"
    }

    version {
      want    = "1.6.7"
      compare = "dotted"
    }

    image {
      file       = "dgx_b200-bios-1.6.7.fwpkg"
      size_bytes = 4263
      digest     = "sha256:384a754c9841aa5b6a9a3a1642aa6cc932b2de31c9a492ea190b63c9136ff5c2"
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
      file       = "dgx_b200-nic-28.43.2026.fwpkg"
      size_bytes = 2228
      digest     = "sha256:55ab45c8f90645a05e4fa9e9bd1ea4ab3d0cc55e648ee593e3843041d91faf11"
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
