# domain, dns_zone, billing_account and alert_email are yours: give them in terraform.tfvars
environment         = "production"
machine_type        = "e2-standard-4"
data_disk_gb        = 100
static_address      = true
deletion_protection = true
