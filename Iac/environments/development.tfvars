environment   = "development"
machine_type  = "e2-standard-2"
snapshot_days = 3
