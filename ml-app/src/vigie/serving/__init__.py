"""The service: a Flask application, and an ASGI front with a fast lane for predictions."""

from vigie.serving.app import create_app

__all__ = ["create_app"]
