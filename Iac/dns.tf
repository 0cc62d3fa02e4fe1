data "google_dns_managed_zone" "main" {
  count = var.dns_zone == "" ? 0 : 1

  name = var.dns_zone

  depends_on = [google_project_service.main]
}

resource "google_dns_record_set" "main" {
  count = var.dns_zone == "" ? 0 : 1

  managed_zone = var.dns_zone
  name         = "${var.domain}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_address.main[0].address]

  lifecycle {
    precondition {
      condition     = endswith(".${var.domain}.", ".${data.google_dns_managed_zone.main[0].dns_name}")
      error_message = "domain does not lie in the zone that dns_zone names."
    }
  }
}
