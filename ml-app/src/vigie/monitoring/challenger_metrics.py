"""The metrics of challengers: how they fare on copies of requests, beside the champion."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

ERRORS = ("incompatible", "failed")
COPY_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
_VERSION = ("model", "version")


@dataclass(frozen=True, slots=True)
class ChallengerSeries:
    """The series of one challenger."""

    requests: Counter
    rows: Counter
    seconds: Histogram
    dropped: Counter
    different: Counter
    difference: Counter
    errors: dict[str, Counter]


class ChallengerMetrics:
    """The series of the challengers of one process; `version` is the challenger's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *more: str) -> Counter:
            return Counter(f"vigie_challenger_{name}", text, (*_VERSION, *more), registry=registry)

        self.requests = counter("requests_total", "Copies that the challenger answered.")
        self.rows = counter("rows_total", "Rows of those copies.")
        self.seconds = Histogram(
            "vigie_challenger_duration_seconds",
            "Time that the challenger takes for a copy: decoding and the model.",
            _VERSION, buckets=COPY_SECONDS, registry=registry,
        )  # fmt: skip
        self.errors = counter(
            "errors_total",
            "Copies that the challenger could not answer: its inputs or outputs are others, or it "
            "failed.",
            "reason",
        )
        self.dropped = counter(
            "dropped_total", "Copies dropped because the challenger was behind, or too large."
        )
        self.different = counter(
            "different_labels_total", "Rows that the challenger labels otherwise than the champion."
        )
        self.difference = counter(
            "relative_difference_total",
            "Sum over the rows of the relative difference from the champion's answer.",
        )

    def bind(self, model: str, version: str) -> ChallengerSeries:
        """The series of a challenger, which exist from now on; counting later finds no others."""
        return ChallengerSeries(
            requests=self.requests.labels(model, version),
            rows=self.rows.labels(model, version),
            seconds=self.seconds.labels(model, version),
            dropped=self.dropped.labels(model, version),
            different=self.different.labels(model, version),
            difference=self.difference.labels(model, version),
            errors={reason: self.errors.labels(model, version, reason) for reason in ERRORS},
        )

    def forget(self, model: str, version: str) -> None:
        """Removes the series of a challenger."""
        for metric in (
            self.requests, self.rows, self.seconds, self.dropped, self.different, self.difference,
        ):  # fmt: skip
            metric.remove(model, version)
        for reason in ERRORS:
            self.errors.remove(model, version, reason)
