"""The metrics of models: which versions serve, what they answered, and how long that took."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from vigie.models.document import TRAINING_ERRORS
from vigie.monitoring.buffered_series import BufferedCounter, BufferedHistogram
from vigie.monitoring.gauges import gauge
from vigie.monitoring.http_metrics import LATENCY_SECONDS

STAGE_SECONDS = (0.00005, 0.0001, 0.00025, *LATENCY_SECONDS)
BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)
STAGES = ("queue", "decode", "infer", "encode")
FAILURES = ("engine", "nonfinite_output", "internal")
RELOADS = ("swapped", "failed", "refused")
_VERSION = ("model", "version")


class ModelMetrics:
    """The series of the models of one process, but for bins, truths and challengers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._describe_answers(registry)
        self._describe_versions(registry)

    def _describe_answers(self, registry: CollectorRegistry) -> None:
        self.predictions = BufferedCounter(
            "vigie_predictions_total", "Rows answered.", _VERSION, registry
        )
        self.failures = Counter(
            "vigie_prediction_failures_total", "Requests that the model failed on.",
            (*_VERSION, "reason"), registry=registry,
        )  # fmt: skip
        self.stage_seconds = BufferedHistogram(
            "vigie_stage_duration_seconds", "Time of a prediction by stage.",
            (*_VERSION, "stage"), STAGE_SECONDS, registry,
        )  # fmt: skip
        self.outside_range = BufferedCounter(
            "vigie_input_outside_range_total",
            "Allowed values that were never seen in training.",
            (*_VERSION, "feature"), registry,
        )  # fmt: skip
        self.batch_rows = BufferedHistogram(
            "vigie_batch_rows", "Rows in one call of the model.", ("model",), BATCH_ROWS, registry
        )
        self.queue_depth = gauge(
            "vigie_queue_depth", "Requests that wait for the model.", "sum", registry, ("model",)
        )

    def _describe_versions(self, registry: CollectorRegistry) -> None:
        self.info = gauge(
            "vigie_model_info", "1 for the version of an alias: the champion serves.", "max",
            registry, (*_VERSION, "alias", "run_id", "engine"),
        )  # fmt: skip
        self.training_error = gauge(
            "vigie_model_training_error",
            "What training measured on held-out rows: means, of the kinds of the live error.",
            "max", registry, (*_VERSION, "kind"),
        )  # fmt: skip
        self.loaded = gauge(
            "vigie_model_loaded_timestamp_seconds", "When the serving version was loaded.", "min",
            registry, ("model",),
        )  # fmt: skip
        self.load_seconds = gauge(
            "vigie_model_load_duration_seconds", "How long it took to load and warm up.", "max",
            registry, ("model",),
        )  # fmt: skip
        self.reloads = Counter(
            "vigie_model_reloads_total", "Changes of the serving version, by outcome.",
            ("model", "outcome"), registry=registry,
        )  # fmt: skip

    def start_at_zero(self, model: str) -> None:
        """Makes the series of a model exist before its first request."""
        for outcome in RELOADS:
            self.reloads.labels(model, outcome)
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
            self.reloads.remove(model, outcome)
        for metric in (self.queue_depth, self.batch_rows, self.loaded, self.load_seconds):
            metric.remove(model)

    def forget_version(self, model: str, version: str, features: tuple[str, ...]) -> None:
        """Removes the series of a version that neither serves nor served just before."""
        self.predictions.remove(model, version)
        for reason in FAILURES:
            self.failures.remove(model, version, reason)
        for stage in STAGES:
            self.stage_seconds.remove(model, version, stage)
        for kind in TRAINING_ERRORS:
            self.training_error.remove(model, version, kind)
        for feature in features:
            self.outside_range.remove(model, version, feature)
