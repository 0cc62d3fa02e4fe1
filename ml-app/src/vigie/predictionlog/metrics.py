"""The metrics of the prediction log and of feedback."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary

from vigie.monitoring.gauges import gauge
from vigie.monitoring.snapshots import OTHER

LOG_OUTCOMES = ("written", "sampled_out", "dropped", "failed")
OUTCOMES = ("stored", "joined", "duplicate", "conflict", "not_logged", "unknown", "invalid")
ERROR_KINDS = {
    "number": ("absolute", "squared", "absolute_percentage", "outside_interval"),
    "label": ("wrong",),
    "none": (),
}
"""The kinds of error by what a truth is."""
DELAY_SECONDS = (60.0, 600.0, 3600.0, 21600.0, 86400.0, 259200.0, 604800.0, 1209600.0, 2592000.0)
MOST_RECENT = 3
"""The champion, the one before and a challenger."""
_VERSION = ("model", "version")


class PredictionLogMetrics:
    """What became of the rows that were to be logged, in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Counter(
            "vigie_prediction_log_rows_total",
            "Rows for the prediction log: written, left out above the rate, dropped because the "
            "queue was full, or failed in the database.",
            ("outcome",), registry=registry,
        )  # fmt: skip
        self.queue = gauge(
            "vigie_prediction_log_queue_rows", "Rows that wait to be written.", "sum", registry
        )
        self.last_success = gauge(
            "vigie_prediction_log_last_success_timestamp_seconds",
            "When rows were last written to the prediction log; 0 before the first time.",
            "max", registry,
        )  # fmt: skip
        for outcome in LOG_OUTCOMES:
            self.rows.labels(outcome)


class FeedbackMetrics:
    """What became of truths, and how far they are from the predictions, in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._recent: dict[str, list[str]] = {}
        self.outcomes = Counter(
            "vigie_feedback_total",
            "Truths by outcome; no version where their prediction is not known yet.",
            (*_VERSION, "outcome"), registry=registry,
        )  # fmt: skip
        self.joined = Counter(
            "vigie_feedback_joined_total", "Truths joined to their predictions.",
            _VERSION, registry=registry,
        )  # fmt: skip
        self.errors = Summary(
            "vigie_feedback_error",
            "Errors of joined predictions: their sum over their number is the live error.",
            (*_VERSION, "kind"), registry=registry,
        )  # fmt: skip
        self.delay = Histogram(
            "vigie_feedback_label_delay_seconds", "Time from a prediction to its truth.",
            _VERSION, buckets=DELAY_SECONDS, registry=registry,
        )  # fmt: skip
        for outcome in OUTCOMES:
            self.outcomes.labels("", "", outcome)

    def know(self, model: str, version: str, kind: str) -> None:
        """Lets a version have series of its own, from its first truth on."""
        self._known[model, version] = kind

    def start_version_at_zero(self, model: str, version: str, kind: str) -> None:
        """Makes the series of a version exist before its first truth."""
        self.know(model, version, kind)
        for outcome in OUTCOMES:
            self.outcomes.labels(model, version, outcome)
        self.joined.labels(model, version)
        self.delay.labels(model, version)
        for error in ERROR_KINDS[kind]:
            self.errors.labels(model, version, error)

    def see(self, model: str, version: str, kind: str) -> None:
        """Shows a version that answers; of each model the last few that did."""
        recent = self._recent.setdefault(model, [])
        if version in recent:
            return
        recent.append(version)
        self.start_version_at_zero(model, version, kind)
        if len(recent) > MOST_RECENT:
            self.forget_version(model, recent.pop(0))

    def forget_version(self, model: str, version: str) -> None:
        """Removes the series of a version."""
        kind = self._known.pop((model, version), None)
        if kind is None:
            return
        for outcome in OUTCOMES:
            self.outcomes.remove(model, version, outcome)
        self.joined.remove(model, version)
        self.delay.remove(model, version)
        for error in ERROR_KINDS[kind]:
            self.errors.remove(model, version, error)

    def count(self, outcome: str, model: str = "", version: str = "", number: int = 1) -> None:
        """Counts truths of a prediction, or of one that is not known."""
        self.outcomes.labels(*self._labels(model, version), outcome).inc(number)

    def count_joined(
        self, model: str, version: str, delay_seconds: float, errors: dict[str, float]
    ) -> None:
        """Counts a truth that met its prediction."""
        labels = self._labels(model, version)
        self.count("joined", model, version)
        self.joined.labels(*labels).inc()
        self.delay.labels(*labels).observe(max(delay_seconds, 0.0))
        for kind, error in errors.items():
            self.errors.labels(*labels, kind).observe(error)

    def _labels(self, model: str, version: str) -> tuple[str, str]:
        """The labels of a version, so few that promotions do not add up to ever more series."""
        if not model or (model, version) in self._known:
            return model, version
        # a copy: models come and go in another thread
        models = {name for name, _ in list(self._known)}
        return (model, OTHER) if model in models else (OTHER, OTHER)
