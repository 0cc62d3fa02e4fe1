"""gunicorn's asgi worker, told to say that it drains."""

from __future__ import annotations

from typing import Any

from gunicorn.workers.gasgi import ASGIWorker


class Worker(ASGIWorker):  # type: ignore[misc]
    """One worker process: an event loop, the models, the fast lane."""

    asgi: Any

    def handle_exit_signal(self) -> None:
        """On SIGTERM readiness falls before the listening socket closes."""
        self._drain()
        super().handle_exit_signal()

    def handle_quit_signal(self) -> None:
        """On SIGINT and SIGQUIT the same, at once."""
        self._drain()
        super().handle_quit_signal()

    def _drain(self) -> None:
        self.asgi.services.fleet.draining = True
