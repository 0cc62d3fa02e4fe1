"""Vigie: a Keras model registered in MLflow becomes a monitored service."""

__version__ = "0.1.0"
