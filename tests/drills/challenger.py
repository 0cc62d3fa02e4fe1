"""A challenger that gets more copies than it can take costs the callers nothing."""

from __future__ import annotations

import statistics
import time

from support.memory import pss_mb, tell
from support.openloop import Figures, ask_at, capacity, request_of, together
from support.packages import install
from support.service import LiveService, MakeService, value_of
from support.worker import HOME
from vigie.registry.cache import CHALLENGER, ModelCache

ROUNDS, SECONDS = 12, 5.0
MOST_PER_SECOND = 1500
CONNECTIONS = 16
SETTLING_SECONDS = 3.5
"""Both workers look once a second, and their snapshots take another."""


def has_challenger(service: LiveService) -> bool:
    return any(name.startswith("vigie_challenger_requests") for name, _ in service.samples())


def test_a_saturated_challenger_beside_the_champion(
    make_service: MakeService, cache: ModelCache
) -> None:
    champion = cache.pointer("housing")
    assert champion is not None
    digest = install(cache, "housing", "2", 2.0)
    cache.point("housing", champion)
    service = make_service(VIGIE_CHALLENGER_SHARE="1")
    service.start()
    service.wait_ready()
    request = request_of("housing", HOME)
    rate = min(capacity(service.port, request) / 2, MOST_PER_SECOND)
    figures: dict[bool, list[Figures]] = {False: [], True: []}
    memory: dict[bool, float] = {}
    for number in range(2 * ROUNDS):
        # off, on, on, off: what drifts on the machine hits both alike
        beside = number % 4 in (1, 2)
        if beside:
            cache.point("housing", digest, CHALLENGER)
        else:
            cache.unpoint("housing", CHALLENGER)
        time.sleep(SETTLING_SECONDS)
        assert has_challenger(service) == beside
        figures[beside].append(ask_at(service.port, request, rate, SECONDS, CONNECTIONS))
        memory[beside] = pss_mb([service.master, *service.master.children()])
        if beside:
            samples = service.samples()
            tried = value_of(samples, "vigie_challenger_requests_total")
            dropped = value_of(samples, "vigie_challenger_dropped_total")
    tell(f"at {rate:.0f} requests/s, alone: {together(figures[False])}")
    tell(f"with a challenger: {together(figures[True])}; {tried:.0f} tried, {dropped:.0f} dropped")
    p99 = {
        beside: statistics.median(window.quantile_ms(0.99) for window in figures[beside])
        for beside in (False, True)
    }
    tell(f"p99, median of {ROUNDS} windows: alone {p99[False]:.2f}, beside {p99[True]:.2f} ms")
    tell(f"PSS: alone {memory[False]:.0f} MB, beside {memory[True]:.0f} MB")
    every = together([*figures[False], *figures[True]])
    assert (every.lost, set(every.statuses), set(every.versions)) == (0, {200}, {"1"})
    assert tried > 0
    assert p99[True] <= 1.1 * p99[False]
