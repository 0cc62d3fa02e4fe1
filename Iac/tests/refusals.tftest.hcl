# What is refused, and by which variable.
mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project = "my-project-123"
}

run "project_1" {
  command = plan

  variables {
    project = "My Project"
  }

  expect_failures = [var.project]
}

run "project_2" {
  command = plan

  variables {
    project = "short"
  }

  expect_failures = [var.project]
}

run "environment" {
  command = plan

  variables {
    environment = "prod"
  }

  expect_failures = [var.environment]
}

run "name_1" {
  command = plan

  variables {
    name = "V"
  }

  expect_failures = [var.name]
}

run "name_2" {
  command = plan

  variables {
    name = "a-name-too-long"
  }

  expect_failures = [var.name]
}

run "region" {
  command = plan

  variables {
    region = "europe"
  }

  expect_failures = [var.region]
}

run "zone" {
  command = plan

  variables {
    zone = "us-east1-b"
  }

  expect_failures = [var.zone]
}

run "subnet_cidr_1" {
  command = plan

  variables {
    subnet_cidr = "10.0.0.0"
  }

  expect_failures = [var.subnet_cidr]
}

run "subnet_cidr_2" {
  command = plan

  variables {
    subnet_cidr = "8.8.8.0/24"
  }

  expect_failures = [var.subnet_cidr]
}

run "allowed_cidrs_1" {
  command = plan

  variables {
    allowed_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_2" {
  command = plan

  variables {
    allowed_cidrs = ["::/0"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_3" {
  command = plan

  variables {
    allowed_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_4" {
  command = plan

  variables {
    allowed_cidrs = ["::/1", "8000::/1"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_5" {
  command = plan

  variables {
    allowed_cidrs = ["203.0.113.7"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_6" {
  command = plan

  variables {
    allowed_cidrs = ["0.0.0.0/00"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "domain_1" {
  command = plan

  variables {
    domain = "https://vigie.example.org"
  }

  expect_failures = [var.domain]
}

run "domain_2" {
  command = plan

  variables {
    domain = "localhost"
  }

  expect_failures = [var.domain]
}

run "dns_zone" {
  command = plan

  variables {
    dns_zone = "example"
  }

  expect_failures = [var.dns_zone]
}

run "machine_type_1" {
  command = plan

  variables {
    machine_type = "t2a-standard-2"
  }

  expect_failures = [var.machine_type]
}

run "machine_type_2" {
  command = plan

  variables {
    machine_type = "e2-micro"
  }

  expect_failures = [var.machine_type]
}

run "boot_disk_gb" {
  command = plan

  variables {
    boot_disk_gb = 10
  }

  expect_failures = [var.boot_disk_gb]
}

run "data_disk_gb" {
  command = plan

  variables {
    data_disk_gb = 10.5
  }

  expect_failures = [var.data_disk_gb]
}

run "snapshot_days" {
  command = plan

  variables {
    snapshot_days = 0
  }

  expect_failures = [var.snapshot_days]
}

run "operators_1" {
  command = plan

  variables {
    operators = ["ada@example.org"]
  }

  expect_failures = [var.operators]
}

run "operators_2" {
  command = plan

  variables {
    operators = ["allUsers"]
  }

  expect_failures = [var.operators]
}

run "secrets" {
  command = plan

  variables {
    secrets = ["Alert"]
  }

  expect_failures = [var.secrets]
}

run "old_versions_days" {
  command = plan

  variables {
    old_versions_days = 0
  }

  expect_failures = [var.old_versions_days]
}

run "backup_days" {
  command = plan

  variables {
    backup_days = 1
  }

  expect_failures = [var.backup_days]
}

run "cloud_run" {
  command = plan

  variables {
    cloud_run = true
  }

  expect_failures = [var.cloud_run]
}

run "cloud_run_image" {
  command = plan

  variables {
    cloud_run_image = "vigie"
  }

  expect_failures = [var.cloud_run_image]
}

run "cloud_run_models" {
  command = plan

  variables {
    cloud_run_models = "disk"
  }

  expect_failures = [var.cloud_run_models]
}

run "cloud_run_memory_gib" {
  command = plan

  variables {
    cloud_run_memory_gib = 3
  }

  expect_failures = [var.cloud_run_memory_gib]
}

run "cloud_run_cpus" {
  command = plan

  variables {
    cloud_run_cpus = 3
  }

  expect_failures = [var.cloud_run_cpus]
}

run "cloud_run_concurrency" {
  command = plan

  variables {
    cloud_run_concurrency = 0
  }

  expect_failures = [var.cloud_run_concurrency]
}

run "cloud_run_settings_1" {
  command = plan

  variables {
    cloud_run_settings = { PATH = "/" }
  }

  expect_failures = [var.cloud_run_settings]
}

run "cloud_run_settings_2" {
  command = plan

  variables {
    cloud_run_settings = { VIGIE_API_KEY = "k" }
  }

  expect_failures = [var.cloud_run_settings]
}

run "cloud_run_min_instances" {
  command = plan

  variables {
    cloud_run_min_instances = 4
  }

  expect_failures = [var.cloud_run_min_instances]
}

run "cloud_run_max_instances" {
  command = plan

  variables {
    cloud_run_max_instances = 0
  }

  expect_failures = [var.cloud_run_max_instances]
}

run "gke_nodes_cidr" {
  command = plan

  variables {
    gke_nodes_cidr = "1.2.3.0/24"
  }

  expect_failures = [var.gke_nodes_cidr]
}

run "gke_pods_cidr" {
  command = plan

  variables {
    gke_pods_cidr = "pods"
  }

  expect_failures = [var.gke_pods_cidr]
}

run "gke_services_cidr" {
  command = plan

  variables {
    gke_services_cidr = "services"
  }

  expect_failures = [var.gke_services_cidr]
}

run "dataproc_cidr" {
  command = plan

  variables {
    dataproc_cidr = "8.8.8.0/24"
  }

  expect_failures = [var.dataproc_cidr]
}

run "dataproc_budget_per_month" {
  command = plan

  variables {
    dataproc_budget_per_month = 0.5
  }

  expect_failures = [var.dataproc_budget_per_month]
}

run "billing_account" {
  command = plan

  variables {
    billing_account = "mine"
  }

  expect_failures = [var.billing_account]
}

run "budget_per_month" {
  command = plan

  variables {
    budget_per_month = 0
  }

  expect_failures = [var.budget_per_month]
}

run "alert_email" {
  command = plan

  variables {
    alert_email = "ops"
  }

  expect_failures = [var.alert_email]
}
