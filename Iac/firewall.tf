# What is not allowed here is refused: a network has no rules of its own but that one.

# The web is open where there is a domain; without one the stack listens on 127.0.0.1 alone.
resource "google_compute_firewall" "web" {
  #checkov:skip=CKV_GCP_106:port 80 only redirects to https
  count = local.is_public ? 1 : 0

  name          = "${local.prefix}-web"
  network       = google_compute_network.main.id
  source_ranges = ["0.0.0.0/0"]
  target_tags   = [local.prefix]

  allow {
    protocol = "tcp"
    ports    = ["80", "443"]
  }
}

# Google's proxy, which asks who it is before it lets a connection through.
resource "google_compute_firewall" "ssh" {
  name          = "${local.prefix}-ssh"
  network       = google_compute_network.main.id
  source_ranges = ["35.235.240.0/20"]
  target_tags   = [local.prefix]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

# A rule holds addresses of one family.
resource "google_compute_firewall" "dashboards" {
  for_each = {
    for family, ranges in {
      ipv4 = [for range in var.allowed_cidrs : range if !strcontains(range, ":")]
      ipv6 = [for range in var.allowed_cidrs : range if strcontains(range, ":")]
    } : family => ranges if length(ranges) > 0
  }

  name          = "${local.prefix}-dashboards-${each.key}"
  network       = google_compute_network.main.id
  source_ranges = each.value
  target_tags   = [local.prefix]

  # Grafana, MLflow, Prometheus
  allow {
    protocol = "tcp"
    ports    = ["3000", "5001", "9090"]
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}
