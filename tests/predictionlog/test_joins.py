"""Truths meet their predictions once, and of the others it is known why they do not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from support.prediction_log import Desk, join_all, microseconds, truth
from support.service import value_of
from support.worker import HOME
from vigie.predictionlog.database import open_database
from vigie.predictionlog.joins import errors_of
from vigie.predictionlog.quality import quality_of
from vigie.predictionlog.sampling import halvings_of
from vigie.predictionlog.tables import predictions, sample_shares, truths


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


@pytest.mark.parametrize(
    "check",
    [
        test_without_a_prediction_it_is_unknown_or_not_logged,
        test_the_truth_belongs_to_the_first_prediction_of_an_id,
    ],
)
def test_the_same_holds_on_postgresql(
    check: Callable[[Desk], None], desk_on_postgresql: Desk
) -> None:
    check(desk_on_postgresql)


def test_two_joiners_of_one_postgresql_count_nothing_twice(desk_on_postgresql: Desk) -> None:
    desk = desk_on_postgresql
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
    other.close()
