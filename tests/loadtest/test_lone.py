"""Callers of one connection keep it until the service ends it, and lose nothing by that."""

from __future__ import annotations

from dataclasses import replace

from scale.lone import Lone, LoneCallers, missed
from support.service import MakeService
from support.waiting import wait_until

GOOD = Lone(callers=2, answered=400, failures=0, connections=3.0, p99_ms=20.0)


def test_a_connection_that_is_ended_costs_no_answer(make_service: MakeService) -> None:
    service = make_service(VIGIE_CONNECTION_SECONDS="1")
    service.start()
    service.wait_ready()
    address = f"http://127.0.0.1:{service.port}"
    with LoneCallers(address, "iris", every_seconds=0.1) as callers:
        wait_until(lambda: callers.seen.connections > 2)
    seen = callers.seen
    assert (seen.callers, seen.failures) == (2, 0)
    # several answers over each connection
    assert seen.answered > 3 * 2 * seen.connections
    assert seen.p99_ms > 0


def test_a_service_that_is_gone_is_a_failure(make_service: MakeService) -> None:
    service = make_service()
    service.start()
    service.wait_ready()
    with LoneCallers(f"http://127.0.0.1:{service.port}", "iris") as callers:
        wait_until(lambda: callers.seen.answered > 0)
        service.stop()
        wait_until(lambda: callers.seen.failures > 0)
    assert missed(callers.seen)[0].startswith("callers of one connection: ")


def test_what_holds_and_what_does_not() -> None:
    assert missed(GOOD) == []
    assert len(missed(replace(GOOD, failures=1, p99_ms=151.0))) == 2
