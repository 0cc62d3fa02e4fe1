"""A gauge carries along how it is merged, and is one of prometheus_client otherwise."""

from __future__ import annotations

import os

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily

from vigie.monitoring.gauges import MergedGauges, add_process_gauges, gauge
from vigie.monitoring.snapshots import SnapshotRegistry, take_snapshot


@pytest.fixture
def registry() -> CollectorRegistry:
    return SnapshotRegistry()


def test_a_gauge_has_its_series_and_its_merge(registry: CollectorRegistry) -> None:
    depth = gauge("queue_depth", "Requests that wait.", "sum", registry, ("model",))
    depth.labels("iris").set(3)
    depth.labels("boats").set(4)
    depth.remove("boats")
    (family,) = take_snapshot(registry)
    assert family == {
        "name": "queue_depth", "help": "Requests that wait.", "type": "gauge", "merge": "sum",
        "samples": [["queue_depth", {"model": "iris"}, 3.0]],
    }  # fmt: skip


def test_a_name_is_given_once(registry: CollectorRegistry) -> None:
    gauge("workers", "Processes.", "sum", registry)
    with pytest.raises(ValueError, match="Duplicated"):
        gauge("workers", "Processes.", "max", registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Counter("workers", "Processes.", registry=registry)


def test_what_is_no_gauge_passes_as_it_is(registry: CollectorRegistry) -> None:
    MergedGauges(Counter("rows", "Rows.", registry=None), {}, registry)
    (family,) = take_snapshot(registry)
    assert family["samples"] == [["rows_total", {}, 0.0]]
    assert "merge" not in family


def test_a_gauge_that_is_left_out_is_told(registry: CollectorRegistry) -> None:
    class Collector:
        def collect(self) -> list[GaugeMetricFamily]:
            return [GaugeMetricFamily("forgotten", "A gauge.", value=1)]

    MergedGauges(Collector(), {}, registry)
    with pytest.raises(KeyError, match="forgotten"):
        take_snapshot(registry)


def test_the_process_tells_of_itself(registry: CollectorRegistry) -> None:
    add_process_gauges(registry)
    found = {family["name"]: family for family in take_snapshot(registry)}
    assert found["process_cpu_seconds"]["type"] == "counter"
    memory = found["process_resident_memory_bytes"]["samples"][0][2]
    assert os.sysconf("SC_PAGE_SIZE") < memory
    assert (
        found["process_max_fds"]["merge"] == found["process_start_time_seconds"]["merge"] == "min"
    )
