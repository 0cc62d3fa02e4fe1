"""Rows that are forgotten or too old are gone, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from support.prediction_log import Desk, truth
from support.worker import HOME
from vigie.cli.main import main
from vigie.predictionlog.retention import delete_old, forget
from vigie.predictionlog.spool import spool_of
from vigie.predictionlog.tables import predictions, truths

DAY_US = 86_400_000_000


def test_what_is_forgotten_is_gone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("keep", "erase"):
        desk.predict(name, HOME, HOME)
    desk.write()
    desk.tell(truth("erase", 1), truth("keep", 1))
    monkeypatch.setenv("VIGIE_STATE", str(desk.worker_state.settings.state))
    monkeypatch.setenv("VIGIE_AUDIT_LOG", str(tmp_path / "audit.log"))
    said = CliRunner().invoke(main, ["log", "forget", "erase"])
    assert said.output == "erased: 2 predictions, 1 truths\n"
    assert [*desk.states()] == [("keep", 0)]
    assert forget(desk.database, spool_of(desk.worker_state.settings), "erase") == (0, 0)
    record = (tmp_path / "audit.log").read_text()
    assert "2 predictions" in record
    assert "erase" not in record


def test_what_is_old_is_deleted_in_small_batches(desk: Desk) -> None:
    desk.predict("old", *[HOME] * 1500)
    desk.predict("new")
    desk.write()
    desk.tell(truth("old", 1), truth("new", 1))
    desk.join()
    assert delete_old(desk.database, 30) == 0
    with desk.database.begin() as connection:
        for table, time in ((predictions, "answered_us"), (truths, "answered_us")):
            then = table.c[time] - 31 * DAY_US
            old = update(table).where(table.c.request_id == "old")
            connection.execute(old.values({time: then}))
        gone = truths.c.received_us - 31 * DAY_US
        connection.execute(
            update(truths).where(truths.c.request_id == "old").values(received_us=gone)
        )
    assert [delete_old(desk.database, 30) for _ in range(3)] == [1001, 500, 0]
    assert [*desk.states()] == [("new", 0)]


def test_what_is_old_is_deleted_on_postgresql_too(desk_on_postgresql: Desk) -> None:
    test_what_is_old_is_deleted_in_small_batches(desk_on_postgresql)
