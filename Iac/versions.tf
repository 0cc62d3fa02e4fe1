terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }
}

# A budget belongs to a billing account: its requests are counted on this project.
provider "google" {
  project               = var.project
  region                = var.region
  zone                  = local.zone
  billing_project       = var.project
  user_project_override = true
  default_labels        = { application = var.name, environment = var.environment }
}
