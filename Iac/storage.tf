# Backups of the machine under backups/; of a cluster, MLflow's artifacts under mlflow/.
resource "google_storage_bucket" "main" {
  #checkov:skip=CKV_GCP_62:who changes the bucket is in Cloud Audit Logs; a bucket of access logs would need one in its turn

  name                        = "${var.project}-${local.prefix}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_contents

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.old_versions_days
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = var.backup_days
      matches_prefix = ["backups/"]
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

  depends_on = [google_project_service.main]
}

# Verified packages for Cloud Run, apart: whoever serves needs no backups.
resource "google_storage_bucket" "models" {
  #checkov:skip=CKV_GCP_62:who changes the bucket is in Cloud Audit Logs; a bucket of access logs would need one in its turn
  count = local.mounts_models ? 1 : 0

  name                        = "${var.project}-${local.prefix}-models"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_contents

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.old_versions_days
      with_state                 = "ARCHIVED"
    }
  }

  depends_on = [google_project_service.main]
}
