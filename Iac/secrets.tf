# The entries alone: a value in Terraform would be in its state. Give one its value by
#   gcloud secrets versions add vigie-development-alert-webhook-url --data-file=-
resource "google_secret_manager_secret" "main" {
  for_each = var.secrets

  secret_id = "${local.prefix}-${each.key}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.main]
}
