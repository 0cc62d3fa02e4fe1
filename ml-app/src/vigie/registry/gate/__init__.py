"""Whether a version may serve."""
