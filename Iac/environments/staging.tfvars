environment         = "staging"
machine_type        = "e2-standard-2"
deletion_protection = false
snapshot_days       = 7
