# What Google makes up itself and others read, each in its real form: the provider looks at the
# form of what it is given, and what a mock invents has none.
mock_resource "google_service_account" {
  defaults = {
    email  = "vigie-development-vm@my-project-123.iam.gserviceaccount.com"
    member = "serviceAccount:vigie-development-vm@my-project-123.iam.gserviceaccount.com"
    name   = "projects/my-project-123/serviceAccounts/vigie-development-vm@my-project-123.iam.gserviceaccount.com"
  }
}

mock_resource "google_compute_network" {
  defaults = { id = "projects/my-project-123/global/networks/vigie-development" }
}

mock_resource "google_compute_subnetwork" {
  defaults = { id = "projects/my-project-123/regions/europe-west1/subnetworks/vigie-development" }
}

mock_resource "google_compute_address" {
  defaults = { address = "192.0.2.20" }
}

mock_resource "google_compute_disk" {
  defaults = { id = "projects/my-project-123/zones/europe-west1-b/disks/vigie-development-data" }
}

mock_resource "google_compute_instance" {
  defaults = {
    network_interface = { access_config = { nat_ip = "192.0.2.10" } }
  }
}

mock_resource "google_artifact_registry_repository" {
  defaults = { name = "vigie-development" }
}

mock_resource "google_secret_manager_secret" {
  defaults = { id = "projects/my-project-123/secrets/vigie-development-tls-certificate" }
}

mock_resource "google_cloud_run_v2_service" {
  defaults = { uri = "https://vigie-development-123456789012.europe-west1.run.app" }
}

mock_resource "google_monitoring_notification_channel" {
  defaults = { id = "projects/my-project-123/notificationChannels/1234567890123456789" }
}

mock_resource "google_monitoring_uptime_check_config" {
  defaults = { uptime_check_id = "vigie-development-AbCdEf12345" }
}

mock_data "google_dns_managed_zone" {
  defaults = { dns_name = "example.org." }
}

mock_data "google_project" {
  defaults = { number = "123456789012" }
}
