"""Fits a model, compares it with baselines, packages, registers, and promotes it if it earns it."""

from vigie.engines.quiet import quieten_tensorflow

quieten_tensorflow()
