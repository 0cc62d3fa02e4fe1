# Batches of Spark on Dataproc Serverless: nothing runs, and nothing is paid, but while a batch does.
# tools/dataproc builds the image and submits.

locals {
  dataproc_bucket = "${var.project}-${local.prefix}-spark"
}

resource "google_service_account" "dataproc" {
  count = var.dataproc ? 1 : 0

  account_id   = "${local.prefix}-spark"
  display_name = "Spark batches of ${local.prefix}"

  depends_on = [google_project_service.main]
}

# Photos, models and results.
resource "google_storage_bucket" "dataproc" {
  #checkov:skip=CKV_GCP_62:who changes the bucket is in Cloud Audit Logs; a bucket of access logs would need one in its turn
  count = var.dataproc ? 1 : 0

  name                        = local.dataproc_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_contents

  versioning {
    enabled = true
  }

  # Spark writes much that it deletes at once: a day is enough to take a slip back
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 1
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  # what gcloud and Dataproc leave there
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 30
      matches_prefix = ["dependencies/", "google-cloud-dataproc-metainfo/"]
    }
  }

  depends_on = [google_project_service.main]
}

# The role that Dataproc asks for holds every bucket of the project; the condition leaves one.
resource "google_project_iam_member" "dataproc" {
  count = var.dataproc ? 1 : 0

  project = var.project
  role    = "roles/dataproc.worker"
  member  = google_service_account.dataproc[0].member

  condition {
    title       = "one-bucket"
    description = "Of all buckets, that of Spark alone"
    expression  = "resource.service != \"storage.googleapis.com\" || resource.name == \"projects/_/buckets/${local.dataproc_bucket}\" || resource.name.startsWith(\"projects/_/buckets/${local.dataproc_bucket}/\")"
  }
}

resource "google_storage_bucket_iam_member" "dataproc" {
  count = var.dataproc ? 1 : 0

  bucket = google_storage_bucket.dataproc[0].name
  role   = "roles/storage.objectUser"
  member = google_service_account.dataproc[0].member
}

resource "google_artifact_registry_repository_iam_member" "dataproc" {
  count = var.dataproc ? 1 : 0

  repository = google_artifact_registry_repository.main.name
  location   = google_artifact_registry_repository.main.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.dataproc[0].member
}

# Who submits a batch acts as its account.
resource "google_service_account_iam_member" "dataproc_operators" {
  for_each = var.dataproc ? var.operators : []

  service_account_id = google_service_account.dataproc[0].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.key
}

resource "google_project_iam_member" "dataproc_operators" {
  for_each = var.dataproc ? var.operators : []

  project = var.project
  role    = "roles/dataproc.editor"
  member  = each.key
}

# Its machines have no public address: they reach Google's services, and nothing else.
resource "google_compute_subnetwork" "dataproc" {
  count = var.dataproc ? 1 : 0

  name                     = "${local.prefix}-spark"
  network                  = google_compute_network.main.id
  region                   = var.region
  ip_cidr_range            = var.dataproc_cidr
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Driver and executors talk on ports that they choose, among themselves.
resource "google_compute_firewall" "dataproc" {
  count = var.dataproc ? 1 : 0

  name        = "${local.prefix}-spark"
  network     = google_compute_network.main.id
  source_tags = ["${local.prefix}-spark"]
  target_tags = ["${local.prefix}-spark"]

  allow {
    protocol = "tcp"
    ports    = ["1024-65535"]
  }

  allow {
    protocol = "udp"
    ports    = ["1024-65535"]
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}
