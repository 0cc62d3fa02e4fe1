"""The service: a Flask application, and an ASGI front with a fast lane for predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from vigie.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The service as a WSGI application: `gunicorn -k gthread "vigie.serving:create_app()"`."""
    # imported here: a worker answers its first predictions before it needs Flask
    from vigie.serving.app import create_app as create

    return create(settings)
