resource "google_compute_disk" "data" {
  #checkov:skip=CKV_GCP_37:Google encrypts every disk; a key of one's own that is lost takes the data with it

  name = "${local.prefix}-data"
  zone = local.zone
  size = var.data_disk_gb
  type = "pd-balanced"

  depends_on = [google_project_service.main]
}

resource "google_compute_resource_policy" "snapshots" {
  name   = "${local.prefix}-snapshots"
  region = var.region

  snapshot_schedule_policy {
    schedule {
      daily_schedule {
        days_in_cycle = 1
        start_time    = "02:00"
      }
    }

    retention_policy {
      max_retention_days    = var.snapshot_days
      on_source_disk_delete = "KEEP_AUTO_SNAPSHOTS"
    }

    snapshot_properties {
      storage_locations = [var.region]
    }
  }

  depends_on = [google_project_service.main]
}

resource "google_compute_disk_resource_policy_attachment" "data" {
  name = google_compute_resource_policy.snapshots.name
  disk = google_compute_disk.data.name
  zone = local.zone
}
