# Host images live in the artifacts mirror of a site; the catalog names where in it. The image itself is not part of the product.
image "ubuntu_24_04_gpu" "2026.11" {
  path    = "images/ubuntu-24.04-gpu-2026.11.iso"
  summary = "Ubuntu 24.04 with GPU drivers, install medium"
}
