"""Truths: taken or refused, joined once, counted, held against the answers, forgotten."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update

from support.packages import install
from support.prediction_log import (
    join_all,
    keep_once,
    log_settings,
    microseconds,
)
from support.service import Samples, samples_of, value_of
from support.worker import FLOWER, HOME, JSON, loaded, post
from vigie.cli.main import main
from vigie.errors import NotFound
from vigie.monitoring.log_metrics import FeedbackMetrics
from vigie.monitoring.publisher import exposition
from vigie.monitoring.snapshots import take_snapshot
from vigie.predictionlog.joiner import errors_of
from vigie.predictionlog.log import open_database
from vigie.predictionlog.quality import quality_of
from vigie.predictionlog.retention import delete_old, forget
from vigie.predictionlog.sampling import halvings_of
from vigie.predictionlog.tables import predictions, sample_shares, truths
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState

DAY_US = 86_400_000_000


class Desk:
    """A worker, its log, and a client that tells it what was true. Joins when it is told to."""

    def __init__(self, worker_state: WorkerState) -> None:
        self.worker_state = worker_state
        self.database = open_database(worker_state.settings)
        self.client: FlaskClient = create_app(worker_state=worker_state).test_client()

    def predict(self, request_id: str, *rows: Any, model: str = "housing") -> list[Any]:
        body = {"instances": rows or [HOME]}
        answer = post(self.worker_state, f"/predict/{model}", body, x_request_id=request_id)
        assert answer.headers["x-prediction-logged"] == "true"
        predicted: list[Any] = answer.json()["predictions"]
        return predicted

    def write(self) -> None:
        """Writes what waits, as a worker and a keeper do that stop."""
        keep_once(self.worker_state)

    def tell(self, *items: Any) -> tuple[int, Any]:
        body = json.dumps(items[0] if len(items) == 1 else items)
        answer = self.client.post("/feedback", data=body, content_type=JSON)
        return answer.status_code, answer.get_json(force=True)

    def join(self, wait_seconds: float = 1e6) -> int:
        return join_all(self.database, self.worker_state.metrics.feedback, wait_seconds)

    def count(self, outcome: str, **labels: str) -> float:
        return value_of(self.samples(), "vigie_feedback_total", outcome=outcome, **labels)

    def samples(self) -> Samples:
        text, _ = exposition(take_snapshot(self.worker_state.metrics.registry), "")
        return samples_of(text.decode())

    def states(self) -> dict[tuple[str, int], str]:
        with self.database.begin() as connection:
            rows = connection.execute(select(truths))
            return {(row.request_id, row.row): row.state for row in rows}


@pytest.fixture
def desk(cache: ModelCache, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(loaded(log_settings(cache, tmp_path)))
    yield found
    found.worker_state.prediction_log.close()
    found.database.close()


def truth(request_id: str, actual: Any, row: int = 0) -> dict[str, Any]:
    return {"request_id": request_id, "row": row, "actual": actual}


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


def test_a_truth_of_the_wrong_kind_that_came_first_is_never_joined(desk: Desk) -> None:
    desk.predict("home")
    desk.tell(truth("home", "setosa"))
    desk.write()
    desk.join()
    assert desk.states() == {("home", 0): "invalid"}
    assert (desk.count("invalid", model="housing"), desk.count("joined")) == (1, 0)


def test_without_a_prediction_it_is_unknown_or_not_logged(desk: Desk) -> None:
    names = [f"absent-{number}" for number in range(200)]
    left_out = [name for name in names if halvings_of(name) < 2]
    desk.tell(*(truth(name, 1) for name in names))
    hour = microseconds() // 3_600_000_000
    shares = [{"hour": hour, "halvings": 2}, {"hour": hour + 2, "halvings": 9}]
    with desk.database.begin() as connection:
        desk.database.insert_missing(connection, sample_shares, shares)
    assert desk.join() == 0
    assert desk.join(wait_seconds=-20) == 200
    assert desk.count("not_logged") == len(left_out)
    assert desk.count("unknown") == 200 - len(left_out)
    assert 100 < len(left_out) < 190


def test_the_truth_belongs_to_the_first_prediction_of_an_id(desk: Desk) -> None:
    desk.predict("trace")
    desk.predict("trace", HOME | {"rooms": 9})
    desk.write()
    desk.tell(truth("trace", 1))
    assert desk.join() == 1
    with desk.database.begin() as connection:
        times = sorted(connection.execute(select(predictions.c.answered_us)).scalars())
        (joined,) = connection.execute(select(truths.c.answered_us)).scalars()
    assert len(times) == 2
    assert joined == times[0]


def test_errors_of_a_row() -> None:
    class Row:
        actual_label = label = None
        actual_value, value, lower, upper = 200.0, 150.0, 100.0, 180.0

    assert errors_of(Row) == {
        "absolute": 50.0, "squared": 2500.0, "absolute_percentage": 0.25, "outside_interval": 1.0,
    }  # fmt: skip
    Row.actual_value, Row.upper = 0.0, None  # type: ignore[assignment]
    assert errors_of(Row) == {"absolute": 150.0, "squared": 22500.0}


def test_ten_thousand_predictions_six_thousand_truths(desk: Desk) -> None:
    chance = random.Random(5)
    homes = [HOME | {"surface_m2": chance.uniform(20, 200)} for _ in range(10_000)]
    predicted: dict[tuple[str, int], float] = {}
    for start in range(0, 10_000, 100):
        told = desk.predict(f"r{start}", *homes[start : start + 100])
        predicted |= {(f"r{start}", at): row["price_eur"] for at, row in enumerate(told)}
    desk.write()
    known = {
        key: predicted[key] * chance.uniform(0.5, 2) for key in chance.sample([*predicted], 6000)
    }
    items = [truth(name, actual, row) for (name, row), actual in known.items()]
    items += chance.sample(items, 300)
    items += [truth(f"nobody{number}", 1.0) for number in range(200)]
    chance.shuffle(items)
    for start in range(0, len(items), 500):
        assert desk.tell(*items[start : start + 500])[0] == 200
    conflicts = [truth(name, actual + 1, row) for (name, row), actual in list(known.items())[:100]]
    assert desk.tell(*conflicts)[0] == 409
    assert desk.join(wait_seconds=-20) == 6200
    gaps = [actual - predicted[key] for key, actual in known.items()]
    (found,) = quality_of(desk.database, "housing")
    assert (found.logged, found.joined) == (10_000, 6000)
    assert found.mean("absolute") == pytest.approx(math.fsum(map(abs, gaps)) / 6000, rel=1e-12)
    rmse = math.sqrt(math.fsum(gap * gap for gap in gaps) / 6000)
    assert found.rmse == pytest.approx(rmse, rel=1e-12)
    samples, version = desk.samples(), {"model": "housing", "version": "1"}
    total = value_of(samples, "vigie_feedback_error_sum", kind="absolute", **version)
    assert total == pytest.approx(math.fsum(map(abs, gaps)), rel=1e-9)
    assert value_of(samples, "vigie_feedback_joined_total", **version) == 6000
    assert value_of(samples, "vigie_feedback_label_delay_seconds_count", **version) == 6000
    outcomes = ("stored", "duplicate", "conflict", "joined", "unknown")
    assert {name: desk.count(name) for name in outcomes} == {
        "stored": 6200, "duplicate": 300, "conflict": 100, "joined": 6000, "unknown": 200,
    }  # fmt: skip


def test_quality_has_slices_and_a_table(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = [HOME | {"rooms": rooms, "surface_m2": 20 + at} for at, rooms in enumerate([2, 3] * 30)]
    prices = [row["price_eur"] for row in desk.predict("many", *homes)]
    flowers = desk.predict("flowers", FLOWER, FLOWER, model="iris")
    desk.write()
    desk.tell(
        *(truth("many", price + (10 if at % 2 else 1), at) for at, price in enumerate(prices))
    )
    other = next(name for name in flowers[0]["scores"] if name != flowers[0]["label"])
    desk.tell(truth("flowers", flowers[0]["label"]), truth("flowers", other, 1))
    desk.join()
    whole, *parts = quality_of(desk.database, "housing", by=("rooms", "surface_m2"))
    assert whole.coverage == 1
    assert {p.part: round(p.mean("absolute") or 0, 6) for p in parts[:2]} == {
        "rooms = 2": 1.0, "rooms = 3": 10.0,
    }  # fmt: skip
    assert [part.joined for part in parts[2:]] == [15, 15, 15, 15]
    assert quality_of(desk.database, "iris")[0].mean("wrong") == 0.5
    with pytest.raises(NotFound, match="colour"):
        quality_of(desk.database, "housing", by=("colour",))
    with pytest.raises(NotFound):
        quality_of(desk.database, "boats")
    monkeypatch.setenv("VIGIE_STATE", str(desk.worker_state.settings.state))
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(main, ["quality", "iris"])
    assert shown.exit_code == 0
    assert "50.0%" in shown.output
    said = json.loads(CliRunner().invoke(main, ["quality", "iris", "--json"]).output)
    assert (said[0]["wrong"], said[0]["truths"]) == (0.5, 2)


def test_what_is_forgotten_is_gone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("keep", "erase"):
        desk.predict(name, HOME, HOME)
    desk.write()
    desk.tell(truth("erase", 1), truth("keep", 1))
    monkeypatch.setenv("VIGIE_STATE", str(desk.worker_state.settings.state))
    monkeypatch.setenv("VIGIE_AUDIT_LOG", str(tmp_path / "audit.log"))
    said = CliRunner().invoke(main, ["forget", "erase"])
    assert said.output == "erased: 2 predictions, 1 truths\n"
    assert [*desk.states()] == [("keep", 0)]
    assert forget(desk.database, "erase") == (0, 0)
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


def test_versions_that_are_gone_share_one_series() -> None:
    metrics = FeedbackMetrics(CollectorRegistry())
    for number in range(50):
        metrics.start_version_at_zero("housing", str(number), "number")
        if number > 1:
            metrics.forget_version("housing", str(number - 2))
        metrics.count_joined("housing", "0", 5.0, {"absolute": 1.0})
    versions = {s.labels["version"] for s in metrics.joined.collect()[0].samples}
    assert versions == {"other", "48", "49"}


def test_a_replaced_version_can_still_be_judged(desk: Desk, cache: ModelCache) -> None:
    desk.predict("before")
    install(cache, "housing", "2", factor=2.0)
    desk.worker_state.manager.refresh()
    desk.predict("after")
    desk.write()
    desk.tell(truth("before", 1), truth("after", 1))
    desk.join()
    assert [found.version for found in quality_of(desk.database, "housing")] == ["1", "2"]
    assert desk.count("joined", version="1") == desk.count("joined", version="2") == 1


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
        test_without_a_prediction_it_is_unknown_or_not_logged,
        test_the_truth_belongs_to_the_first_prediction_of_an_id,
        test_what_is_old_is_deleted_in_small_batches,
    ],
)
def test_the_same_holds_on_postgresql(
    check: Callable[[Desk], None], cache: ModelCache, tmp_path: Path, postgres_url: str
) -> None:
    desk = Desk(loaded(log_settings(cache, tmp_path, database_url=postgres_url)))
    check(desk)
    desk.worker_state.prediction_log.close()
    desk.database.close()


def test_two_joiners_of_one_postgresql_count_nothing_twice(
    cache: ModelCache, tmp_path: Path, postgres_url: str
) -> None:
    desk = Desk(loaded(log_settings(cache, tmp_path, database_url=postgres_url)))
    desk.predict("many", *[HOME] * 3000)
    desk.write()
    desk.tell(*(truth("many", 1, row) for row in range(3000)))
    other = open_database(desk.worker_state.settings)
    with other.begin() as connection:
        assert other.joins_alone(connection)
        assert desk.join() == 0
    with ThreadPoolExecutor(2) as pool:
        databases = (desk.database, other)
        joined = pool.map(join_all, databases, [desk.worker_state.metrics.feedback] * 2)
        left = sum(joined) + desk.join()
    assert left == desk.count("joined") == 3000
    desk.worker_state.prediction_log.close()
    desk.database.close()
    other.close()
