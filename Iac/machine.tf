resource "google_compute_instance" "main" {
  #checkov:skip=CKV_GCP_38:Google encrypts every disk; a key of one's own that is lost takes the data with it
  #checkov:skip=CKV_GCP_40:the machine is the public server; the firewall lets in the web alone

  name                      = local.prefix
  zone                      = local.zone
  machine_type              = var.machine_type
  tags                      = [local.prefix]
  can_ip_forward            = false
  allow_stopping_for_update = true
  deletion_protection       = var.deletion_protection

  boot_disk {
    initialize_params {
      image = "debian-cloud/debian-13"
      size  = var.boot_disk_gb
      type  = "pd-balanced"
    }
  }

  # /dev/disk/by-id/google-data
  attached_disk {
    source      = google_compute_disk.data.id
    device_name = "data"
  }

  network_interface {
    subnetwork = google_compute_subnetwork.main.id

    access_config {
      nat_ip = one(google_compute_address.main[*].address)
    }
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  metadata = {
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
    serial-port-enable     = "FALSE"
  }

  # what it may do is said by the roles of the account, in identity.tf
  service_account {
    email  = google_service_account.machine.email
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
  }

  # a newer image of Debian is no reason to make the machine anew
  lifecycle {
    ignore_changes = [boot_disk[0].initialize_params[0].image]
  }
}
