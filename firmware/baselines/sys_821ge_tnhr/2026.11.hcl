# SYS-821GE-TNHR: BMC, BIOS and the rail adapters.
#
# ILLUSTRATIVE: versions, files and digests are made for the simulator, so that a rack can be brought up without hardware.
# Before real hardware is touched, a site writes its own baseline with the vendor's files. Selectors, order and reset classes
# are those of the platform.
baseline "sys_821ge_tnhr" "2026.11" {
  serial = 1

  match {
    manufacturer = "Supermicro"
    model        = ["SYS-821GE-TNHR"]
    hardware     = ["sys_821ge_tnhr"]
  }

  component "bmc" {
    select {
      id = "^BMC$"
    }

    version {
      want    = "11.03.05"
      compare = "supermicro"
    }

    image {
      file       = "sys_821ge_tnhr-bmc-11.03.05.fwpkg"
      size_bytes = 6336
      digest     = "sha256:791e8ba818d9b3cde8408addca84151d13a25629871038dfff61611d21ca7b75"
    }

    update {
      method     = "multipart"
      targets    = ["/redfish/v1/Managers/1"]
      apply      = "immediate"
      activation = "bmc_reset"
      timeout    = "30m"
      takes      = "8m"
    }
  }

  component "bios" {
    select {
      id = "^BIOS$"
    }

    version {
      want    = "2.1"
      compare = "supermicro"
    }

    image {
      file       = "sys_821ge_tnhr-bios-2.1.fwpkg"
      size_bytes = 4275
      digest     = "sha256:9cff8a18cdb48df77e502a8d1a3fd554615f99a6f6bae8beb59fbe113fdbcebd"
    }

    update {
      method      = "multipart"
      targets     = ["/redfish/v1/Systems/1/Bios"]
      apply       = "on_reset"
      activation  = "host_reset"
      timeout     = "30m"
      takes       = "6m"
      keeps_nvram = true
    }
  }

  component "nic" {
    select {
      id  = "^NIC[1-8]$" # the rails; NIC9 and NIC10 are other products, to which this image must never go
      all = true
    }

    version {
      want    = "28.43.2026"
      compare = "dotted"
    }

    image {
      file       = "sys_821ge_tnhr-nic-28.43.2026.fwpkg"
      size_bytes = 2246
      digest     = "sha256:6eaa9fe5678389a277196a8c871ae606623977b4c941114369e286a01e1a4a32"
    }

    update {
      method     = "multipart"
      targets    = ["/redfish/v1/UpdateService/FirmwareInventory/NIC1"]
      apply      = "on_reset"
      activation = "host_reset"
      timeout    = "20m"
      takes      = "3m"
    }
  }
}
