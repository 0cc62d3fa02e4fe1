"""A buffered series counts as prometheus_client does, and loses nothing to other threads."""

from __future__ import annotations

import threading
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest

from vigie.monitoring.buffered_series import BufferedCounter, BufferedHistogram

BUCKETS = (0.001, 0.01, 0.1, 1.0)
NEAR = st.sampled_from([bound * factor for bound in BUCKETS for factor in (0.999, 1.0, 1.001)])


@given(st.lists(st.floats(0, 3) | NEAR))
def test_a_histogram_says_what_the_library_would(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    buffered = BufferedHistogram("work_seconds", "Work.", ("kind",), BUCKETS, ours)
    plain = Histogram("work_seconds", "Work.", ("kind",), buckets=BUCKETS, registry=theirs)
    # a series that nothing was observed of is shown where something is expected
    buffered.labels("a").expected = True
    plain.labels("a")
    for place, value in enumerate(values):
        buffered.labels("a").observe(value)
        plain.labels("a").observe(value)
        if place == len(values) // 2:
            list(buffered.collect())
    said = [lines(registry) for registry in (ours, theirs)]
    assert said[0].keys() == said[1].keys()
    assert np.allclose(list(said[0].values()), list(said[1].values()))


def lines(registry: CollectorRegistry) -> dict[str, float]:
    """The samples of the text format, creation times apart."""
    text = generate_latest(registry).decode()
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in pairs if "_created" not in name}


def test_threads_lose_nothing_while_it_is_added_up() -> None:
    registry = CollectorRegistry()
    counter = BufferedCounter("rows_total", "Rows.", ("model",), registry)
    series = counter.labels("a")

    def work() -> None:
        for _ in range(20_000):
            series.observe(2)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = [0.0]
    while any(thread.is_alive() for thread in threads):
        seen.append(registry.get_sample_value("rows_total", {"model": "a"}) or 0.0)
        time.sleep(0.001)
    assert registry.get_sample_value("rows_total", {"model": "a"}) == 4 * 20_000 * 2
    assert seen == sorted(seen)


def test_a_removed_series_is_gone_and_removing_it_again_is_nothing() -> None:
    registry = CollectorRegistry()
    counter = BufferedCounter("rows_total", "Rows.", ("model",), registry)
    counter.labels("a").observe(1)
    counter.remove("a")
    counter.remove("a")
    assert registry.get_sample_value("rows_total", {"model": "a"}) is None
