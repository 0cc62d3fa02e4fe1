"""From an answer to its row: what is written, what is not, and how much that is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from support.prediction_log import log_settings, outcome, rows_of, write_once
from support.waiting import wait_until
from support.worker import FLOWER, HOME, JSON, loaded, post
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState


@pytest.fixture
def started(cache: ModelCache, tmp_path: Path) -> Iterator[WorkerState]:
    """A worker whose log takes every row and is at work."""
    worker_state = loaded(log_settings(cache, tmp_path))
    worker_state.prediction_log.start()
    worker_state.prediction_log.start_writer()
    yield worker_state
    worker_state.prediction_log.close()


def test_answers_become_rows(started: WorkerState) -> None:
    before = time.time()
    body = {"instances": [HOME, HOME | {"rooms": 4}]}
    answer = post(started, "/predict/housing", body, x_request_id="two-homes")
    flower = post(started, "/predict/iris", FLOWER, x_request_id="zinnia")
    assert answer.headers["x-prediction-logged"] == "true"
    started.prediction_log.close()
    first, second, third = rows_of(started.settings)
    assert (first["request_id"], first["row"], second["row"]) == ("two-homes", 0, 1)
    assert before <= first["answered_us"] / 1e6 <= time.time()
    assert (first["model"], first["version"]) == ("housing", "1")
    told = answer.json()["predictions"]
    inputs = [orjson.loads(row["inputs"]) for row in (first, second)]
    assert [row["rooms"] for row in inputs] == [3, 4]
    assert inputs[0]["surface_m2"] == HOME["surface_m2"]
    assert inputs[0]["property_type"] == HOME["property_type"]
    assert first["value"] == told[0]["price_eur"]
    assert (first["label"], first["lower"], first["upper"]) == (None, None, None)
    assert third["label"] == flower.json()["predictions"][0]["label"]
    assert third["value"] is None
    assert outcome(started, "written") == 3


def test_a_missing_value_is_logged_as_missing(started: WorkerState) -> None:
    document = started.manager.slot("housing").live.predictor.package.document  # type: ignore[union-attr]
    optional = next(i.name for i in document.inputs if i.missing and i.missing.indicator)
    row = {name: value for name, value in HOME.items() if name != optional}
    assert post(started, "/predict/housing", row).status == 200
    started.prediction_log.close()
    assert orjson.loads(rows_of(started.settings)[0]["inputs"])[optional] is None


def test_outputs_alone_leave_no_input(cache: ModelCache, tmp_path: Path) -> None:
    worker_state = loaded(log_settings(cache, tmp_path, prediction_log="outputs"))
    worker_state.prediction_log.start()
    worker_state.prediction_log.start_writer()
    post(worker_state, "/predict/housing", HOME)
    wait_until(lambda: outcome(worker_state, "written") == 1)
    worker_state.prediction_log.close()
    (row,) = rows_of(worker_state.settings)
    assert row["inputs"] is None
    assert row["value"] == orjson.loads(row["outputs"])["price_eur"]


def test_without_a_log_nothing_is_kept_and_feedback_says_so(
    cache: ModelCache, tmp_path: Path
) -> None:
    worker_state = loaded(log_settings(cache, tmp_path, prediction_log="off"))
    worker_state.prediction_log.start()
    worker_state.prediction_log.start_writer()
    answer = post(worker_state, "/predict/housing", HOME)
    assert answer.headers["x-prediction-logged"] == "false"
    worker_state.prediction_log.close()
    assert not (worker_state.settings.state / "predictions.db").exists()
    client = create_app(worker_state=worker_state).test_client()
    told = client.post("/feedback", data=b'{"request_id": "a", "actual": 1}', content_type=JSON)
    assert told.status_code == 404
    assert "VIGIE_PREDICTION_LOG" in told.text


def test_what_the_queue_has_no_room_for_is_dropped_and_counted(
    cache: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.predictionlog.log.MOST_WAITING_ROWS", 3)
    worker_state = loaded(log_settings(cache, tmp_path))
    said = [post(worker_state, "/predict/housing", HOME).headers for _ in range(5)]
    assert [headers["x-prediction-logged"] for headers in said] == ["true"] * 3 + ["false"] * 2
    write_once(worker_state)
    assert (outcome(worker_state, "written"), outcome(worker_state, "dropped")) == (3, 2)
    assert len(rows_of(worker_state.settings)) == 3


def test_above_the_cap_the_rows_of_a_request_share_one_fate(
    cache: ModelCache, tmp_path: Path
) -> None:
    worker_state = loaded(log_settings(cache, tmp_path, prediction_log_rows_per_second=20))
    logged = {}
    for number in range(300):
        answer = post(worker_state, "/predict/housing", [HOME, HOME], x_request_id=f"pair-{number}")
        logged[f"pair-{number}"] = answer.headers["x-prediction-logged"] == "true"
    write_once(worker_state)
    rows = [row["request_id"] for row in rows_of(worker_state.settings)]
    assert {name: rows.count(name) for name in logged} == {n: 2 * k for n, k in logged.items()}
    assert outcome(worker_state, "written") + outcome(worker_state, "sampled_out") == 600
    assert outcome(worker_state, "sampled_out") > 0
