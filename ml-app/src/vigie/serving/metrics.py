"""The metrics of a worker: the groups of all that is at work in it, in one registry."""

from __future__ import annotations

from vigie.monitoring.bins import BinMetrics
from vigie.monitoring.challenger_metrics import ChallengerMetrics
from vigie.monitoring.gauges import add_process_gauges, gauge
from vigie.monitoring.http_metrics import HttpMetrics
from vigie.monitoring.model_metrics import ModelMetrics
from vigie.monitoring.snapshots import SnapshotRegistry
from vigie.predictionlog.metrics import FeedbackMetrics, PredictionLogMetrics


class Metrics:
    """The metrics of one worker, by group. The publisher adds those of all workers up."""

    def __init__(self) -> None:
        registry = SnapshotRegistry()
        self.registry = registry
        self.http = HttpMetrics(registry)
        self.models = ModelMetrics(registry)
        self.build_info = gauge(
            "vigie_build_info", "1; the labels tell what runs.", "max", registry,
            ("version", "python"),
        )  # fmt: skip
        self.links_info = gauge(
            "vigie_links_info", "1; the labels tell where links for people lead.", "max", registry,
            ("mlflow",),
        )  # fmt: skip
        self.workers = gauge("vigie_workers", "Worker processes alive.", "sum", registry)
        self.challenger = ChallengerMetrics(registry)
        self.bins = BinMetrics(registry)
        self.prediction_log = PredictionLogMetrics(registry)
        self.feedback = FeedbackMetrics(registry)
        add_process_gauges(registry)

    def forget_version(self, model: str, version: str, features: tuple[str, ...]) -> None:
        """Removes the series of a version that neither serves nor served just before."""
        self.models.forget_version(model, version, features)
        self.bins.forget(model, version)
        self.feedback.forget_version(model, version)
