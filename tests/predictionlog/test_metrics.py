"""The metrics of truths stay few, however many versions there have been."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from vigie.predictionlog.metrics import FeedbackMetrics


def test_versions_that_are_gone_share_one_series() -> None:
    metrics = FeedbackMetrics(CollectorRegistry())
    for number in range(50):
        metrics.start_version_at_zero("housing", str(number), "number")
        if number > 1:
            metrics.forget_version("housing", str(number - 2))
        metrics.count_joined("housing", "0", 5.0, {"absolute": 1.0})
    versions = {s.labels["version"] for s in metrics.joined.collect()[0].samples}
    assert versions == {"other", "48", "49"}
