resource "google_service_account" "gke" {
  count = var.gke ? 1 : 0

  account_id   = "${local.prefix}-gke"
  display_name = "Nodes of ${local.prefix}"

  depends_on = [google_project_service.main]
}

resource "google_project_iam_member" "gke" {
  for_each = toset(var.gke ? ["roles/container.defaultNodeServiceAccount"] : [])

  project = var.project
  role    = each.key
  member  = google_service_account.gke[0].member
}

resource "google_artifact_registry_repository_iam_member" "gke" {
  count = var.gke ? 1 : 0

  repository = google_artifact_registry_repository.main.name
  location   = google_artifact_registry_repository.main.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.gke[0].member
}

# MLflow's pod, by its account of k8s/overlays/gke: the bucket knows it without a key.
resource "google_storage_bucket_iam_member" "gke" {
  count = var.gke ? 1 : 0

  bucket = google_storage_bucket.main.name
  role   = "roles/storage.objectUser"
  member = "principal://iam.googleapis.com/projects/${data.google_project.main[0].number}/locations/global/workloadIdentityPools/${var.project}.svc.id.goog/subject/ns/vigie/sa/mlflow"

  # the pool comes with the first cluster of a project
  depends_on = [google_container_cluster.main]
}

resource "google_compute_subnetwork" "gke" {
  count = var.gke ? 1 : 0

  name                     = "${local.prefix}-gke"
  network                  = google_compute_network.main.id
  region                   = var.region
  ip_cidr_range            = var.gke_nodes_cidr
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.gke_pods_cidr
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.gke_services_cidr
  }

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Nodes have no public address; they reach public images through this.
resource "google_compute_router" "gke" {
  count = var.gke ? 1 : 0

  name    = "${local.prefix}-gke"
  network = google_compute_network.main.id
  region  = var.region
}

resource "google_compute_router_nat" "gke" {
  count = var.gke ? 1 : 0

  name                               = "${local.prefix}-gke"
  router                             = google_compute_router.gke[0].name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.gke[0].id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

resource "google_container_cluster" "main" {
  #checkov:skip=CKV_GCP_12:Autopilot always enforces network policies
  #checkov:skip=CKV_GCP_21:the provider puts labels on everything
  #checkov:skip=CKV_GCP_61:Autopilot always sees traffic within a node, and the subnet has flow logs
  #checkov:skip=CKV_GCP_65:needs a domain with a group of that name; rights are given by IAM
  #checkov:skip=CKV_GCP_66:which images are trusted is a policy of the project, not of one cluster
  #checkov:skip=CKV_GCP_69:Autopilot always has the metadata server
  count = var.gke ? 1 : 0

  name                = local.prefix
  location            = var.region
  enable_autopilot    = true
  deletion_protection = var.deletion_protection
  network             = google_compute_network.main.id
  subnetwork          = google_compute_subnetwork.gke[0].id

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  # kubectl works from these ranges and, through Google's DNS name with one's account, from anywhere
  master_authorized_networks_config {
    gcp_public_cidrs_access_enabled = false

    dynamic "cidr_blocks" {
      for_each = [for range in var.allowed_cidrs : range if !strcontains(range, ":")]

      content {
        cidr_block = cidr_blocks.value
      }
    }
  }

  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }
  }

  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.gke[0].email
      oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    }
  }

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  release_channel {
    channel = "REGULAR"
  }

  depends_on = [google_project_iam_member.gke]
}
