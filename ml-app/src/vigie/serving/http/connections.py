"""The connections of one worker: how many there may be, and how long each may keep it waiting."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from vigie.errors import TooSlow, Unavailable
from vigie.serving.ports import affordable_connections
from vigie.serving.responses import date_line

if TYPE_CHECKING:
    from vigie.errors import VigieError
    from vigie.serving.http.connection import Connection, Phase
    from vigie.serving.metrics import Metrics
    from vigie.settings import Settings

SWEEP_SECONDS = 0.5
CLOSING_SECONDS = 2.0
DRAINING_IDLE_SECONDS = 1.0
FRESH_SECONDS = 0.25
"""A connection that changed within this time is never closed to make room."""
ROOM_SHARE = 32

_SLOW = TooSlow("The request did not arrive in time; send it faster.")
_FULL = Unavailable("The service has too many connections; try again soon.", "full")


class Connections:
    """The open connections of a worker; `sweep` closes those that are past their deadline."""

    def __init__(self, settings: Settings, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._limits: dict[Phase, float] = {
            "header": settings.header_timeout_seconds,
            "body": settings.body_timeout_seconds,
            "write": settings.write_timeout_seconds,
            "idle": settings.keepalive_seconds,
            "closing": CLOSING_SECONDS,
        }
        self.sweep_seconds = min(SWEEP_SECONDS, *(limit / 4 for limit in self._limits.values()))
        self._oldest = settings.connection_seconds or math.inf
        self._most = affordable_connections()
        self._metrics = metrics.http
        self.now = clock
        self.date = date_line()
        self._open: set[Connection] = set()
        self._no_room_until = 0.0
        self.draining = False
        metrics.http.connections.set_function(self._open.__len__)

    def add(self, connection: Connection) -> None:
        """Takes a connection, or turns it away where there is no place.

        Above the most there may be, those make room that have used up most of their deadline.
        """
        self._open.add(connection)
        if len(self._open) <= self._most or self._make_room(connection):
            return
        self._metrics.connections_dropped.labels("full").inc()
        if len(self._open) <= self._most + self._most // 8:
            connection.refuse(_FULL)
        else:
            connection.drop("closing", _FULL)

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self._open)

    def discard(self, connection: Connection) -> None:
        """Forgets a connection that is gone."""
        self._open.discard(connection)

    def last_second(self) -> float:
        """When a connection that is made now gets old; not the same for those made together."""
        return self.now() + self._oldest * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret

    def ends(self, last_second: float) -> bool:
        """Whether the answer that is written now is the last one of its connection."""
        return self.draining or self.now() > last_second

    def count_answer(self, status: int) -> None:
        """Counts an answer that was given before there was a route."""
        self._metrics.count_request("other", "(none)", status, 0.0)

    def drain(self) -> None:
        """The worker stops: answers end their connection, and idle ones are closed soon."""
        self.draining = True
        self._limits["idle"] = min(self._limits["idle"], DRAINING_IDLE_SECONDS)

    def sweep(self) -> None:
        """Closes every connection that is past the deadline of its phase."""
        now = self.now()
        self.date = date_line()
        for connection in tuple(self._open):
            phase, waited = connection.look(now)
            if phase != "work" and waited >= self._limits[phase]:
                self._drop(connection, phase, phase, _SLOW)

    def _make_room(self, newest: Connection) -> bool:
        now = self.now()
        if now < self._no_room_until:
            return False
        found = []
        for connection in self._open:
            phase, waited = connection.look(now)
            if phase != "work" and waited >= FRESH_SECONDS and connection is not newest:
                found.append((waited / self._limits[phase], id(connection), phase, connection))
        # several at once, so that the next arrivals need no search
        worst = heapq.nlargest(self._most // ROOM_SHARE + 1, found)
        for _, _, phase, connection in worst:
            self._drop(connection, phase, "full", _FULL)
        if not worst:
            self._no_room_until = now + FRESH_SECONDS / 4
        return bool(worst)

    def _drop(self, connection: Connection, phase: Phase, reason: str, error: VigieError) -> None:
        self._open.discard(connection)
        connection.drop(phase, error)
        if phase != "closing":
            self._metrics.connections_dropped.labels(reason).inc()
