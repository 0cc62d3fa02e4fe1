"""The dashboards as code: `make dashboards` writes the JSON files that Grafana reads."""
