"""Fifty promotions back and forth under load: nobody notices, and nothing piles up."""

from __future__ import annotations

import statistics
import threading
import time

from support.memory import pss_mb, tell
from support.openloop import Figures, ask_at, capacity, request_of, together
from support.packages import install
from support.service import LiveService, MakeService
from support.waiting import wait_until
from support.worker import HOME
from vigie.registry.cache import ModelCache

ROUNDS, PROMOTIONS, PERIOD = 10, 5, 1.2
MOST_PER_SECOND = 1500
"""Above it the client on the same machine is what one measures."""
CONNECTIONS = 16


def serving(service: LiveService) -> set[str]:
    """The versions that some tries find; both workers are asked with near certainty."""
    return {service.get("/v1/models/housing").json()["version"] for _ in range(12)}


def wanted(cache: ModelCache) -> set[str]:
    champion = cache.champion("housing")
    return {champion.version} if champion else set()


def swap(cache: ModelCache, digests: list[str], stop: threading.Event) -> None:
    for _ in range(PROMOTIONS):
        cache.point("housing", digests[cache.pointer("housing") == digests[0]])
        if stop.wait(PERIOD):
            return


def test_fifty_promotions_under_load(make_service: MakeService, cache: ModelCache) -> None:
    digests = [install(cache, "housing", "2", 2.0), install(cache, "housing", "1", 1.0)]
    service = make_service()
    service.start()
    service.wait_ready()
    request = request_of("housing", HOME)
    rate = min(capacity(service.port, request) / 2, MOST_PER_SECOND)
    series = len(service.samples())
    quiet: list[Figures] = []
    swapping: list[Figures] = []
    before = 0.0
    for number in range(ROUNDS):
        quiet.append(ask_at(service.port, request, rate, PROMOTIONS * PERIOD / 2, CONNECTIONS))
        if number == 1:
            # by now both versions have been in memory once
            before = pss_mb([service.master, *service.master.children()])
        stop = threading.Event()
        swaps = threading.Thread(target=swap, args=(cache, digests, stop))
        swaps.start()
        try:
            seconds = PROMOTIONS * PERIOD
            swapping.append(ask_at(service.port, request, rate, seconds, CONNECTIONS))
        finally:
            stop.set()
            swaps.join()
        wait_until(lambda: serving(service) == wanted(cache))
        assert {v["state"] for v in in_memory(service)} == {"serving"}
    time.sleep(2)
    after = pss_mb([service.master, *service.master.children()])
    tell(f"at {rate:.0f} requests/s, quiet: {together(quiet)}")
    tell(f"{ROUNDS * PROMOTIONS} promotions: {together(swapping)}")
    p99 = [statistics.median(f.quantile_ms(0.99) for f in some) for some in (quiet, swapping)]
    tell(f"p99, median of {ROUNDS} windows: quiet {p99[0]:.2f} ms, swapping {p99[1]:.2f} ms")
    tell(f"PSS {before:.0f} -> {after:.0f} MB; series {series} -> {len(service.samples())}")
    every = together([*quiet, *swapping])
    assert (every.lost, set(every.statuses), set(every.versions)) == (0, {200}, {"1", "2"})
    # of windows side by side, so that what else the machine does hits both alike
    assert p99[1] <= 2 * p99[0]
    assert after <= 1.05 * before
    # one version more than at the start: the one before
    assert len(service.samples()) <= series + 150


def in_memory(service: LiveService) -> list[dict[str, object]]:
    found: list[dict[str, object]] = service.get("/v1/models/housing").json()["versions"]
    return found
