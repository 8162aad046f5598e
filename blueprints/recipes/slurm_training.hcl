recipe "slurm_training" "25.11" {
  summary = "Slurm 25.11 for training"
}
