"""Counters and histograms that cost a request one append to a list.

prometheus_client takes a lock and walks the buckets for every value, which is a fifth of a small
prediction. Here the values of a second wait in a list, and whoever collects adds them up at once.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from vigie.monitoring.series_text import SeriesText

Labels = tuple[str, ...]


class BufferedSeries:
    """One series: `observe` may be called from any thread."""

    __slots__ = ("_bounds", "_pending", "counts", "expected", "names", "observe", "sum", "text")

    def __init__(self, bounds: np.ndarray) -> None:
        self._bounds = bounds
        # eight bytes a value, and no object of each: what a second collects stays in the cache
        self._pending = array("d")
        self.observe = self._pending.append
        self.counts = np.zeros(len(bounds) + 1, np.int64)
        """Values per bucket, not cumulated; the last one is above every bound."""
        self.sum = 0.0
        self.expected = False
        """Whether values are sure to come: then a histogram shows it before the first."""
        self.names: SeriesText | None = None
        self.text = b""
        """What a snapshot has of it; empty where that holds no longer."""

    @property
    def count(self) -> int:
        """How many values were added up so far."""
        return int(self.counts.sum())

    @property
    def begun(self) -> bool:
        """True where there are values, or are sure to be."""
        return self.expected or bool(self._pending) or bool(self.counts.any())

    def add_up(self) -> None:
        """Takes what waits into `counts` and `sum`. One caller at a time."""
        pending = self._pending
        number = len(pending)
        if not number:
            return
        values = np.array(pending[:number])
        # appends in between go behind: each of these two steps is one step for other threads
        del pending[:number]
        places = self._bounds.searchsorted(values)
        self.counts += np.bincount(places, minlength=len(self.counts))
        self.sum += float(values.sum())
        self.text = b""


class BufferedMetric(ABC):
    """The series of one metric; the subclass says what a collector is told of them."""

    def __init__(self, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._bounds = np.array(bounds, float)
        self._series: dict[Labels, BufferedSeries] = {}
        self._lock = threading.Lock()
        registry.register(self)

    def labels(self, *values: str) -> BufferedSeries:
        """The series with these label values, made where it is not there yet."""
        found = self._series.get(values)
        if found is None:
            found = self._series.setdefault(values, BufferedSeries(self._bounds))
        return found

    def remove(self, *values: str) -> None:
        """Ends a series, if there is one."""
        self._series.pop(values, None)

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for: the sums until now."""
        with self._lock:
            return iter(self.families(self._added_up()))

    def _added_up(self) -> list[tuple[Labels, BufferedSeries]]:
        series = list(self._series.items())
        for _, one in series:
            one.add_up()
        return series

    @abstractmethod
    def families(self, series: Sequence[tuple[Labels, BufferedSeries]]) -> list[Metric]:
        """The metrics that these series make."""


class BufferedHistogram(BufferedMetric):
    """A histogram. A series is shown from its first value on, or once it is `expected`."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        buckets: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        self.name, self._documentation, self.label_names = name, documentation, tuple(labels)
        super().__init__(buckets, registry)

    def families(self, series: Sequence[tuple[Labels, BufferedSeries]]) -> list[Metric]:
        """One histogram."""
        family = HistogramMetricFamily(self.name, self._documentation, labels=self.label_names)
        for values, one in series:
            if one.begun:
                add_histogram(family, values, self._bounds, one.counts, one.sum)
        return [family]

    def texts(self) -> list[tuple[Metric, list[bytes]]]:
        """The same as texts, of which those that have not changed cost nothing."""
        with self._lock:
            for values, one in (series := self._added_up()):
                if not one.text and one.begun:
                    one.text = self._text(values, one)
        family = HistogramMetricFamily(self.name, self._documentation, labels=self.label_names)
        return [(family, [one.text for _, one in series if one.text])]

    def _text(self, values: Labels, one: BufferedSeries) -> bytes:
        if one.names is None:
            (family,) = self.families([(values, one)])
            one.names = SeriesText((sample.name, sample.labels) for sample in family.samples)
        cumulated = np.cumsum(one.counts).astype(float).tolist()
        return one.names.of([*cumulated, cumulated[-1], one.sum])


class BufferedCounter(BufferedMetric):
    """A counter that grows by the values observed."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry
    ) -> None:
        self.name, self._documentation = name.removesuffix("_total"), documentation
        self.label_names = tuple(labels)
        super().__init__((), registry)

    def families(self, series: Sequence[tuple[Labels, BufferedSeries]]) -> list[Metric]:
        """One counter."""
        family = CounterMetricFamily(self.name, self._documentation, labels=self.label_names)
        for values, one in series:
            family.add_metric(values, one.sum)
        return [family]


def add_histogram(
    family: HistogramMetricFamily,
    labels: Labels,
    bounds: np.ndarray,
    counts: np.ndarray,
    total: float,
) -> None:
    """Adds a series to a family: cumulated buckets, as Prometheus has them."""
    names = [*(f"{bound!r}" for bound in bounds.tolist()), "+Inf"]
    buckets = list(zip(names, np.cumsum(counts).astype(float).tolist(), strict=True))
    family.add_metric(labels, buckets, total)
