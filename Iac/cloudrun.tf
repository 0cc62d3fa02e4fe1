locals {
  mounts_models = var.cloud_run && var.cloud_run_models == "bucket"

  # the log of predictions is off: a container's files are memory and go with it
  cloud_run_settings = merge({
    VIGIE_CACHE          = local.mounts_models ? "/mnt/models" : "/var/cache/vigie"
    VIGIE_LOG_FORMAT     = "json"
    VIGIE_PREDICTION_LOG = "off"
    VIGIE_WORKERS        = tostring(var.cloud_run_cpus)
  }, var.cloud_run_settings)
}

resource "google_service_account" "cloud_run" {
  count = var.cloud_run ? 1 : 0

  account_id   = "${local.prefix}-run"
  display_name = "Cloud Run service of ${local.prefix}"

  depends_on = [google_project_service.main]
}

resource "google_storage_bucket_iam_member" "cloud_run" {
  count = local.mounts_models ? 1 : 0

  bucket = google_storage_bucket.models[0].name
  role   = "roles/storage.objectViewer"
  member = google_service_account.cloud_run[0].member
}

resource "google_cloud_run_v2_service" "main" {
  count = var.cloud_run ? 1 : 0

  name                = local.prefix
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = var.deletion_protection

  template {
    service_account                  = google_service_account.cloud_run[0].email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.cloud_run_concurrency
    timeout                          = "30s"

    scaling {
      min_instance_count = var.cloud_run_min_instances
      max_instance_count = var.cloud_run_max_instances
    }

    containers {
      image = var.cloud_run_image

      # 5000 is where the image listens; Cloud Run sends requests there
      ports {
        container_port = 5000
      }

      resources {
        limits            = { cpu = tostring(var.cloud_run_cpus), memory = "${var.cloud_run_memory_gib}Gi" }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.cloud_run_settings

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "volume_mounts" {
        for_each = local.mounts_models ? ["models"] : []

        content {
          name       = volume_mounts.value
          mount_path = "/mnt/models"
        }
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 60

        http_get {
          path = "/readyz"
          port = 5000
        }
      }

      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 4
        failure_threshold = 3

        http_get {
          path = "/livez"
          port = 5000
        }
      }
    }

    dynamic "volumes" {
      for_each = local.mounts_models ? ["models"] : []

      content {
        name = volumes.value

        gcs {
          bucket    = google_storage_bucket.models[0].name
          read_only = true
        }
      }
    }
  }

  # Google writes these back: a scaling of the service beside that of its template, and who deployed last
  lifecycle {
    ignore_changes = [scaling, client, client_version]
  }

  # a container that starts before it may read the bucket finds no model
  depends_on = [google_storage_bucket_iam_member.cloud_run]
}

resource "google_cloud_run_v2_service_iam_member" "public" {
  #checkov:skip=CKV_GCP_102:only where cloud_run_public says so
  count = var.cloud_run && var.cloud_run_public ? 1 : 0

  name     = google_cloud_run_v2_service.main[0].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}
