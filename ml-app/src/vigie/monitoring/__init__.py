"""Metrics that stay true over several worker processes."""
