# A recipe names a stack that this version does not install yet.
recipe "rke2_training" "1.34" {
  summary = "RKE2 1.34 with Kueue for training"
}
