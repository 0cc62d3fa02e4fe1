# The interfaces of an empty project are off. They stay on afterwards: others may use them too.
resource "google_project_service" "main" {
  for_each = toset(concat(
    ["artifactregistry", "cloudresourcemanager", "compute", "iam", "iap", "logging", "monitoring", "oslogin", "secretmanager", "storage"],
    var.cloud_run ? ["run"] : [],
    var.gke ? ["container"] : [],
    var.dataproc ? ["dataproc"] : [],
    var.dns_zone == "" ? [] : ["dns"],
    var.billing_account == "" ? [] : ["billingbudgets"],
  ))

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}
