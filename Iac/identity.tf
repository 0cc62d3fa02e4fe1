# The machine: no more than what the stack does, each on the one thing that it does it to.
resource "google_service_account" "machine" {
  account_id   = "${local.prefix}-vm"
  display_name = "Machine of ${local.prefix}"

  depends_on = [google_project_service.main]
}

resource "google_project_iam_member" "machine" {
  for_each = toset(["roles/logging.logWriter", "roles/monitoring.metricWriter"])

  project = var.project
  role    = each.key
  member  = google_service_account.machine.member
}

# It brings backups and gets them back; nobody who breaks into it deletes or replaces one.
resource "google_storage_bucket_iam_member" "machine" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])

  bucket = google_storage_bucket.main.name
  role   = each.key
  member = google_service_account.machine.member
}

resource "google_artifact_registry_repository_iam_member" "machine" {
  repository = google_artifact_registry_repository.main.name
  location   = google_artifact_registry_repository.main.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.machine.member
}

resource "google_secret_manager_secret_iam_member" "machine" {
  for_each = google_secret_manager_secret.main

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.machine.member
}

# The machine puts the packages there that Cloud Run serves.
resource "google_storage_bucket_iam_member" "machine_models" {
  count = local.mounts_models ? 1 : 0

  bucket = google_storage_bucket.models[0].name
  role   = "roles/storage.objectUser"
  member = google_service_account.machine.member
}

# People: through Google's proxy, as administrators of this machine alone. To enter a machine is to
# act as its account.
resource "google_iap_tunnel_instance_iam_member" "operators" {
  for_each = var.operators

  instance = google_compute_instance.main.name
  zone     = local.zone
  role     = "roles/iap.tunnelResourceAccessor"
  member   = each.key
}

resource "google_compute_instance_iam_member" "operators" {
  for_each = var.operators

  instance_name = google_compute_instance.main.name
  zone          = local.zone
  role          = "roles/compute.osAdminLogin"
  member        = each.key
}

resource "google_service_account_iam_member" "operators" {
  for_each = var.operators

  service_account_id = google_service_account.machine.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.key
}

# gcloud reads project and machine before it connects.
resource "google_project_iam_member" "operators" {
  for_each = var.operators

  project = var.project
  role    = "roles/compute.viewer"
  member  = each.key
}
