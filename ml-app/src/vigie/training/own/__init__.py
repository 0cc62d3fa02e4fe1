"""A caller's own model and rows, brought together for `log_model`."""
