"""Rows on their way to the database outlive the service that answered them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from support.prediction_log import log_settings, outcome, rows_of
from support.waiting import wait_until
from support.worker import HOME, loaded, post
from vigie.files import locked
from vigie.predictionlog.database import open_database
from vigie.predictionlog.retention import forget
from vigie.predictionlog.spool import spool_of
from vigie.registry.cache import ModelCache
from vigie.serving.worker_state import WorkerState
from vigie.settings import Settings


class Machine:
    """Services of one machine: a database and a folder for their spools, a name for each."""

    def __init__(self, cache: ModelCache, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.rows = folder / "rows"
        self._cache, self._folder, self._patch = cache, folder, patch
        self._url = f"sqlite:///{folder / 'log.db'}"

    def settings(self, name: str) -> Settings:
        self._patch.setattr("socket.gethostname", lambda: name)
        return log_settings(
            self._cache, self._folder / name, database_url=self._url,
            prediction_log_spool=self.rows,
        )  # fmt: skip

    def one_that_ends_without_a_database(self, name: str, *ids: str) -> None:
        worker_state = loaded(self.settings(name))
        worker_state.prediction_log.start()
        for request_id in ids:
            post(worker_state, "/predict/housing", [HOME, HOME], x_request_id=request_id)
        worker_state.prediction_log.close()

    def one_that_writes(self, name: str) -> WorkerState:
        worker_state = loaded(self.settings(name))
        worker_state.prediction_log.start_writer()
        return worker_state


@pytest.fixture
def services(cache: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(cache, tmp_path, monkeypatch)


def test_another_service_writes_what_one_that_is_gone_has_left(services: Machine) -> None:
    services.one_that_ends_without_a_database("gone", "first", "second")
    other = services.one_that_writes("other")
    wait_until(lambda: outcome(other, "written") == 4)
    other.prediction_log.close()
    rows = rows_of(other.settings)
    assert [(row["request_id"], row["row"]) for row in rows] == [
        ("first", 0), ("first", 1), ("second", 0), ("second", 1),
    ]  # fmt: skip
    assert not list((services.rows / "gone").glob("*.json"))


def test_what_a_service_that_lives_has_spooled_is_its_own(services: Machine) -> None:
    services.one_that_ends_without_a_database("lives", "first")
    with locked(services.rows / "lives" / "lock") as ours:
        assert ours
        other = services.one_that_writes("other")
        post(other, "/predict/housing", HOME)
        other.prediction_log.start()
        wait_until(lambda: outcome(other, "written") == 1)
        other.prediction_log.close()
    assert list((services.rows / "lives").glob("*.json"))


def test_a_folder_that_nobody_comes_back_to_is_removed(services: Machine) -> None:
    services.one_that_ends_without_a_database("gone")
    services.one_that_ends_without_a_database("pauses")
    long_ago = time.time() - 7200
    for name in ("gone", "pauses"):
        (services.rows / name).mkdir(parents=True, exist_ok=True)
        (services.rows / name / "lock").touch()
    os.utime(services.rows / "gone", (long_ago, long_ago))
    other = services.one_that_writes("other")
    wait_until(lambda: not (services.rows / "gone").exists())
    other.prediction_log.close()
    assert (services.rows / "pauses").exists()


def test_what_a_start_finds_waits_for_a_database_that_is_a_moment_behind(
    services: Machine, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    services.one_that_ends_without_a_database("before", "first")
    (file,) = (services.rows / "before").glob("*.json")
    yesterday = time.time_ns() - 86_400 * 10**9
    file.rename(file.with_name(f"{yesterday}-1.json"))
    (tmp_path / "log.db").mkdir()
    again = services.one_that_writes("before")
    away = "the database of the prediction log is away; trying again"
    wait_until(lambda: away in caplog.messages)
    (tmp_path / "log.db").rmdir()
    wait_until(lambda: outcome(again, "written") == 2)
    again.prediction_log.close()
    assert outcome(again, "failed") == 0


def test_what_is_forgotten_is_gone_from_every_spool(services: Machine) -> None:
    services.one_that_ends_without_a_database("gone", "erase", "keep")
    settings = services.settings("other")
    database = open_database(settings)
    assert forget(database, spool_of(settings), "erase") == (2, 0)
    database.close()
    other = services.one_that_writes("other")
    wait_until(lambda: outcome(other, "written") == 2)
    other.prediction_log.close()
    assert {row["request_id"] for row in rows_of(settings)} == {"keep"}
