"""The metrics have the names, types and labels that rules and dashboards are written for."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.monitoring.http_metrics import DROPS, REJECTIONS
from vigie.monitoring.model_metrics import FAILURES, RELOADS
from vigie.registry.cache import ModelCache, RegistryState
from vigie.serving.metrics import Metrics
from vigie.serving.worker_state import registry_families

DOCUMENTED = {
    "vigie_http_requests": ("counter", {"method", "route", "code"}),
    "vigie_http_request_duration_seconds": ("histogram", {"method", "route"}),
    "vigie_http_requests_in_progress": ("gauge", set()),
    "vigie_connections": ("gauge", set()),
    "vigie_connections_dropped": ("counter", {"reason"}),
    "vigie_rejected": ("counter", {"reason"}),
    "vigie_predictions": ("counter", {"model", "version"}),
    "vigie_prediction_failures": ("counter", {"model", "version", "reason"}),
    "vigie_stage_duration_seconds": ("histogram", {"model", "version", "stage"}),
    "vigie_batch_rows": ("histogram", {"model"}),
    "vigie_queue_depth": ("gauge", {"model"}),
    "vigie_model_info": ("gauge", {"model", "version", "alias", "run_id", "engine"}),
    "vigie_model_training_error": ("gauge", {"model", "version", "kind"}),
    "vigie_model_loaded_timestamp_seconds": ("gauge", {"model"}),
    "vigie_model_load_duration_seconds": ("gauge", {"model"}),
    "vigie_model_reloads": ("counter", {"model", "outcome"}),
    "vigie_build_info": ("gauge", {"version", "python"}),
    "vigie_links_info": ("gauge", {"mlflow"}),
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    found: float | None = metrics.registry.get_sample_value(name, labels)
    return found


def series(metrics: Metrics) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def test_the_documented_metrics_have_their_types_and_labels(metrics: Metrics) -> None:
    types = {family.name: family.type for family in metrics.registry.collect()}
    assert {name: types.get(name) for name in DOCUMENTED} == {
        name: kind for name, (kind, _) in DOCUMENTED.items()
    }
    labels = {
        collector._name: set(collector._labelnames)
        for group in (metrics, metrics.http, metrics.models)
        for collector in vars(group).values()
        if hasattr(collector, "_labelnames")
    }
    for buffered in (
        metrics.models.predictions,
        metrics.models.stage_seconds,
        metrics.models.batch_rows,
    ):
        labels[buffered.name] = set(buffered.label_names)
    metrics.http.count_request("GET", "/livez", 200, 0.001)
    for family in metrics.http.requests.collect():
        labels[family.name] = set(family.samples[0].labels) - {"le"}
    assert {name: labels[name] for name in DOCUMENTED} == {
        name: wanted for name, (_, wanted) in DOCUMENTED.items()
    }


def test_the_registry_process_has_its_series_at_zero_before_it_answers(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    (answered,) = [f for f in registry_families(cache) if f["type"] == "gauge"]
    name = "vigie_registry_last_success_timestamp_seconds"
    assert answered["name"] == name
    assert answered["samples"] == [[name, {}, 0.0]]
    assert answered["merge"] == "max"
    cache.note_registry(RegistryState(1700.0))
    (answered,) = [f for f in registry_families(cache) if f["type"] == "gauge"]
    assert answered["samples"] == [[name, {}, 1700.0]]


def test_every_metric_is_explained_and_named_by_the_rules(metrics: Metrics) -> None:
    for family in metrics.registry.collect():
        assert family.documentation.endswith(".")
        assert family.name.startswith(("vigie_", "process_"))
        assert family.type in ("counter", "gauge", "histogram", "summary")


def test_a_request_is_counted_and_timed_under_its_route(metrics: Metrics) -> None:
    for status in (200, 200, 422):
        metrics.http.count_request("POST", "/predict/<model>", status, 0.003)
    labels = {"method": "POST", "route": "/predict/<model>"}
    assert value(metrics, "vigie_http_requests_total", **labels, code="200") == 2
    assert value(metrics, "vigie_http_requests_total", **labels, code="422") == 1
    assert value(metrics, "vigie_http_request_duration_seconds_count", **labels) == 3
    bucket = "vigie_http_request_duration_seconds_bucket"
    assert value(metrics, bucket, **labels, le="0.0025") == 0
    assert value(metrics, bucket, **labels, le="0.005") == 3


def test_known_series_exist_at_zero_before_traffic(metrics: Metrics) -> None:
    metrics.models.start_at_zero("iris")
    metrics.models.start_version_at_zero("iris", "2")
    expected = [("vigie_rejected_total", {"reason": reason}) for reason in REJECTIONS]
    expected += [("vigie_connections_dropped_total", {"reason": reason}) for reason in DROPS]
    expected += [("vigie_connections", {})]
    expected += [("vigie_model_reloads_total", {"model": "iris", "outcome": o}) for o in RELOADS]
    version = {"model": "iris", "version": "2"}
    expected += [("vigie_predictions_total", version)]
    expected += [("vigie_prediction_failures_total", {**version, "reason": r}) for r in FAILURES]
    expected += [("vigie_queue_depth", {"model": "iris"})]
    assert [value(metrics, name, **labels) for name, labels in expected] == [0] * len(expected)


def test_the_histograms_of_a_version_begin_with_its_first_request(metrics: Metrics) -> None:
    counts = [
        ("vigie_batch_rows_count", {"model": "iris"}),
        ("vigie_stage_duration_seconds_count", {"model": "iris", "version": "2", "stage": "infer"}),
    ]
    metrics.models.start_at_zero("iris")
    metrics.models.start_version_at_zero("iris", "2")
    assert [value(metrics, name, **labels) for name, labels in counts] == [None, None]
    metrics.models.batch_rows.labels("iris").observe(3)
    metrics.models.stage_seconds.labels("iris", "2", "infer").observe(0.001)
    assert [value(metrics, name, **labels) for name, labels in counts] == [1, 1]


def test_a_forgotten_version_leaves_no_series_and_its_successor_keeps_all(
    metrics: Metrics,
) -> None:
    metrics.models.start_at_zero("iris")
    metrics.models.start_version_at_zero("iris", "2")
    before = series(metrics)
    metrics.models.start_version_at_zero("iris", "1")
    metrics.models.predictions.labels("iris", "1").observe(1)
    metrics.models.outside_range.labels("iris", "1", "petal").observe(1)
    assert series(metrics) > before
    metrics.forget_version("iris", "1", ("petal", "never_outside"))
    assert series(metrics) == before
    metrics.forget_version("iris", "1", ())
