"""gunicorn's asgi worker, told to say that it drains, and to stop even while it loads."""

from __future__ import annotations

import os
import signal
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker


class Worker(ASGIWorker):  # type: ignore[misc]
    """One worker process: an event loop, the models, the fast lane."""

    asgi: Any

    def init_process(self) -> None:
        """Forgets the master's handlers, which would swallow a stop, before anything else."""
        self.init_signals()
        super().init_process()

    def init_signals(self) -> None:
        """While the models load, a stop is at once: gunicorn's handlers need a running loop."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT):
            signal.signal(number, _leave)

    def load_wsgi(self) -> None:
        """Loads the models, then hears signals in the loop."""
        super().load_wsgi()
        super().init_signals()

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


def _leave(*_: object) -> None:
    os._exit(0)
