"""Vigie: a Keras model registered in MLflow becomes a monitored service."""

from importlib.metadata import version

__version__ = version("vigie")
