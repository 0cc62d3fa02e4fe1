data "google_project" "main" {
  count = var.billing_account == "" && !var.gke ? 0 : 1

  project_id = var.project

  depends_on = [google_project_service.main]
}

resource "google_billing_budget" "main" {
  count = var.billing_account == "" ? 0 : 1

  billing_account = var.billing_account
  display_name    = local.prefix

  budget_filter {
    projects = ["projects/${data.google_project.main[0].number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.budget_per_month)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]

    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  dynamic "all_updates_rule" {
    for_each = google_monitoring_notification_channel.email

    content {
      monitoring_notification_channels = [all_updates_rule.value.id]
    }
  }
}

# Batches carry the label: tools/dataproc gives it to them.
resource "google_billing_budget" "dataproc" {
  count = var.dataproc && var.billing_account != "" ? 1 : 0

  billing_account = var.billing_account
  display_name    = "${local.prefix}-spark"

  budget_filter {
    projects = ["projects/${data.google_project.main[0].number}"]
    labels   = { component = "${local.prefix}-spark" }
  }

  amount {
    specified_amount {
      units = tostring(var.dataproc_budget_per_month)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]

    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  dynamic "all_updates_rule" {
    for_each = google_monitoring_notification_channel.email

    content {
      monitoring_notification_channels = [all_updates_rule.value.id]
    }
  }
}
