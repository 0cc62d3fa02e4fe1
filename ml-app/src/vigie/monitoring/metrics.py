"""Every metric of a worker, declared once. One registry per process; `publisher` adds them up."""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from vigie.models.document import TRAINING_ERRORS
from vigie.monitoring.bins import BinMetrics
from vigie.monitoring.challenger import ChallengerMetrics
from vigie.monitoring.log_metrics import FeedbackMetrics, LogMetrics
from vigie.monitoring.requests import RequestTallies
from vigie.monitoring.tally import TalliedCounter, TalliedHistogram, Tally

LATENCY_SECONDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0
)  # fmt: skip
STAGE_SECONDS = (0.00005, 0.0001, 0.00025, *LATENCY_SECONDS)
BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)
STAGES = ("queue", "decode", "infer", "encode")
REJECTIONS = (
    "full", "queue", "no_model", "deadline", "gone", "unauthorized", "forbidden", "no_keys",
    "database",
)  # fmt: skip
DROPS = ("header", "body", "write", "idle", "full")
FAILURES = ("engine", "nonfinite_output", "internal")
ROUTE_CODES = ("200", "500", "503", "504")
RELOADS = ("swapped", "failed", "refused")

Merge = Literal["sum", "max", "min"]

GAUGE_MERGE: dict[str, Merge] = {
    "vigie_http_requests_in_progress": "sum",
    "vigie_connections": "sum",
    "vigie_queue_depth": "sum",
    "vigie_model_info": "max",
    "vigie_model_training_error": "max",
    "vigie_model_loaded_timestamp_seconds": "min",
    "vigie_model_load_duration_seconds": "max",
    "vigie_registry_last_success_timestamp_seconds": "max",
    "vigie_build_info": "max",
    "vigie_feature_reference_ratio": "max",
    "vigie_prediction_reference_ratio": "max",
    "vigie_workers": "sum",
    "vigie_prediction_log_queue_rows": "sum",
    "vigie_prediction_log_last_success_timestamp_seconds": "max",
    "process_virtual_memory_bytes": "sum",
    "process_resident_memory_bytes": "sum",
    "process_start_time_seconds": "min",
    "process_open_fds": "sum",
    "process_max_fds": "min",
}
"""How the gauges of several workers become one; counters, histograms and summaries are added."""


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        registry = CollectorRegistry(auto_describe=False)
        self.registry = registry
        self.requests = RequestTallies(LATENCY_SECONDS, registry)
        self.in_progress = Gauge(
            "vigie_http_requests_in_progress", "Requests that are being answered now.",
            registry=registry,
        )  # fmt: skip
        self.connections = Gauge(
            "vigie_connections", "Connections that callers hold open.", registry=registry
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
        self.predictions = TalliedCounter(
            "vigie_predictions_total", "Rows answered.", ("model", "version"), registry
        )
        self.failures = Counter(
            "vigie_prediction_failures_total", "Requests that the model failed on.",
            ("model", "version", "reason"), registry=registry,
        )  # fmt: skip
        self.stage_seconds = TalliedHistogram(
            "vigie_stage_duration_seconds", "Time of a prediction by stage.",
            ("model", "version", "stage"), STAGE_SECONDS, registry,
        )  # fmt: skip
        self.outside_range = Counter(
            "vigie_input_outside_range_total",
            "Allowed values that were never seen in training.",
            ("model", "version", "feature"), registry=registry,
        )  # fmt: skip
        self.batch_rows = TalliedHistogram(
            "vigie_batch_rows", "Rows in one call of the model.", ("model",), BATCH_ROWS, registry
        )
        self.queue_depth = Gauge(
            "vigie_queue_depth", "Requests that wait for the model.", ("model",), registry=registry
        )
        self.model_info = Gauge(
            "vigie_model_info", "1 for the version of an alias: the champion serves.",
            ("model", "version", "alias", "run_id", "engine"), registry=registry,
        )  # fmt: skip
        self.training_error = Gauge(
            "vigie_model_training_error",
            "What training measured on held-out rows: means, of the kinds of the live error.",
            ("model", "version", "kind"), registry=registry,
        )  # fmt: skip
        self.model_loaded = Gauge(
            "vigie_model_loaded_timestamp_seconds", "When the serving version was loaded.",
            ("model",), registry=registry,
        )  # fmt: skip
        self.model_load_seconds = Gauge(
            "vigie_model_load_duration_seconds", "How long it took to load and warm up.",
            ("model",), registry=registry,
        )  # fmt: skip
        self.model_reloads = Counter(
            "vigie_model_reloads_total", "Changes of the serving version, by outcome.",
            ("model", "outcome"), registry=registry,
        )  # fmt: skip
        self.registry_last_success = Gauge(
            "vigie_registry_last_success_timestamp_seconds",
            "When the registry last answered; 0 before the first time.",
            registry=registry,
        )  # fmt: skip
        self.build_info = Gauge(
            "vigie_build_info", "1; the labels tell what runs.",
            ("version", "python"), registry=registry,
        )  # fmt: skip
        self.workers = Gauge("vigie_workers", "Worker processes alive.", registry=registry)
        self.challenger = ChallengerMetrics(registry)
        self.bins = BinMetrics(registry)
        self.prediction_log = LogMetrics(registry)
        self.feedback = FeedbackMetrics(registry)
        ProcessCollector(registry=registry)
        self._requests: dict[tuple[str, str, int], Tally] = {}
        for reason in REJECTIONS:
            self.rejected.labels(reason)
        for reason in DROPS:
            self.connections_dropped.labels(reason)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answered request; `route` is a template, never a raw path."""
        key = (method, route, status)
        found = self._requests.get(key)
        if found is None:
            found = self._requests[key] = self.requests.labels(method, route, str(status))
        found.observe(seconds)

    def start_route_at_zero(self, method: str, route: str) -> None:
        """Makes the series of a route's answers exist before its first request.

        Of the failures too: a counter that begins at 1 has never grown, and no alert sees it.
        """
        for code in ROUTE_CODES:
            self.requests.labels(method, route, code)

    def start_at_zero(self, model: str) -> None:
        """Makes the series of a model exist before its first request."""
        for outcome in RELOADS:
            self.model_reloads.labels(model, outcome)
        self.queue_depth.labels(model)
        self.batch_rows.labels(model)

    def start_version_at_zero(self, model: str, version: str) -> None:
        """Makes the series of a version exist before its first request."""
        self.predictions.labels(model, version)
        for reason in FAILURES:
            self.failures.labels(model, version, reason)
        for stage in STAGES:
            self.stage_seconds.labels(model, version, stage)

    def forget_model(self, model: str) -> None:
        """Removes the series of a model that is served no longer, but for those of its versions."""
        for outcome in RELOADS:
            self.model_reloads.remove(model, outcome)
        for metric in (self.queue_depth, self.batch_rows, self.model_loaded):
            metric.remove(model)
        self.model_load_seconds.remove(model)

    def forget_version(self, model: str, version: str, features: tuple[str, ...]) -> None:
        """Removes the series of a version that neither serves nor served just before."""
        self.bins.forget(model, version)
        self.predictions.remove(model, version)
        for reason in FAILURES:
            self.failures.remove(model, version, reason)
        for stage in STAGES:
            self.stage_seconds.remove(model, version, stage)
        for kind in TRAINING_ERRORS:
            self.training_error.remove(model, version, kind)
        for feature in features:
            self.outside_range.remove(model, version, feature)
        self.feedback.forget_version(model, version)
