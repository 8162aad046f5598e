# A small node for storage or services, with numbers of the author's choosing: a site sets its own.
server "generic_2u" {
  vendor   = "generic"
  summary  = "2U node, 2 sockets, 12 drives, no GPU"
  dialect  = "openbmc"
  source   = "author's number, to be set per site"
  verified = false

  form {
    u       = 2
    cooling = "air"
  }

  power {
    peak_kw   = 1.2
    supplies  = 2
    supply_kw = 1.2
    required  = 1
  }

  cpu {
    manufacturer = "generic"
    model        = "CPU"
    count        = 2
    cores        = 32
  }

  memory { gib = 512 }

  nic "data" {
    manufacturer = "generic"
    model        = "100GbE adapter"
    count        = 1
    ports        = 2
    rate         = "100Gb/s"
    protocol     = "Ethernet"
  }

  disk "m2" {
    count       = 2
    capacity_tb = 0.96
    media       = "SSD"
    protocol    = "NVMe"
    by          = "host"
    use         = "os"
  }

  disk "u2" {
    count       = 12
    capacity_tb = 7.68
    media       = "SSD"
    protocol    = "NVMe"
    by          = "host"
    use         = "data"
  }

  component "bmc" {
    version    = "1.0.0"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "1.0.0"
    activation = "host_reset"
  }
}
