"""gunicorn's asgi worker, told to guard its connections, to drain, and to stop while it loads."""

from __future__ import annotations

import gc
import os
import signal
import socket
from typing import Any

from gunicorn.asgi import protocol
from gunicorn.workers import gasgi

from vigie.serving.http.connections import Connections
from vigie.serving.http.protocol import Connection

UNSENT_BYTES = 65536
YOUNG_OBJECTS = (10_000, 20, 50)
"""Requests that wait to be counted and logged are no garbage: Python's 700 would look through them
every few dozen answers, a twentieth of a small prediction's time."""


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """One worker process: an event loop, the models, the fast lane."""

    asgi: Any
    connections: Connections

    def init_process(self) -> None:
        """Forgets the master's handlers, which would swallow a stop, before anything else."""
        self.init_signals()
        gc.set_threshold(*YOUNG_OBJECTS)
        # the worker makes its connections of this name, and offers no other way to choose them
        gasgi.ASGIProtocol = Connection
        # what serves is nobody's business; gunicorn has no setting for it
        protocol._CACHED_SERVER_HEADER = b""
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
        worker_state = self.asgi.worker_state
        self.connections = Connections(worker_state.settings, worker_state.metrics, self.loop.time)
        super().init_signals()

    def handle_exit_signal(self) -> None:
        """On SIGTERM readiness falls, then every answer lets its caller go, then the socket closes.

        gunicorn closes a connection whose caller was told that it stays open as soon as it has
        taken note of the stop: so it may take note when nobody has been told so for a while.
        """
        self._drain()
        self.loop.call_later(
            self.asgi.worker_state.settings.drain_seconds, super().handle_exit_signal
        )

    def handle_quit_signal(self) -> None:
        """On SIGINT and SIGQUIT the same, at once."""
        self._drain()
        super().handle_quit_signal()

    def _drain(self) -> None:
        self.asgi.worker_state.manager.draining = True
        self.connections.drain()

    async def _serve(self) -> None:
        for listener in self.sockets:
            _leave_unsent_bytes_to_us(listener.sock)
        self._sweep()
        await super()._serve()

    def _sweep(self) -> None:
        self.loop.call_later(self.connections.sweep_seconds, self._sweep)
        self.connections.sweep()


def _leave_unsent_bytes_to_us(listener: socket.socket) -> None:
    """Lets the system keep little of what a caller does not take; connections inherit it.

    Else a caller who reads nothing would fill megabytes of its memory, and be seen by nobody.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None and listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)


def _leave(*_: object) -> None:
    os._exit(0)
