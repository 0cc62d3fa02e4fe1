"""What is known about the time of a model's calls, and what follows from it."""

from __future__ import annotations

import orjson
import pytest

from support.worker import HOME
from vigie.models import compiled
from vigie.registry.cache import ModelCache
from vigie.serving.dialects.quick_bodies import NATIVE
from vigie.serving.runtime.loaded_model import (
    QUICK_SECONDS,
    LatencyModel,
    load_model,
    useful_rows,
)


def test_a_first_request_finds_the_signature_compiled(
    cache: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = cache.champion("housing")
    assert cached is not None
    live = load_model("housing", cached, "auto", 8)
    monkeypatch.setattr(compiled, "form_type", None)
    found = NATIVE.read(orjson.dumps({"instances": [HOME]}), live, 8)
    assert found is not None
    assert found[0].rows == 1


def test_time_grows_by_rows_and_by_calls() -> None:
    latency = LatencyModel(one_row=0.010, full_batch=0.073, batch_rows=64)
    assert latency.seconds(1) == pytest.approx(0.010)
    assert latency.seconds(64) == pytest.approx(0.073)
    assert latency.seconds(128) == pytest.approx(2 * 0.073)
    assert latency.seconds(65) == pytest.approx(0.073 + 0.010)


def test_a_model_that_takes_no_longer_for_many_rows_has_one_time_per_call() -> None:
    latency = LatencyModel(0.02, 0.02, 256)
    assert latency.seconds(1) == latency.seconds(200) == pytest.approx(0.02)
    assert LatencyModel(0.02, 0.01, 256).seconds(256) == pytest.approx(0.02)


def test_it_learns_how_the_machine_is_now() -> None:
    latency = LatencyModel(0.01, 0.01, 64)
    for _ in range(60):
        observe(latency, 0.05)
    assert latency.seconds(1) == pytest.approx(0.05, rel=0.02)


def observe(latency: LatencyModel, seconds: float) -> None:
    """A call of one row that computed all the time."""
    latency.observe(1, seconds, seconds)


def is_slow(latency: LatencyModel) -> bool:
    return latency.slow


def test_one_odd_call_changes_nobodys_mind_but_many_do() -> None:
    latency = LatencyModel(QUICK_SECONDS / 2, QUICK_SECONDS / 2, 64)
    assert not is_slow(latency)
    observe(latency, 20 * QUICK_SECONDS)
    assert not is_slow(latency)
    for _ in range(64):
        observe(latency, 5 * QUICK_SECONDS)
    assert is_slow(latency)
    for _ in range(64):
        observe(latency, 1.5 * QUICK_SECONDS)
    assert is_slow(latency)
    for _ in range(64):
        observe(latency, QUICK_SECONDS / 4)
    assert not is_slow(latency)


def test_a_busy_machine_makes_no_model_slow() -> None:
    latency = LatencyModel(QUICK_SECONDS / 2, QUICK_SECONDS / 2, 64)
    for request in range(320):
        observe(latency, QUICK_SECONDS * (0.6 if request % 16 == 0 else 10))
        assert not is_slow(latency)
    assert latency.seconds(1) > 4 * QUICK_SECONDS


def test_what_a_model_waits_for_the_processor_makes_it_no_slower() -> None:
    latency = LatencyModel(QUICK_SECONDS / 2, QUICK_SECONDS / 2, 64)
    for _ in range(320):
        latency.observe(1, QUICK_SECONDS * 10, QUICK_SECONDS / 2)
    assert not is_slow(latency)
    assert latency.seconds(1) > 4 * QUICK_SECONDS


def test_a_pause_of_the_machine_is_not_believed_for_long() -> None:
    latency = LatencyModel(0.001, 0.001, 64)
    observe(latency, 60.0)
    assert latency.seconds(1) < 0.002


@pytest.mark.parametrize(
    ("one_row", "full_batch", "rows"),
    [
        (0.006, 4 * 0.0058, 1),
        (0.006, 4 * 0.007, 1),
        (0.006, 4 * 0.004, 4),
        # in the loop, calls of one row each would hold up everybody
        (QUICK_SECONDS / 2, 4 * QUICK_SECONDS / 2, 4),
        (0.00005, 0.0004, 4),
    ],
)
def test_rows_share_a_call_where_that_gains_something(
    one_row: float, full_batch: float, rows: int
) -> None:
    assert useful_rows(one_row, full_batch, 4) == rows
