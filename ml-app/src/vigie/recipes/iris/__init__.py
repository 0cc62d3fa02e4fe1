"""Iris species from four lengths: the smallest real classification."""
