"""A table and a YAML file become a trained, served model."""
