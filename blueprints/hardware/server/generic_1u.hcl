# A small node for services, with numbers of the author's choosing: a site sets its own.
server "generic_1u" {
  vendor   = "generic"
  summary  = "1U node, 2 sockets, no GPU"
  dialect  = "openbmc"
  source   = "author's number, to be set per site"
  verified = false

  form {
    u       = 1
    cooling = "air"
  }

  power {
    peak_kw   = 0.8
    supplies  = 2
    supply_kw = 0.8
    required  = 1
  }

  cpu {
    manufacturer = "generic"
    model        = "CPU"
    count        = 2
    cores        = 32
  }

  memory { gib = 256 }

  nic "data" {
    manufacturer = "generic"
    model        = "25GbE adapter"
    count        = 1
    ports        = 2
    rate         = "25Gb/s"
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

  component "bmc" {
    version    = "1.0.0"
    activation = "bmc_reset"
  }

  component "bios" {
    version    = "1.0.0"
    activation = "host_reset"
  }
}
