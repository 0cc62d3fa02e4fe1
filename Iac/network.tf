resource "google_compute_network" "main" {
  name                    = local.prefix
  auto_create_subnetworks = false

  depends_on = [google_project_service.main]
}

resource "google_compute_subnetwork" "main" {
  name                     = local.prefix
  network                  = google_compute_network.main.id
  region                   = var.region
  ip_cidr_range            = var.subnet_cidr
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_address" "main" {
  count = local.is_public || var.static_address ? 1 : 0

  name   = local.prefix
  region = var.region

  depends_on = [google_project_service.main]
}
