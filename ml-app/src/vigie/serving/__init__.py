"""The service: a Flask application, and an HTTP transport with a fast lane for predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from vigie.serving.companions import Companion
    from vigie.serving.worker_state import WorkerState
    from vigie.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The service as a WSGI application: `gunicorn -k gthread "vigie.serving:create_app()"`."""
    # imported here: a worker answers its first predictions before it needs Flask
    from vigie.serving.app import create_app as create

    return create(settings)


def serve(settings: Settings, companions: Sequence[Companion] = ()) -> None:
    """Serves until it is told to stop, with `companions` in processes beside the workers.

    A taken port or folder is a `ConfigurationError`.
    """
    from vigie.serving.server import serve as run

    run(settings, _create_late, companions)


def _create_late(worker_state: WorkerState) -> Flask:
    # Flask costs as much time as all else together, and no prediction of the fast lane needs it
    from vigie.serving.app import create_app as create

    return create(worker_state=worker_state)
