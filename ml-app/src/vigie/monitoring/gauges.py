"""Gauges that say how those of several processes become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import Metric

from vigie.monitoring.series_text import TextCollector

Merge = Literal["sum", "max", "min"]


class MergedGauges:
    """A collector in a registry, whose gauges carry along how they are merged, by name.

    Counters, histograms and summaries need no such word: they are added.
    """

    def __init__(
        self, collector: Any, merges: Mapping[str, Merge], registry: CollectorRegistry
    ) -> None:
        self._collector = collector
        self._merges = merges
        if hasattr(collector, "describe"):
            # else the registry would not see that a name is taken
            self.describe = collector.describe
        if isinstance(collector, TextCollector):
            self.texts = self._texts
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for."""
        for metric in self._collector.collect():
            yield self._told(metric)

    def _texts(self) -> Iterator[tuple[Metric, list[bytes]]]:
        for metric, series in self._collector.texts():
            yield self._told(metric), series

    def _told(self, metric: Metric) -> Metric:
        if metric.type == "gauge":
            metric.merge = self._merges[metric.name]
        return metric


def gauge(
    name: str,
    documentation: str,
    merge: Merge,
    registry: CollectorRegistry,
    labels: Sequence[str] = (),
) -> Gauge:
    """A gauge of prometheus_client."""
    made = Gauge(name, documentation, labels, registry=None)
    MergedGauges(made, {name: merge}, registry)
    return made


def add_process_gauges(registry: CollectorRegistry) -> None:
    """Adds what the system says of this process: its memory, processor time and open files."""
    merges: dict[str, Merge] = {
        "process_virtual_memory_bytes": "sum",
        "process_resident_memory_bytes": "sum",
        "process_start_time_seconds": "min",
        "process_open_fds": "sum",
        "process_max_fds": "min",
    }
    MergedGauges(ProcessCollector(registry=None), merges, registry)
