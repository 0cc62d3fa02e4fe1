# With nothing given but the project: a machine that nobody reaches from outside.
mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project = "my-project-123"
}

run "nothing_is_public" {
  assert {
    condition     = length(google_compute_firewall.web) == 0 && length(google_compute_firewall.dashboards) == 0
    error_message = "Without a domain and without ranges no port is open but that of Google's proxy."
  }

  assert {
    condition     = google_compute_firewall.ssh.source_ranges == toset(["35.235.240.0/20"])
    error_message = "SSH comes from Google's proxy alone."
  }

  assert {
    condition     = strcontains(output.how_to_reach, "make tunnel") && output.domain == ""
    error_message = "Without a domain the output names the tunnel."
  }

  assert {
    condition     = output.address == "192.0.2.10"
    error_message = "The address is that of the machine."
  }
}

run "the_machine_is_closed" {
  command = plan

  assert {
    condition     = google_compute_instance.main.metadata == tomap({ enable-oslogin = "TRUE", block-project-ssh-keys = "TRUE", serial-port-enable = "FALSE" })
    error_message = "OS Login on, keys of the project blocked, serial port off, nothing else."
  }

  assert {
    condition = alltrue([
      google_compute_instance.main.shielded_instance_config[0].enable_secure_boot,
      google_compute_instance.main.shielded_instance_config[0].enable_vtpm,
      google_compute_instance.main.shielded_instance_config[0].enable_integrity_monitoring,
    ])
    error_message = "The machine is shielded."
  }

  assert {
    condition     = google_compute_instance.main.boot_disk[0].initialize_params[0].image == "debian-cloud/debian-13"
    error_message = "The machine runs Debian 13."
  }

  assert {
    condition     = google_compute_instance.main.zone == "europe-west1-b" && google_compute_disk.data.zone == "europe-west1-b"
    error_message = "Machine and disk lie in the region's zone b."
  }
}

run "the_bucket_is_closed" {
  command = plan

  assert {
    condition     = google_storage_bucket.main.uniform_bucket_level_access && google_storage_bucket.main.public_access_prevention == "enforced" && google_storage_bucket.main.versioning[0].enabled
    error_message = "The bucket has one kind of rights, is never public and keeps old versions."
  }

  assert {
    condition     = toset([for one in google_storage_bucket_iam_member.machine : one.role]) == toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])
    error_message = "The machine brings backups and reads them, and deletes none."
  }

  assert {
    condition     = !google_storage_bucket.main.force_destroy
    error_message = "A bucket that holds something stays."
  }
}

run "nothing_else_is_made" {
  command = plan

  assert {
    condition = 0 == sum([
      length(google_cloud_run_v2_service.main),
      length(google_container_cluster.main),
      length(google_billing_budget.main),
      length(google_compute_address.main),
      length(google_dns_record_set.main),
      length(google_monitoring_uptime_check_config.main),
      length(google_storage_bucket.models),
    ])
    error_message = "What costs money or needs a name is made only when it is asked for."
  }
}
