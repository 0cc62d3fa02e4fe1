resource "google_artifact_registry_repository" "main" {
  #checkov:skip=CKV_GCP_84:Google encrypts the images; a key of one's own that is lost takes them with it

  repository_id = local.prefix
  location      = var.region
  format        = "DOCKER"
  description   = "Images of Vigie"

  # an image without a tag goes after a month, but the last ten of each name stay
  cleanup_policies {
    id     = "delete-untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "2592000s"
    }
  }

  cleanup_policies {
    id     = "keep-last"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  depends_on = [google_project_service.main]
}
