"""The metrics of HTTP: requests by outcome and time, those turned away, connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from vigie.monitoring.buffered_series import BufferedMetric, add_histogram
from vigie.monitoring.gauges import gauge

if TYPE_CHECKING:
    from vigie.monitoring.buffered_series import BufferedSeries, Labels

LATENCY_SECONDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0
)  # fmt: skip
REJECTIONS = (
    "full", "queue", "no_model", "deadline", "gone", "unauthorized", "forbidden", "no_keys",
    "database",
)  # fmt: skip
DROPS = ("header", "body", "write", "idle", "full")
ROUTE_CODES = ("200", "500", "503", "504")


class HttpMetrics:
    """The series of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = RequestMetrics(LATENCY_SECONDS, registry)
        self.in_progress = gauge(
            "vigie_http_requests_in_progress", "Requests that are being answered now.", "sum",
            registry,
        )  # fmt: skip
        self.connections = gauge(
            "vigie_connections", "Connections that callers hold open.", "sum", registry
        )
        self.connections_dropped = Counter(
            "vigie_connections_dropped_total",
            "Connections closed because the caller was too slow or idle, or the worker full.",
            ("reason",), registry=registry,
        )  # fmt: skip
        self.rejected = Counter(
            "vigie_rejected_total", "Requests turned away before they ran.",
            ("reason",), registry=registry,
        )  # fmt: skip
        self._observe: dict[tuple[str, str, int], Callable[[float], None]] = {}
        for reason in REJECTIONS:
            self.rejected.labels(reason)
        for reason in DROPS:
            self.connections_dropped.labels(reason)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answered request; `route` is a template, never a raw path."""
        observe = self._observe.get((method, route, status))
        if observe is None:
            observe = self.requests.labels(method, route, str(status)).observe
            self._observe[method, route, status] = observe
        observe(seconds)

    def start_route_at_zero(self, method: str, route: str) -> None:
        """Makes the series of a route's answers exist before its first request.

        Of the failures too: a counter that begins at 1 has never grown, and no alert sees it.
        """
        for code in ROUTE_CODES:
            self.requests.labels(method, route, code)


class RequestMetrics(BufferedMetric):
    """`vigie_http_requests_total` and `vigie_http_request_duration_seconds`.

    A series per method, route and code gives both: the histogram adds up the codes.
    """

    def families(self, series: Sequence[tuple[Labels, BufferedSeries]]) -> list[Metric]:
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
        for labels, one in series:
            counter.add_metric(labels, one.count)
            counts, total = together.get(labels[:2], (0, 0.0))
            together[labels[:2]] = (counts + one.counts, total + one.sum)
        for labels, (counts, total) in together.items():
            add_histogram(histogram, labels, self._bounds, counts, total)
        return [counter, histogram]
