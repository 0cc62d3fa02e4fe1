# Only `project` has no default.

variable "project" {
  description = "Id of the Google Cloud project, which exists and has billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is an id such as my-project-123: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "environment" {
  description = "Which of several installations in a project this is; part of every name."
  type        = string
  default     = "development"

  validation {
    condition     = contains(["development", "staging", "production"], var.environment)
    error_message = "environment is development, staging or production."
  }
}

variable "name" {
  description = "First part of every name."
  type        = string
  default     = "vigie"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,11}[a-z0-9]$", var.name))
    error_message = "name has 3 to 13 lower-case letters, digits and hyphens and starts with a letter."
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is one such as europe-west1."
  }
}

variable "zone" {
  description = "Zone of the machine and its disk; empty is the region's zone b, which every region has."
  type        = string
  default     = ""

  validation {
    condition     = var.zone == "" || can(regex("^${var.region}-[a-z]$", var.zone))
    error_message = "zone lies in region: the region, a hyphen and a letter."
  }
}

# Network

variable "subnet_cidr" {
  description = "Addresses of the subnet of the machine."
  type        = string
  default     = "10.10.0.0/24"

  validation {
    condition     = can(cidrhost(var.subnet_cidr, 0)) && can(regex("^(10|172|192)\\.", var.subnet_cidr))
    error_message = "subnet_cidr is a private IPv4 range such as 10.10.0.0/24."
  }
}

variable "allowed_cidrs" {
  description = "Ranges that may reach Grafana, MLflow and Prometheus directly; empty: nobody, use the tunnel."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.allowed_cidrs : can(cidrhost(range, 0))])
    error_message = "allowed_cidrs holds ranges such as 203.0.113.0/24 or 2001:db8::/48."
  }

  # halves and quarters of the Internet are the Internet too
  validation {
    condition = alltrue([
      for range in var.allowed_cidrs :
      try(tonumber(split("/", range)[1]), 0) >= (strcontains(range, ":") ? 32 : 16)
    ])
    error_message = "allowed_cidrs: at least /16 for IPv4 and /32 for IPv6; 0.0.0.0/0, ::/0 and parts such as 0.0.0.0/1 are refused."
  }
}

variable "domain" {
  description = "Name under which the service is public, such as vigie.example.org; empty: not public."
  type        = string
  default     = ""

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain))
    error_message = "domain is a full name in lower case without a scheme, such as vigie.example.org."
  }
}

variable "dns_zone" {
  description = "Name of a zone of Cloud DNS in this project that gets the domain's record; empty: you make it elsewhere."
  type        = string
  default     = ""

  validation {
    condition     = var.dns_zone == "" || (var.domain != "" && can(regex("^[a-z][a-z0-9-]{0,62}$", var.dns_zone)))
    error_message = "dns_zone is the name of a managed zone (not its domain), and needs domain."
  }
}

variable "static_address" {
  description = "Keep the public address when the machine is made anew; a domain always does."
  type        = bool
  default     = false
}

# Machine

variable "machine_type" {
  description = "Type of the machine; the stack and its training need 8 GB."
  type        = string
  default     = "e2-standard-2"

  validation {
    condition     = can(regex("^(e2|n2|n2d|t2d|c2|c2d|c3|c3d)-(standard|highmem|highcpu|custom)-[0-9]+(-[0-9]+)?$", var.machine_type))
    error_message = "machine_type is an x86-64 type that takes balanced disks, such as e2-standard-2 or n2-standard-4."
  }
}

variable "boot_disk_gb" {
  description = "Size of the boot disk, GB: system and images."
  type        = number
  default     = 30

  validation {
    condition     = var.boot_disk_gb >= 20 && var.boot_disk_gb <= 1000 && floor(var.boot_disk_gb) == var.boot_disk_gb
    error_message = "boot_disk_gb is a whole number from 20 to 1000."
  }
}

variable "data_disk_gb" {
  description = "Size of the data disk, GB: databases, artifacts, metrics. It can grow, never shrink."
  type        = number
  default     = 30

  validation {
    condition     = var.data_disk_gb >= 10 && var.data_disk_gb <= 10000 && floor(var.data_disk_gb) == var.data_disk_gb
    error_message = "data_disk_gb is a whole number from 10 to 10000."
  }
}

variable "snapshot_days" {
  description = "Days that the daily snapshots of the data disk are kept."
  type        = number
  default     = 14

  validation {
    condition     = var.snapshot_days >= 1 && var.snapshot_days <= 365 && floor(var.snapshot_days) == var.snapshot_days
    error_message = "snapshot_days is a whole number from 1 to 365."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the machine, the Cloud Run service and the cluster."
  type        = bool
  default     = false
}

variable "delete_contents" {
  description = "Let `make cloud-down` delete buckets that hold something."
  type        = bool
  default     = false
}

variable "operators" {
  description = "Who may enter the machine, as user:NAME@DOMAIN or group:NAME@DOMAIN; owners of the project always may."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "operators are named user:NAME@DOMAIN or group:NAME@DOMAIN."
  }
}

variable "secrets" {
  description = "Entries of Secret Manager that the machine may read. Their values never pass through Terraform."
  type        = set(string)
  default     = ["alert-webhook-url", "alert-smtp-password", "tls-certificate"]

  validation {
    condition     = alltrue([for name in var.secrets : can(regex("^[a-z][a-z0-9-]{1,60}$", name))])
    error_message = "secrets are named by lower-case letters, digits and hyphens."
  }
}

# Storage

variable "old_versions_days" {
  description = "Days after which a replaced or deleted object of the buckets goes for good."
  type        = number
  default     = 30

  validation {
    condition     = var.old_versions_days >= 1 && var.old_versions_days <= 365 && floor(var.old_versions_days) == var.old_versions_days
    error_message = "old_versions_days is a whole number from 1 to 365."
  }
}

variable "backup_days" {
  description = "Days that objects under backups/ are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 3650 && floor(var.backup_days) == var.backup_days
    error_message = "backup_days is a whole number from 7 to 3650."
  }
}

# Cloud Run

variable "cloud_run" {
  description = "Serve on Cloud Run too."
  type        = bool
  default     = false

  validation {
    condition     = !var.cloud_run || var.cloud_run_image != ""
    error_message = "cloud_run needs cloud_run_image: push one to the registry first, see docs/cloud.md."
  }
}

variable "cloud_run_image" {
  description = "Image of the service by tag or digest, in the registry of this project."
  type        = string
  default     = ""

  validation {
    condition     = var.cloud_run_image == "" || can(regex("^[a-z0-9.-]+/[a-z0-9./_-]+(:[\\w.-]+|@sha256:[0-9a-f]{64})$", var.cloud_run_image))
    error_message = "cloud_run_image is a full name with a tag or a digest."
  }
}

variable "cloud_run_models" {
  description = "Where the model packages are: image (baked in) or bucket (mounted read-only)."
  type        = string
  default     = "image"

  validation {
    condition     = contains(["image", "bucket"], var.cloud_run_models)
    error_message = "cloud_run_models is image or bucket."
  }
}

variable "cloud_run_memory_gib" {
  description = "Memory of one container, GiB."
  type        = number
  default     = 4

  validation {
    condition     = contains([1, 2, 4, 8, 16, 32], var.cloud_run_memory_gib)
    error_message = "cloud_run_memory_gib is 1, 2, 4, 8, 16 or 32."
  }
}

variable "cloud_run_cpus" {
  description = "Cores of one container, one worker each."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 4, 8], var.cloud_run_cpus) && var.cloud_run_memory_gib <= 4 * var.cloud_run_cpus && var.cloud_run_memory_gib >= var.cloud_run_cpus / 2
    error_message = "cloud_run_cpus is 1, 2, 4 or 8, with 0.5 to 4 GiB for each."
  }
}

# A prediction takes a core: more requests at once wait for each other, and a second container is
# faster. A few keep the core busy while others are read and written.
variable "cloud_run_concurrency" {
  description = "Requests that one container gets at once."
  type        = number
  default     = 8

  validation {
    condition     = var.cloud_run_concurrency >= 1 && var.cloud_run_concurrency <= 1000 && floor(var.cloud_run_concurrency) == var.cloud_run_concurrency
    error_message = "cloud_run_concurrency is a whole number from 1 to 1000."
  }
}

variable "cloud_run_min_instances" {
  description = "Containers that always wait; 0 costs nothing and makes the first request wait for a start."
  type        = number
  default     = 0

  validation {
    condition     = var.cloud_run_min_instances >= 0 && var.cloud_run_min_instances <= var.cloud_run_max_instances && floor(var.cloud_run_min_instances) == var.cloud_run_min_instances
    error_message = "cloud_run_min_instances is a whole number from 0 to cloud_run_max_instances."
  }
}

variable "cloud_run_max_instances" {
  description = "Most containers: the ceiling of what an attack can cost."
  type        = number
  default     = 3

  validation {
    condition     = var.cloud_run_max_instances >= 1 && var.cloud_run_max_instances <= 100 && floor(var.cloud_run_max_instances) == var.cloud_run_max_instances
    error_message = "cloud_run_max_instances is a whole number from 1 to 100."
  }
}

variable "cloud_run_settings" {
  description = "Settings of docs/settings.md for the containers, such as { VIGIE_MODELS = \"housing\" }. No secrets: they are readable."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, value in var.cloud_run_settings : can(regex("^VIGIE_[A-Z_]+$", name)) && !can(regex("_KEY$|PASSWORD", name))])
    error_message = "cloud_run_settings has settings of Vigie, VIGIE_…, and no keys or passwords."
  }
}

variable "cloud_run_public" {
  description = "Let everybody call the Cloud Run service; otherwise callers need the role run.invoker."
  type        = bool
  default     = false
}

# Kubernetes

variable "gke" {
  description = "Make a GKE Autopilot cluster too."
  type        = bool
  default     = false
}

variable "gke_nodes_cidr" {
  description = "Addresses of the cluster's nodes."
  type        = string
  default     = "10.11.0.0/22"

  validation {
    condition     = can(cidrhost(var.gke_nodes_cidr, 0)) && can(regex("^(10|172|192)\\.", var.gke_nodes_cidr))
    error_message = "gke_nodes_cidr is a private IPv4 range such as 10.11.0.0/22."
  }
}

variable "gke_pods_cidr" {
  description = "Addresses of the cluster's pods."
  type        = string
  default     = "10.20.0.0/18"

  validation {
    condition     = can(cidrhost(var.gke_pods_cidr, 0)) && can(regex("^(10|172|192)\\.", var.gke_pods_cidr))
    error_message = "gke_pods_cidr is a private IPv4 range such as 10.20.0.0/18."
  }
}

variable "gke_services_cidr" {
  description = "Addresses of the cluster's services."
  type        = string
  default     = "10.30.0.0/22"

  validation {
    condition     = can(cidrhost(var.gke_services_cidr, 0)) && can(regex("^(10|172|192)\\.", var.gke_services_cidr))
    error_message = "gke_services_cidr is a private IPv4 range such as 10.30.0.0/22."
  }
}

# Spark

variable "dataproc" {
  description = "Run batches of Spark on Dataproc Serverless too."
  type        = bool
  default     = false
}

variable "dataproc_cidr" {
  description = "Addresses of the machines of a batch."
  type        = string
  default     = "10.12.0.0/22"

  validation {
    condition     = can(cidrhost(var.dataproc_cidr, 0)) && can(regex("^(10|172|192)\\.", var.dataproc_cidr))
    error_message = "dataproc_cidr is a private IPv4 range such as 10.12.0.0/22."
  }
}

variable "dataproc_budget_per_month" {
  description = "Budget of the batches alone, in the currency of the billing account; alerts as for budget_per_month. It stops nothing."
  type        = number
  default     = 50

  validation {
    condition     = var.dataproc_budget_per_month >= 1 && floor(var.dataproc_budget_per_month) == var.dataproc_budget_per_month
    error_message = "dataproc_budget_per_month is a whole number from 1."
  }
}

# Budget and alerts

variable "billing_account" {
  description = "Id of the billing account, which gets the budget; empty: no budget."
  type        = string
  default     = ""

  validation {
    condition     = var.billing_account == "" || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account looks like 012345-6789AB-CDEF01."
  }
}

variable "budget_per_month" {
  description = "Budget, in the currency of the billing account; alerts at 50, 90 and 100 % and where 100 % is forecast. It stops nothing."
  type        = number
  default     = 100

  validation {
    condition     = var.budget_per_month >= 1 && floor(var.budget_per_month) == var.budget_per_month
    error_message = "budget_per_month is a whole number from 1."
  }
}

variable "alert_email" {
  description = "Address that is told when the service does not answer and of the budget; empty: the console alone."
  type        = string
  default     = ""

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email is an e-mail address."
  }
}
