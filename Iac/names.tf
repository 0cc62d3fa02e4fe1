locals {
  # production of the usual name is vigie-production-…
  prefix = "${var.name}-${var.environment}"
  zone   = var.zone == "" ? "${var.region}-b" : var.zone

  is_public = var.domain != ""
}
