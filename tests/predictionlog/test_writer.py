"""The log writer: rows come to the database once and in the end, and leave it when they are old."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from support.ports import free_port
from support.prediction_log import (
    Postgres,
    log_settings,
    outcome,
    rows_of,
)
from support.waiting import wait_until
from support.worker import HOME, loaded, post
from vigie.registry.cache import ModelCache

AWAY = "the database of the prediction log is away; trying again"
DAY_US = 86_400_000_000


def test_a_database_that_is_away_costs_no_answer_and_gets_its_rows_later(
    cache: ModelCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "later"
    blocked.write_text("a file where the folder should be")
    url = f"sqlite:///{blocked / 'log.db'}"
    worker_state = loaded(log_settings(cache, tmp_path, database_url=url))
    worker_state.prediction_log.start()
    worker_state.prediction_log.start_writer()
    assert all(post(worker_state, "/predict/housing", HOME).status == 200 for _ in range(5))
    wait_until(lambda: AWAY in caplog.messages)
    assert (outcome(worker_state, "written"), outcome(worker_state, "failed")) == (0, 0)
    blocked.unlink()
    wait_until(lambda: outcome(worker_state, "written") == 5)
    worker_state.prediction_log.close()
    assert len(rows_of(worker_state.settings)) == 5


def test_rows_that_waited_too_long_are_counted_as_failed(
    cache: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.predictionlog.writer.WAIT_SECONDS", 0.3)
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path / 'file' / 'log.db'}"
    worker_state = loaded(log_settings(cache, tmp_path, database_url=url))
    worker_state.prediction_log.start()
    worker_state.prediction_log.start_writer()
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
    worker_state.prediction_log.start_writer()
    post(worker_state, "/predict/housing", [HOME, HOME, HOME])
    wait_until(lambda: outcome(worker_state, "failed") == 1)
    worker_state.prediction_log.close()
    assert [row["row"] for row in rows_of(settings)] == [0, 2]
    assert outcome(worker_state, "written") == 2


def test_postgresql_takes_the_same_rows_and_may_restart(
    cache: ModelCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Postgres.of_its_own(free_port()) as server:
        worker_state = loaded(log_settings(cache, tmp_path, database_url=server.url))
        worker_state.prediction_log.start()
        worker_state.prediction_log.start_writer()
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
