"""Requests leave when their time has come, however long those before them take."""

from __future__ import annotations

import time

import gevent
import pytest
from gevent.event import Event

from load.arrivals import Arrivals


def test_arrivals_do_not_wait_for_those_before() -> None:
    released, begun = Event(), []

    def ask(due: float) -> None:
        begun.append(due)
        released.wait()

    began = time.perf_counter()
    arrivals = Arrivals(0.01, began, ask)
    for _ in range(5):
        arrivals.next()
    gevent.sleep(0)
    assert begun == pytest.approx([began + 0.01 * number for number in range(5)])
    released.set()
    assert arrivals.unanswered() == []


def test_what_is_never_answered_is_told_with_its_planned_start() -> None:
    answered: list[float] = []
    forever = Event()

    def ask(due: float) -> None:
        if answered:
            forever.wait()
        answered.append(due)

    began = time.perf_counter()
    arrivals = Arrivals(0.001, began, ask)
    for _ in range(3):
        arrivals.next()
        gevent.sleep(0)
    assert arrivals.unanswered(0.01) == pytest.approx([began + 0.001, began + 0.002])
