"""From an answer to its row: what is written, what is not, and how much that is counted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from support.ports import free_port
from support.prediction_log import Postgres, keep_once, log_settings, migrated
from support.service import samples_of as parse
from support.service import value_of
from support.waiting import wait_until
from support.worker import FLOWER, HOME, JSON, loaded, post
from vigie.errors import ConfigurationError
from vigie.monitoring.publisher import exposition
from vigie.monitoring.snapshots import take_snapshot
from vigie.predictionlog.database import Database
from vigie.predictionlog.log import open_database
from vigie.predictionlog.migrate import migrate
from vigie.predictionlog.tables import REVISION, metadata, predictions
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState
from vigie.settings import Settings


@pytest.fixture
def started(cache: ModelCache, tmp_path: Path) -> Iterator[WorkerState]:
    """A worker whose log takes every row and is at work."""
    worker_state = loaded(log_settings(cache, tmp_path))
    worker_state.prediction_log.start()
    worker_state.prediction_log.keep()
    yield worker_state
    worker_state.prediction_log.close()


def outcome(worker_state: WorkerState, name: str) -> float:
    text, _ = exposition(take_snapshot(worker_state.metrics.registry), "")
    return value_of(parse(text.decode()), "vigie_prediction_log_rows_total", outcome=name)


def rows_of(settings: Settings) -> list[dict[str, Any]]:
    database = open_database(settings)
    with database.begin() as connection:
        asked = select(predictions).order_by(predictions.c.request_id, predictions.c.row)
        found = [dict(row._mapping) for row in connection.execute(asked)]
    database.close()
    return found


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
    worker_state.prediction_log.keep()
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
    worker_state.prediction_log.keep()
    answer = post(worker_state, "/predict/housing", HOME)
    assert answer.headers["x-prediction-logged"] == "false"
    worker_state.prediction_log.close()
    assert not (worker_state.settings.state / "predictions.db").exists()
    client = create_app(worker_state=worker_state).test_client()
    told = client.post("/feedback", data=b'{"request_id": "a", "actual": 1}', content_type=JSON)
    assert told.status_code == 404
    assert "VIGIE_PREDICTION_LOG" in told.text


def test_what_the_queue_has_no_room_for_is_dropped_and_counted(
    cache: ModelCache, tmp_path: Path
) -> None:
    worker_state = loaded(log_settings(cache, tmp_path, prediction_log_queue_rows=3))
    said = [post(worker_state, "/predict/housing", HOME).headers for _ in range(5)]
    assert [headers["x-prediction-logged"] for headers in said] == ["true"] * 3 + ["false"] * 2
    keep_once(worker_state)
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
    keep_once(worker_state)
    rows = [row["request_id"] for row in rows_of(worker_state.settings)]
    assert {name: rows.count(name) for name in logged} == {n: 2 * k for n, k in logged.items()}
    assert outcome(worker_state, "written") + outcome(worker_state, "sampled_out") == 600
    assert outcome(worker_state, "sampled_out") > 0


AWAY = "the database of the prediction log is away; trying again"


def test_a_database_that_is_away_costs_no_answer_and_gets_its_rows_later(
    cache: ModelCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "later"
    blocked.write_text("a file where the folder should be")
    url = f"sqlite:///{blocked / 'log.db'}"
    worker_state = loaded(log_settings(cache, tmp_path, database_url=url))
    worker_state.prediction_log.start()
    worker_state.prediction_log.keep()
    assert all(post(worker_state, "/predict/housing", HOME).status == 200 for _ in range(5))
    wait_until(lambda: AWAY in caplog.messages)
    assert (outcome(worker_state, "written"), outcome(worker_state, "failed")) == (0, 0)
    blocked.unlink()
    wait_until(lambda: outcome(worker_state, "written") == 5)
    worker_state.prediction_log.close()
    assert len(rows_of(worker_state.settings)) == 5


def test_rows_that_waited_too_long_are_counted_as_failed(cache: ModelCache, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path / 'file' / 'log.db'}"
    worker_state = loaded(
        log_settings(cache, tmp_path, database_url=url, prediction_log_wait_seconds=0.3)
    )
    worker_state.prediction_log.start()
    worker_state.prediction_log.keep()
    post(worker_state, "/predict/housing", [HOME, HOME])
    wait_until(lambda: outcome(worker_state, "failed") == 2)
    worker_state.prediction_log.close()
    assert worker_state.prediction_log._queue.rows == 0


def test_a_row_that_is_refused_costs_no_other(cache: ModelCache, tmp_path: Path) -> None:
    settings = log_settings(cache, tmp_path)
    with sqlite3.connect(settings.state / "predictions.db") as connection:
        connection.execute(
            "create trigger refuse before insert on predictions when new.row = 1 "
            "begin select raise(abort, 'no'); end"
        )
    connection.close()
    worker_state = loaded(settings)
    worker_state.prediction_log.start()
    worker_state.prediction_log.keep()
    post(worker_state, "/predict/housing", [HOME, HOME, HOME])
    wait_until(lambda: outcome(worker_state, "failed") == 1)
    worker_state.prediction_log.close()
    assert [row["row"] for row in rows_of(settings)] == [0, 2]
    assert outcome(worker_state, "written") == 2


def test_the_steps_make_the_tables_that_the_code_declares(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    database = migrated("", tmp_path / "log.db")
    migrate(database)
    with database.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_many_may_make_the_tables_at_once(tmp_path: Path) -> None:
    databases = [Database("", tmp_path / "state" / "log.db") for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(Database.prepare, databases))
    assert [database.revision() for database in databases] == [REVISION] * 3
    for database in databases:
        database.close()


@pytest.mark.parametrize("url", ["mysql://host/x", "no address"])
def test_another_database_stops_the_start(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="VIGIE_DATABASE_URL"):
        Database(url, tmp_path / "log.db")


def test_postgresql_takes_the_same_rows_and_may_restart(
    cache: ModelCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Postgres.of_its_own(free_port()) as server:
        worker_state = loaded(log_settings(cache, tmp_path, database_url=server.url))
        worker_state.prediction_log.start()
        worker_state.prediction_log.keep()
        post(worker_state, "/predict/housing", [HOME, HOME])
        wait_until(lambda: outcome(worker_state, "written") == 2)
        server.stop()
        assert post(worker_state, "/predict/housing", HOME).status == 200
        wait_until(lambda: AWAY in caplog.messages)
        assert outcome(worker_state, "failed") == 0
        server.start()
        wait_until(lambda: outcome(worker_state, "written") == 3)
        worker_state.prediction_log.close()
        assert len(rows_of(worker_state.settings)) == 3
