"""Requests that arrive by the clock, whatever the service does: an open loop.

A caller that waits for its answer before it asks again hides what a pause of the service does to
others: while it waits, it asks nothing. Here each request leaves when its time has come, and what
it waited counts from then.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
from gevent.pool import Group

LAST_ANSWERS_SECONDS = 15
"""How long the end of a run waits for what is still open."""


class Arrivals:
    """One source of requests: one each `period` seconds, evenly."""

    def __init__(self, period: float, began: float, ask: Callable[[float], object]) -> None:
        """`ask` is called with the planned start; `began` is when the first is due.

        Both are times of `time.perf_counter`.
        """
        self._period, self._due, self._ask = period, began, ask
        self._open: dict[gevent.Greenlet, float] = {}
        self._group = Group()

    def next(self) -> None:
        """Waits until the next request is due and lets it go."""
        due, self._due = self._due, self._due + self._period
        gevent.sleep(max(due - time.perf_counter(), 0))
        greenlet = gevent.Greenlet(self._ask, due)
        self._open[greenlet] = due
        greenlet.link(lambda one: self._open.pop(one, None))
        self._group.start(greenlet)

    def unanswered(self, seconds: float = LAST_ANSWERS_SECONDS) -> list[float]:
        """Waits for what is open; the planned starts of what is open even then, and is given up."""
        self._group.join(timeout=seconds)
        left = sorted(self._open.values())
        self._group.kill()
        return left
