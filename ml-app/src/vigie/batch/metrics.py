"""Metrics of a run that has ended: a file for node-exporter, or a push to a Pushgateway."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vigie.errors import ConfigurationError, DataError, MissingExtra

try:
    from prometheus_client import CollectorRegistry, Gauge, pushadd_to_gateway, write_to_textfile
    from prometheus_client.parser import text_fd_to_metric_families
except ImportError:
    raise MissingExtra("metrics need prometheus-client: pip install 'vigie[serve]'") from None

if TYPE_CHECKING:
    from vigie.batch.photos import BatchSummary

_PUSH_SECONDS = 10
_LAST_SUCCESS = "vigie_batch_last_success_timestamp_seconds"
JOB = "vigie-batch"


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """What is told of the run of one model."""

    model: str
    version: str
    outcome: BatchSummary

    @property
    def successful(self) -> bool:
        """True where the table is whole and at least one photo was answered."""
        return self.outcome.whole and self.outcome.photos > self.outcome.failed

    def registry(self, last_success: float | None = None) -> CollectorRegistry:
        """The metrics; `last_success` is what is told of the time where this run was none."""
        registry = CollectorRegistry()
        photos = Gauge(
            "vigie_batch_photos", "Photos in the table of the last run, by outcome.",
            ["model", "version", "outcome"], registry=registry,
        )  # fmt: skip
        answered = self.outcome.photos - self.outcome.failed
        photos.labels(self.model, self.version, "answered").set(answered)
        photos.labels(self.model, self.version, "failed").set(self.outcome.failed)
        seconds = Gauge(
            "vigie_batch_duration_seconds", "How long the last run took, after its last stop.",
            ["model", "version"], registry=registry,
        )  # fmt: skip
        seconds.labels(self.model, self.version).set(self.outcome.seconds)
        when = time.time() if self.successful else last_success
        if when is not None:
            success = Gauge(
                _LAST_SUCCESS, "When a run last wrote its whole table with an answer in it.",
                ["model"], registry=registry,
            )  # fmt: skip
            success.labels(self.model).set(when)
        return registry


def write_metrics(metrics: RunMetrics, path: Path) -> None:
    """Writes the file whole or not at all; of a run that failed, the last success stays."""
    try:
        write_to_textfile(str(path), metrics.registry(_last_success(path, metrics.model)))
    except OSError as failure:
        raise DataError(f"the metrics cannot be written ({failure.strerror})") from None


def push_metrics(metrics: RunMetrics, url: str) -> None:
    """Adds them to a Pushgateway, grouped by job and model; what is not told stays there."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigurationError("--pushgateway is an address as http://localhost:9091")
    grouping = {"model": metrics.model}
    try:
        pushadd_to_gateway(url, JOB, metrics.registry(), grouping, timeout=_PUSH_SECONDS)
    except (OSError, ValueError):
        raise DataError(
            "the Pushgateway does not take the metrics; is its address right?"
        ) from None


def _last_success(path: Path, model: str) -> float | None:
    """What the file says of the last success, where it is one of ours."""
    try:
        with path.open(encoding="utf-8") as file:
            found = [
                sample.value
                for family in text_fd_to_metric_families(file)
                for sample in family.samples
                if sample.name == _LAST_SUCCESS and sample.labels.get("model") == model
            ]
    except (OSError, ValueError):
        return None
    return float(found[0]) if found else None
