# What each choice adds.
mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project = "my-project-123"
}

run "a_domain" {
  variables {
    domain      = "vigie.example.org"
    dns_zone    = "example"
    alert_email = "ops@example.org"
  }

  assert {
    condition     = one(google_compute_firewall.web[0].allow).ports == tolist(["80", "443"])
    error_message = "A domain opens the web and nothing else."
  }

  assert {
    condition     = google_dns_record_set.main[0].rrdatas == tolist(["192.0.2.20"]) && google_dns_record_set.main[0].name == "vigie.example.org."
    error_message = "The record names the static address."
  }

  assert {
    condition     = google_compute_instance.main.network_interface[0].access_config[0].nat_ip == "192.0.2.20"
    error_message = "The machine has the static address."
  }

  assert {
    condition     = google_monitoring_uptime_check_config.main[0].monitored_resource[0].labels.host == "vigie.example.org" && length(google_monitoring_alert_policy.uptime[0].notification_channels) == 1
    error_message = "The service is watched from outside and somebody is told."
  }

  assert {
    condition     = startswith(output.how_to_reach, "https://vigie.example.org") && !strcontains(output.how_to_reach, "A record")
    error_message = "The output names the address; the record is made."
  }
}

run "a_domain_of_another_zone" {
  command = plan

  variables {
    domain   = "vigie.example.com"
    dns_zone = "example"
  }

  expect_failures = [google_dns_record_set.main]
}

run "a_domain_elsewhere" {
  variables {
    domain = "vigie.example.org"
  }

  assert {
    condition     = length(google_dns_record_set.main) == 0 && strcontains(output.how_to_reach, "A record")
    error_message = "Without a zone the output asks for the record."
  }
}

run "ranges_of_an_office" {
  command = plan

  variables {
    allowed_cidrs = ["203.0.113.0/24", "2001:db8::/48"]
  }

  assert {
    condition     = google_compute_firewall.dashboards["ipv4"].source_ranges == toset(["203.0.113.0/24"]) && google_compute_firewall.dashboards["ipv6"].source_ranges == toset(["2001:db8::/48"])
    error_message = "Each family has its rule."
  }
}

run "people" {
  command = plan

  variables {
    operators = ["user:ada@example.org"]
  }

  assert {
    condition     = google_iap_tunnel_instance_iam_member.operators["user:ada@example.org"].role == "roles/iap.tunnelResourceAccessor" && google_compute_instance_iam_member.operators["user:ada@example.org"].role == "roles/compute.osAdminLogin"
    error_message = "An operator gets through the proxy and into the machine."
  }
}

run "cloud_run" {
  variables {
    cloud_run          = true
    cloud_run_image    = "europe-west1-docker.pkg.dev/my-project-123/vigie-development/vigie-serve:1"
    cloud_run_settings = { VIGIE_MODELS = "housing" }
  }

  assert {
    condition     = google_cloud_run_v2_service.main[0].template[0].max_instance_request_concurrency == 8 && google_cloud_run_v2_service.main[0].template[0].containers[0].resources[0].limits.memory == "4Gi"
    error_message = "Memory and concurrency are those of the variables."
  }

  assert {
    condition     = { for env in google_cloud_run_v2_service.main[0].template[0].containers[0].env : env.name => env.value } == { VIGIE_CACHE = "/var/cache/vigie", VIGIE_LOG_FORMAT = "json", VIGIE_MODELS = "housing", VIGIE_PREDICTION_LOG = "off", VIGIE_WORKERS = "1" }
    error_message = "The container has the settings given and its own."
  }

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.public) == 0 && length(google_storage_bucket.models) == 0
    error_message = "The service is not public and mounts nothing unless that is asked for."
  }

  assert {
    condition     = output.cloud_run_url == "https://vigie-development-123456789012.europe-west1.run.app"
    error_message = "The output names the service."
  }
}

run "cloud_run_from_a_bucket" {
  variables {
    cloud_run        = true
    cloud_run_image  = "europe-west1-docker.pkg.dev/my-project-123/vigie-development/vigie-serve:1"
    cloud_run_models = "bucket"
    cloud_run_public = true
  }

  assert {
    condition     = google_cloud_run_v2_service.main[0].template[0].volumes[0].gcs[0].read_only && google_cloud_run_v2_service.main[0].template[0].volumes[0].gcs[0].bucket == "my-project-123-vigie-development-models"
    error_message = "The bucket of the packages is mounted, read-only."
  }

  assert {
    condition     = google_cloud_run_v2_service.main[0].template[0].containers[0].volume_mounts[0].mount_path == "/mnt/models"
    error_message = "The packages are where VIGIE_CACHE says."
  }

  assert {
    condition     = google_storage_bucket_iam_member.cloud_run[0].role == "roles/storage.objectViewer" && google_cloud_run_v2_service_iam_member.public[0].member == "allUsers"
    error_message = "The service reads its bucket, and everybody may call it."
  }
}

run "a_cluster" {
  variables {
    gke           = true
    allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = google_container_cluster.main[0].enable_autopilot && google_container_cluster.main[0].private_cluster_config[0].enable_private_nodes
    error_message = "An Autopilot cluster whose nodes have no public address."
  }

  assert {
    condition     = one(google_container_cluster.main[0].master_authorized_networks_config[0].cidr_blocks).cidr_block == "203.0.113.0/24"
    error_message = "kubectl works from the ranges given."
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.gke[0].member, "/subject/ns/vigie/sa/mlflow")
    error_message = "MLflow's pod reaches the bucket as itself."
  }
}

run "a_budget" {
  variables {
    billing_account  = "012345-6789AB-CDEF01"
    budget_per_month = 50
    alert_email      = "ops@example.org"
  }

  assert {
    condition     = google_billing_budget.main[0].amount[0].specified_amount[0].units == "50" && google_billing_budget.main[0].budget_filter[0].projects == toset(["projects/123456789012"])
    error_message = "The budget is that of the project."
  }

  assert {
    condition     = length(google_billing_budget.main[0].threshold_rules) == 4 && length(google_billing_budget.main[0].all_updates_rule) == 1
    error_message = "Four thresholds, and somebody is told."
  }
}

run "dataproc" {
  variables {
    dataproc                  = true
    operators                 = ["user:ada@example.org"]
    billing_account           = "012345-6789AB-CDEF01"
    alert_email               = "ops@example.org"
    dataproc_budget_per_month = 70
  }

  assert {
    condition     = google_storage_bucket.dataproc[0].name == "my-project-123-vigie-development-spark" && google_storage_bucket.dataproc[0].public_access_prevention == "enforced" && google_storage_bucket.dataproc[0].uniform_bucket_level_access
    error_message = "The bucket is of this project and never public."
  }

  assert {
    condition     = google_compute_subnetwork.dataproc[0].private_ip_google_access && google_compute_subnetwork.dataproc[0].ip_cidr_range == "10.12.0.0/22"
    error_message = "Machines without a public address reach Google's services."
  }

  assert {
    condition     = google_compute_firewall.dataproc[0].source_tags == toset([output.spark.label]) && google_compute_firewall.dataproc[0].target_tags == toset([output.spark.label])
    error_message = "The machines of a batch reach one another and nobody else does."
  }

  assert {
    condition     = strcontains(google_project_iam_member.dataproc[0].condition[0].expression, "projects/_/buckets/my-project-123-vigie-development-spark/") && startswith(google_project_iam_member.dataproc[0].condition[0].expression, "resource.service != \"storage.googleapis.com\"")
    error_message = "Of all buckets the account has the one."
  }

  assert {
    condition     = google_storage_bucket_iam_member.dataproc[0].role == "roles/storage.objectUser" && google_artifact_registry_repository_iam_member.dataproc[0].role == "roles/artifactregistry.reader"
    error_message = "The account uses its bucket and reads the image."
  }

  assert {
    condition     = google_service_account_iam_member.dataproc_operators["user:ada@example.org"].role == "roles/iam.serviceAccountUser" && google_project_iam_member.dataproc_operators["user:ada@example.org"].role == "roles/dataproc.editor"
    error_message = "An operator submits batches as their account."
  }

  assert {
    condition     = google_billing_budget.dataproc[0].amount[0].specified_amount[0].units == "70" && google_billing_budget.dataproc[0].budget_filter[0].labels.component == output.spark.label
    error_message = "The budget counts what carries the label of the batches."
  }

  assert {
    condition     = length(google_billing_budget.dataproc[0].threshold_rules) == 4 && length(google_billing_budget.dataproc[0].all_updates_rule) == 1
    error_message = "Somebody is told at 50, 90 and 100 % and where 100 % is forecast."
  }

  assert {
    condition     = contains(keys(google_project_service.main), "dataproc")
    error_message = "The interface is on."
  }
}

run "dataproc_without_a_billing_account" {
  command = plan

  variables {
    dataproc = true
  }

  assert {
    condition     = length(google_billing_budget.dataproc) == 0
    error_message = "A budget needs a billing account."
  }
}
