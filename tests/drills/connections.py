"""A thousand slow callers, two thousand idle ones, five thousand spoiled requests."""

from __future__ import annotations

import re
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import orjson
import psutil
import pytest

from support.memory import tell
from support.mutations import SEEDS, mutate
from support.openloop import Figures, ask_at, request_of
from support.service import LiveService, MakeService, value_of
from support.slowness import Slow, SlowCallers
from support.waiting import wait_until
from support.wire import connect, exchange, head_of
from support.worker import FLOWER, HOME

RATE, SECONDS, CALLERS = 200, 10.0, 8
SLOW, IDLE, SPOILED = 1000, 2000, 5000
EVERY_SECONDS = 0.006
WIDE_ROWS = 900
DROPPED_SECONDS, IDLE_GONE_SECONDS = 12.0, 75.0
FAILURE = re.compile(rb"HTTP/1.. 5")
WORST_RATIO = 1.5
ROUNDS = 3
GOOD = request_of("housing", HOME)
WIDE = orjson.dumps({"instances": [FLOWER] * WIDE_ROWS})
WAYS = {
    "header": Slow(GOOD[:40], GOOD[40:]),
    "body": Slow(GOOD[:-50], GOOD[-50:]),
    "write": Slow(
        head_of("POST", "/predict/iris", f"Content-Length: {len(WIDE)}") + WIDE, reads=False
    ),
}


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """Enough open files for this process and for the service, which takes them over from it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def service(make_service: MakeService) -> LiveService:
    service = make_service()
    service.start()
    service.wait_ready()
    return service


def ask(service: LiveService, seconds: float) -> Figures:
    figures = ask_at(service.port, GOOD, RATE, seconds, CALLERS)
    assert figures.lost == 0
    assert set(figures.statuses) == {200}
    return figures


def open_files(service: LiveService) -> int:
    return sum(worker.num_fds() for worker in service.workers)


def rows(service: LiveService) -> float:
    return value_of(service.samples(), "vigie_predictions_total", model="iris")


def dropped(service: LiveService, reason: str) -> float:
    return value_of(service.samples(), "vigie_connections_dropped_total", reason=reason)


@pytest.mark.parametrize("reason", WAYS)
def test_a_thousand_slow_callers_hurt_nobody(service: LiveService, reason: str) -> None:
    ask(service, 2.0)
    base = open_files(service)
    slow = SlowCallers(service.port)
    quiet, busy = [], []
    for number in range(1, ROUNDS + 1):
        quiet.append(ask(service, SECONDS))
        held = slow.hold(WAYS[reason], SLOW, EVERY_SECONDS)
        if not WAYS[reason].reads:
            # their large answers are computed first, which is work as any other
            wait_until(lambda wanted=number * SLOW * WIDE_ROWS: rows(service) >= wanted)  # type: ignore[misc]
        busy.append(ask(service, SECONDS))
        lasted = held.result(90)
        assert len(lasted) == SLOW
        assert max(lasted) <= DROPPED_SECONDS
        wait_until(lambda wanted=number * SLOW: dropped(service, reason) >= wanted)  # type: ignore[misc]
        wait_until(lambda: open_files(service) <= base + CALLERS)
        tell(f"{SLOW} slow ({reason}), gone after {min(lasted):.1f} to {max(lasted):.1f} s")
        tell(f"quiet {quiet[-1]}; beside them {busy[-1]}")
    slow.close()
    check_ratio(quiet, busy)


def check_ratio(quiet: list[Figures], busy: list[Figures]) -> None:
    """The healthy are about as quick as before, by the median of the rounds."""
    ratios = [b.quantile_ms(0.99) / a.quantile_ms(0.99) for a, b in zip(quiet, busy, strict=True)]
    tell(f"p99 ratios: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    assert sorted(ratios)[ROUNDS // 2] <= WORST_RATIO


def test_two_thousand_idle_connections_go(service: LiveService) -> None:
    ask(service, 2.0)
    base = open_files(service)
    quiet = ask(service, 10.0)
    callers: list[socket.socket] = []
    try:
        for _ in range(IDLE):
            caller = connect(service.port)
            caller.sendall(GOOD)
            assert caller.recv(65536).startswith(b"HTTP/1.1 200")
            callers.append(caller)
        began = time.monotonic()
        most = open_files(service) - base
        busy = ask(service, 20.0)
        wait_until(lambda: open_files(service) <= base + CALLERS, IDLE_GONE_SECONDS)
        tell(
            f"{IDLE} idle: {most} files more at most, gone after {time.monotonic() - began:.0f} s; "
            f"quiet {quiet}; beside them {busy}"
        )
        assert most >= IDLE // 2
        assert time.monotonic() - began <= IDLE_GONE_SECONDS
    finally:
        for caller in callers:
            caller.close()


def test_spoiled_requests_break_nothing(service: LiveService) -> None:
    random = Random(20261121)
    spoiled = [mutate(SEEDS[number % len(SEEDS)], random) for number in range(SPOILED)]
    workers: list[psutil.Process] = service.workers

    def weight() -> int:
        return sum(worker.memory_info().rss for worker in workers)

    def send_all(some: list[bytes]) -> list[bytes]:
        with ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda data: exchange(service.port, data, 0.1), some))

    grown = 0
    # what grows once, such as the heap, has grown by the last round; a leak grows in each
    for _ in range(ROUNDS):
        before = weight()
        for data, said in zip(spoiled, send_all(spoiled), strict=True):
            assert not said or said.startswith(b"HTTP/1."), data
            assert not FAILURE.search(said), data
        grown = weight() - before
        tell(f"{SPOILED} spoiled requests: {grown / 2**20:+.2f} MiB in {len(workers)} workers")
        spoiled = [mutate(SEEDS[number % len(SEEDS)], random) for number in range(SPOILED)]
    assert service.workers == workers
    assert grown <= 2**20 * len(workers)
    assert service.predict("housing", HOME).status == 200
    assert "Traceback" not in service.log.read_text()
