# What the deployment reads: terraform output -json

output "project" {
  description = "Project of everything."
  value       = var.project
}

output "environment" {
  description = "Which installation this is."
  value       = var.environment
}

output "region" {
  description = "Region of everything."
  value       = var.region
}

output "zone" {
  description = "Zone of the machine."
  value       = local.zone
}

output "machine" {
  description = "Name of the machine."
  value       = google_compute_instance.main.name
}

output "address" {
  description = "Public address of the machine."
  value       = google_compute_instance.main.network_interface[0].access_config[0].nat_ip
}

output "domain" {
  description = "Name under which the service is public; empty: it is not."
  value       = var.domain
}

output "data_device" {
  description = "The data disk, as the machine sees it."
  value       = "/dev/disk/by-id/google-data"
}

output "bucket" {
  description = "Bucket of backups, and of a cluster's artifacts."
  value       = google_storage_bucket.main.name
}

output "registry" {
  description = "Address of the image registry, without a slash at its end."
  value       = "${google_artifact_registry_repository.main.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.main.repository_id}"
}

output "secrets" {
  description = "Entries of Secret Manager by their short names; their values are given by hand."
  value       = { for name, secret in google_secret_manager_secret.main : name => secret.secret_id }
}

output "allowed_cidrs" {
  description = "Ranges that may reach Grafana, MLflow and Prometheus."
  value       = var.allowed_cidrs
}

output "cloud_run_url" {
  description = "Address of the Cloud Run service; null: there is none."
  value       = one(google_cloud_run_v2_service.main[*].uri)
}

output "models_bucket" {
  description = "Bucket of the packages that Cloud Run serves; null: there is none."
  value       = one(google_storage_bucket.models[*].name)
}

output "cluster" {
  description = "Name of the GKE cluster; null: there is none."
  value       = one(google_container_cluster.main[*].name)
}

output "spark" {
  description = "What tools/dataproc submits a batch with; null: there is none."
  value = var.dataproc ? {
    bucket  = google_storage_bucket.dataproc[0].name
    account = google_service_account.dataproc[0].email
    subnet  = google_compute_subnetwork.dataproc[0].name
    label   = "${local.prefix}-spark"
  } : null
}

output "how_to_reach" {
  description = "How people get to the service."
  value = local.is_public ? join(" ", concat(
    ["https://${var.domain} once the stack is deployed."],
    var.dns_zone == "" ? ["Make an A record for ${var.domain} that names the address above."] : [],
  )) : "Nothing is public, because no domain is set. `make tunnel` brings the service to localhost:5000, MLflow to 5001, Grafana to 3000 and Prometheus to 9090."
}
