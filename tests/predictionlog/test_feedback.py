"""Truths: taken or refused, stored once, counted, held against the answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.prediction_log import Desk, log_settings, truth
from support.service import value_of
from support.worker import FLOWER, JSON, loaded
from vigie.predictionlog.tables import truths
from vigie.registry.cache import ModelCache


def test_a_truth_is_stored_at_once_and_joined_when_its_prediction_is_there(desk: Desk) -> None:
    desk.predict("late")
    assert desk.tell(truth("late", 100_000)) == (200, {"stored": 1, "duplicate": 0})
    assert desk.join() == 0
    desk.write()
    assert desk.join() == 1
    assert desk.count("stored", model="") == 1
    assert desk.count("joined", model="housing", version="1") == 1


def test_the_first_truth_stays(desk: Desk) -> None:
    desk.predict("home")
    desk.write()
    assert desk.tell(truth("home", 5))[0] == 200
    assert desk.tell(truth("home", 5.0)) == (200, {"stored": 0, "duplicate": 1})
    status, said = desk.tell(truth("home", 6), truth("new", 7))
    assert (status, said["type"]) == (409, "/docs/errors/conflict")
    assert [error["pointer"] for error in said["errors"]] == ["/0/actual"]
    with desk.database.begin() as connection:
        kept = {row.request_id: row.value for row in connection.execute(select(truths))}
    assert kept == {"home": 5.0, "new": 7.0}
    told = {name: desk.count(name) for name in ("stored", "duplicate", "conflict")}
    assert told == {"stored": 2, "duplicate": 1, "conflict": 1}
    assert desk.count("conflict", model="housing", version="1") == 1


def test_one_request_may_contradict_itself(desk: Desk) -> None:
    status, _ = desk.tell(truth("a", 1), truth("a", 1), truth("a", 2))
    assert status == 409
    told = {name: desk.count(name) for name in ("stored", "duplicate", "conflict")}
    assert told == {"stored": 1, "duplicate": 1, "conflict": 1}


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        (3, ""),
        ({}, "/request_id"),
        ({"request_id": "a"}, "/actual"),
        (truth("", 1), "/request_id"),
        (truth("a b", 1), "/request_id"),
        (truth("a", 1, row=-1), "/row"),
        (truth("a", 1, row=2**31), "/row"),
        ({**truth("a", 1), "row": True}, "/row"),
        ({**truth("a", 1), "row": 1.5}, "/row"),
        (truth("a", True), "/actual"),
        (truth("a", None), "/actual"),
        (truth("a", ""), "/actual"),
        (truth("a", "x\0"), "/actual"),
        (truth("a", "x" * 201), "/actual"),
        (truth("a", 1e39), "/actual"),
        (truth("a", 2**200), "/actual"),
        (truth("a", math.nan), "/actual"),
        (truth("a", [1]), "/actual"),
        ({**truth("a", 1), "extra": 1}, "/extra"),
    ],
)
def test_what_is_no_truth_is_refused_with_its_place(desk: Desk, item: Any, pointer: str) -> None:
    status, said = desk.tell(truth("good", 1), item)
    assert status == 422
    assert [error["pointer"] for error in said["errors"]] == [f"/1{pointer}"]
    assert desk.states() == {}
    assert desk.tell(said["example"])[0] == 200


def test_a_row_is_the_same_with_a_point_and_a_label_may_be_any_text(desk: Desk) -> None:
    assert desk.tell(truth("a", 1), {**truth("b", "\u00bb \u0378"), "row": 2.0})[0] == 200
    assert desk.states().keys() == {("a", 0), ("b", 2)}


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 422), (b"", 400)])
def test_other_bodies_are_refused(desk: Desk, body: bytes, status: int) -> None:
    assert desk.client.post("/feedback", data=body, content_type=JSON).status_code == status


def test_a_truth_must_fit_the_model_that_answered(desk: Desk) -> None:
    desk.predict("home")
    desk.predict("flower", FLOWER, model="iris")
    desk.write()
    for wrong, expected in (
        (truth("home", "setosa"), "number"),
        (truth("flower", 1), "one of"),
        (truth("flower", "rose"), "one of"),
    ):
        status, said = desk.tell(wrong)
        assert status == 422
        assert said["errors"][0]["expected"].startswith(expected)
    assert desk.tell(truth("flower", "setosa"))[0] == 200


def test_a_database_that_is_away_is_503(cache: ModelCache, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path / 'file' / 'log.db'}"
    desk = Desk(loaded(log_settings(cache, tmp_path, database_url=url)))
    answer = desk.client.post("/feedback", json=truth("a", 1))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert str(tmp_path) not in answer.text
    assert value_of(desk.samples(), "vigie_rejected_total", reason="database") == 1


@pytest.mark.parametrize(
    "check",
    [
        test_a_truth_is_stored_at_once_and_joined_when_its_prediction_is_there,
        test_the_first_truth_stays,
        test_a_truth_must_fit_the_model_that_answered,
    ],
)
def test_the_same_holds_on_postgresql(
    check: Callable[[Desk], None], desk_on_postgresql: Desk
) -> None:
    check(desk_on_postgresql)
