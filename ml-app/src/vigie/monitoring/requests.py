"""Requests as metrics: how many, by outcome, and how long they took."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from vigie.monitoring.tally import Labels, Tallies, Tally, add_histogram


class RequestTallies(Tallies):
    """`vigie_http_requests_total` and `vigie_http_request_duration_seconds` of one process.

    A series per method, route and code gives both: the histogram adds up the codes.
    """

    def __init__(self, buckets: Sequence[float], registry: CollectorRegistry) -> None:
        super().__init__(buckets, registry)

    def families(self, series: Sequence[tuple[Labels, Tally]]) -> list[Metric]:
        """The counter and the histogram."""
        counter = CounterMetricFamily(
            "vigie_http_requests", "Requests answered, counted when they end.",
            labels=("method", "route", "code"),
        )  # fmt: skip
        histogram = HistogramMetricFamily(
            "vigie_http_request_duration_seconds", "Time from a request's arrival to its answer.",
            labels=("method", "route"),
        )  # fmt: skip
        together: dict[Labels, tuple[np.ndarray, float]] = {}
        for labels, tally in series:
            counter.add_metric(labels, tally.count)
            counts, total = together.get(labels[:2], (0, 0.0))
            together[labels[:2]] = (counts + tally.counts, total + tally.sum)
        for labels, (counts, total) in together.items():
            add_histogram(histogram, labels, self._bounds, counts, total)
        return [counter, histogram]
