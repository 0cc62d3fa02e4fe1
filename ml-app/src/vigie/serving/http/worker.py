"""One worker process of gunicorn's: an event loop, its connections, the models."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from typing import TYPE_CHECKING

import uvloop
from gunicorn.workers import base

from vigie.serving.dispatch import Dispatcher
from vigie.serving.http.connection import Connection
from vigie.serving.http.connections import Connections
from vigie.serving.ports import keep_little_unsent

if TYPE_CHECKING:
    from vigie.serving.worker_state import WorkerState
    from vigie.serving.wsgi import LateApp

BEAT_SECONDS = 1.0
LAST_LOOK_SECONDS = 0.05
FLASK_DELAY_SECONDS = 1.0
YOUNG_OBJECTS = (10_000, 20, 50)
"""Requests that wait to be counted and logged are no garbage: Python's 700 would look through them
every few dozen answers, a twentieth of a small prediction's time."""


class Worker(base.Worker):  # type: ignore[misc]
    """Serves until it is told to stop, then ends what it began."""

    wsgi: tuple[WorkerState, LateApp]
    loop: asyncio.AbstractEventLoop
    connections: Connections

    def init_process(self) -> None:
        """Forgets the master's handlers, which would swallow a stop, before anything else."""
        self.init_signals()
        gc.set_threshold(*YOUNG_OBJECTS)
        self.loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        super().init_process()

    def init_signals(self) -> None:
        """While the models load, a stop is at once."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT):
            signal.signal(number, _leave)

    def run(self) -> None:
        """Serves, the models loaded."""
        worker_state, app = self.wsgi
        self._quick = False
        self._stopped = asyncio.Event()
        settings = worker_state.settings
        self.connections = Connections(settings, worker_state.metrics, self.loop.time)
        try:
            self.loop.run_until_complete(self._serve(worker_state, app))
        except Exception:
            self.log.exception("the worker has failed")
        worker_state.close()

    async def _serve(self, worker_state: WorkerState, app: LateApp) -> None:
        self._hear_signals(worker_state)
        dispatcher = Dispatcher(worker_state, app)
        servers = []
        for listener in self.sockets:
            keep_little_unsent(listener.sock)
            servers.append(
                await self.loop.create_server(
                    lambda: Connection(dispatcher, self.connections), sock=listener.sock
                )
            )
        self._beat()
        self._sweep()
        self.loop.call_later(
            FLASK_DELAY_SECONDS, threading.Thread(target=app.make, daemon=True).start
        )
        await self._stopped.wait()
        for server in servers:
            server.close()
        last = self.loop.time() + self.cfg.graceful_timeout
        while self.connections.number and not self._quick and self.loop.time() < last:
            await asyncio.sleep(LAST_LOOK_SECONDS)

    def _hear_signals(self, worker_state: WorkerState) -> None:
        for number in (signal.SIGINT, signal.SIGQUIT):
            self.loop.add_signal_handler(number, self._stop_at_once, worker_state)
        self.loop.add_signal_handler(signal.SIGTERM, self._drain, worker_state)
        self.loop.add_signal_handler(signal.SIGUSR1, self.log.reopen_files)
        signal.signal(signal.SIGABRT, _leave)

    def _drain(self, worker_state: WorkerState) -> None:
        """Readiness falls, then every answer lets its caller go, then the socket closes."""
        worker_state.manager.draining = True
        self.connections.drain()
        self.loop.call_later(worker_state.settings.drain_seconds, self._stopped.set)

    def _stop_at_once(self, worker_state: WorkerState) -> None:
        self._quick = True
        self._drain(worker_state)
        self._stopped.set()

    def _beat(self) -> None:
        self.notify()
        if self.ppid != os.getppid():
            self._stopped.set()
        self.loop.call_later(BEAT_SECONDS, self._beat)

    def _sweep(self) -> None:
        self.connections.sweep()
        self.loop.call_later(self.connections.sweep_seconds, self._sweep)


def _leave(*_: object) -> None:
    os._exit(0)
