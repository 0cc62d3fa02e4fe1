# Every choice at once, for the scanner.
project          = "my-project-123"
environment      = "production"
domain           = "vigie.example.org"
dns_zone         = "example"
allowed_cidrs    = ["203.0.113.0/24"]
operators        = ["user:ada@example.org"]
cloud_run        = true
cloud_run_image  = "europe-west1-docker.pkg.dev/my-project-123/vigie-production/vigie-serve:1"
cloud_run_models = "bucket"
cloud_run_public = true
gke              = true
dataproc         = true
billing_account  = "012345-6789AB-CDEF01"
alert_email      = "ops@example.org"
