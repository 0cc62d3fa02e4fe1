resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == "" ? 0 : 1

  display_name = local.prefix
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [google_project_service.main]
}

# From outside: sees a dead machine, a wrong record and a certificate that ran out.
resource "google_monitoring_uptime_check_config" "main" {
  count = local.is_public ? 1 : 0

  display_name     = local.prefix
  period           = "60s"
  timeout          = "10s"
  selected_regions = ["EUROPE", "USA", "ASIA_PACIFIC"]

  http_check {
    path         = "/readyz"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = var.domain }
  }

  depends_on = [google_project_service.main]
}

resource "google_monitoring_alert_policy" "uptime" {
  count = local.is_public ? 1 : 0

  display_name          = "${local.prefix} does not answer"
  combiner              = "OR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  # two regions: one that fails alone is that region's trouble
  conditions {
    display_name = "two regions get no answer for 3 minutes"

    condition_threshold {
      filter          = "metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND resource.type=\"uptime_url\" AND metric.labels.check_id=\"${google_monitoring_uptime_check_config.main[0].uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "180s"

      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.labels.host"]
      }

      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = "https://${var.domain}/readyz gives no 200. Is the machine up, is `docker compose ps` healthy, is the certificate valid?"
    mime_type = "text/markdown"
  }
}
