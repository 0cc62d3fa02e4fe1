"""Counts that are true whatever happens to the workers."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np

from support.callers import CALLERS, Callers
from support.memory import tell
from support.recycling import (
    decreases,
    read_every_second,
    replace_one,
    scrape_again_and_again,
    wait_for_workers,
)
from support.scraper import needs_prometheus, scraper
from support.service import LiveService, MakeService, Samples, value_of
from support.waiting import wait_until

ROUTE = "/predict/<model>"
REQUESTS = "vigie_http_requests_total"
SETTLING_SECONDS = 3.0
SNAPSHOT_SECONDS = 1.0
LATENESS_SECONDS = 0.5
"""How late a worker's snapshot may be on a busy machine."""
MIB = 2**20
WORKERS, RATE, RECYCLING_SECONDS, KILLING_SECONDS = 4, 300.0, 25, 35


def requests_counted(samples: Samples) -> float:
    return value_of(samples, REQUESTS, route=ROUTE, method="POST")


def recycle(service: LiveService, seconds: float) -> int:
    """Ends workers one after the other for so long, then all of them at once; how many."""
    recycled, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        replace_one(service, signal.SIGTERM, WORKERS)
        recycled += 1
    old = set(service.workers)
    service.master.send_signal(signal.SIGHUP)
    wait_for_workers(service, WORKERS, old)
    return recycled + WORKERS


def kill_busiest(service: LiveService, callers: Callers) -> int:
    """Kills the worker that answers most; how many answers it gave in its last second."""
    busiest = max(service.workers, key=lambda worker: callers.answered_by(worker, 5))
    last = callers.answered_by(busiest, SNAPSHOT_SECONDS + LATENESS_SECONDS)
    busiest.kill()
    wait_for_workers(service, WORKERS, {busiest})
    return last


def kill_two(service: LiveService, callers: Callers) -> int:
    """Kills a worker and recycles one, twice; how many answers may not have been counted."""
    may_miss = 0
    for _ in range(2):
        time.sleep(KILLING_SECONDS / 3)
        may_miss += kill_busiest(service, callers)
        replace_one(service, signal.SIGTERM, WORKERS)
    time.sleep(KILLING_SECONDS / 3)
    return may_miss


@needs_prometheus
def test_counts_are_the_answers_that_callers_got(make_service: MakeService, tmp_path: Path) -> None:
    service = make_service(VIGIE_WORKERS=str(WORKERS))
    service.start()
    service.wait_ready()
    wait_until(lambda: value_of(service.samples(), "vigie_workers") == WORKERS)
    selector = f'{REQUESTS}{{route="{ROUTE}",code="200"}}'
    with (
        scraper(tmp_path / "prometheus", service.metrics_port) as prometheus,
        read_every_second(service) as pages,
    ):
        with Callers(service.port, RATE) as first:
            recycled = recycle(service, RECYCLING_SECONDS)
        time.sleep(SETTLING_SECONDS)
        assert (first.broken, first.others) == ([], [])
        assert requests_counted(service.samples()) == len(first.answered)
        with Callers(service.port, RATE) as second:
            may_miss = kill_two(service, second)
        time.sleep(SETTLING_SECONDS)
        counted = requests_counted(service.samples())
        known = prometheus.value(f"sum({selector})")
        series = prometheus.raw(selector, "5m")
    answers, lost = len(first.answered) + len(second.answered), len(second.broken)
    tell(f"{answers} answers, {counted:.0f} counted, {known:.0f} in Prometheus")
    tell(f"{recycled + 2} workers recycled, 2 killed: {lost} requests lost in flight, "
         f"at most {may_miss} counts may be missing")  # fmt: skip
    tell(f"{len(pages)} pages of {len(pages[-1])} samples, {len(series[0])} samples in Prometheus")
    assert known == counted
    assert second.others == []
    # a killed worker takes with it one request on each connection, and its last second of counts
    assert lost <= 2 * CALLERS
    assert answers - may_miss <= counted <= answers + lost
    assert decreases(pages) == []
    assert len(series) == 1
    assert np.all(np.diff(series[0]) >= 0)


RECYCLES, LONGEST_SECONDS = 500, 600
FILES_BESIDE = 2
"""The sum of the workers that are gone, and a file that is being written."""


def test_five_hundred_recycles(make_service: MakeService, tmp_path: Path) -> None:
    workers = 2
    service = make_service(
        VIGIE_WORKERS=str(workers), VIGIE_DRAIN_SECONDS="0.2", VIGIE_MODELS="housing"
    )
    service.start()
    service.wait_ready()
    folder = tmp_path / "service0" / "state" / "metrics"
    recycled, most_files, began = 0, 0, time.monotonic()
    with read_every_second(service) as pages, Callers(service.port, 40) as callers:
        while recycled < RECYCLES:
            old = set(service.workers)
            service.master.send_signal(signal.SIGHUP)
            wait_for_workers(service, workers, old)
            recycled += workers
            most_files = max(most_files, len(list(folder.iterdir())))
            assert time.monotonic() - began < LONGEST_SECONDS, f"{recycled} recycles in time"
    seconds = time.monotonic() - began
    time.sleep(SETTLING_SECONDS)
    files = sorted(path.name for path in folder.iterdir())
    samples = service.samples()
    took, page = scrape_again_and_again(service)
    p99, size = 1000 * float(np.quantile(took, 0.99)), len(page) / 1024
    tell(f"{recycled} recycles in {seconds:.0f} s: {len(callers.answered)} answers, "
         f"{requests_counted(samples):.0f} counted")  # fmt: skip
    tell(f"{len(files)} files, at most {most_files}; scrape p99 {p99:.1f} ms, page {size:.0f} KiB")
    assert (callers.broken, callers.others) == ([], [])
    assert requests_counted(samples) == len(callers.answered)
    assert decreases(pages) == []
    # each worker has one, and the log writer
    assert len([name for name in files if name[0].isdigit()]) == workers + 1
    assert len(files) <= workers + 1 + FILES_BESIDE
    assert most_files <= 3 * workers + FILES_BESIDE + 2
    assert value_of(samples, "vigie_workers") == workers
    assert p99 <= 100
    assert len(page) <= MIB
