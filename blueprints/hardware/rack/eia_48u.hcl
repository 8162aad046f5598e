# A plain 48U frame. Tare is unknown: a site that checks weight sets it.
rack "eia_48u" {
  vendor   = "generic"
  summary  = "EIA-310 frame, 48U, 19 inch"
  source   = "author's number, to be set per site"
  verified = false

  form {
    u       = 48
    cooling = "air"
  }
}
