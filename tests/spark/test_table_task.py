from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from support.spark import counter, shipped
from vigie.batch.table import score_table
from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import ModelFailure
from vigie.models.package import read_package
from vigie.spark.score_answer import ScoreAnswer
from vigie.spark.table_task import BROKEN, TableTask, rows_a_batch

GOOD = {"surface_m2": "54", "rooms": "3", "property_type": "apartment"}
WRONG = (
    {"surface_m2": "x"}, {"surface_m2": "5000"}, {"rooms": "2.5"}, {"rooms": ""},
    {"property_type": "castle"}, {"surface_m2": "nan", "rooms": "99"},
)  # fmt: skip


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    interval = {"level": 0.9, "scale": "plain", "sizes": [0.0], "widths": [1000.0]}
    document = housing_document() | {"interval": interval}
    write_package(tmp_path / "package", document, housing_graph(), HOUSING_ROWS)
    return open_predictor(read_package(tmp_path / "package", ""))


def answered(predictor: Predictor, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    document = predictor.package.document
    task = TableTask(shipped(predictor), ScoreAnswer.of_rows(document), counter(), counter())
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    (made,) = task([pa.RecordBatch.from_pydict(columns)])
    found: list[dict[str, Any]] = made.to_pylist()
    assert task.done.value == len(rows)
    assert task.failed.value == sum(row["prediction_error"] is not None for row in found)
    return found


def test_answers_stand_behind_the_columns_of_a_table(predictor: Predictor) -> None:
    rows = [{"id": str(n), **GOOD, "surface_m2": str(20 + n)} for n in range(5)]
    found = answered(predictor, rows)
    assert [list(row)[:4] for row in found] == [list(rows[0])] * 5
    assert all(row["prediction_error"] is None for row in found)
    assert [row["prediction"] for row in found] == sorted(row["prediction"] for row in found)
    assert all(row["prediction_lower"] < row["prediction"] for row in found)


def test_wrong_rows_are_told_as_a_batch_tells_them(predictor: Predictor, tmp_path: Path) -> None:
    rows = [GOOD | WRONG[n // 31 % len(WRONG)] if n % 31 == 0 else GOOD for n in range(700)]
    source, target = tmp_path / "rows.csv", tmp_path / "answers.csv"
    with source.open("w", newline="") as file:
        writer = csv.DictWriter(file, GOOD)
        writer.writeheader()
        writer.writerows(rows)
    score_table(predictor, source, target)
    with target.open(newline="") as file:
        expected = list(csv.DictReader(file))
    found = answered(predictor, rows)
    for one, other in zip(found, expected, strict=True):
        assert (one["prediction_error"] or "") == other["prediction_error"]
        assert one["prediction"] == (float(other["prediction"]) if other["prediction"] else None)
        assert one["prediction_upper"] == (
            float(other["prediction_upper"]) if other["prediction_upper"] else None
        )
    assert sum(row["prediction_error"] is not None for row in found) == 23


def test_a_value_that_was_not_seen_is_warned_of(predictor: Predictor) -> None:
    found = answered(predictor, [GOOD, GOOD | {"surface_m2": "500"}])
    assert [len(row["prediction_warnings"]) for row in found] == [0, 1]
    assert found[1]["prediction_warnings"][0].startswith("surface_m2 is outside the range")


def test_a_line_of_too_few_cells_is_wrong_alone(predictor: Predictor) -> None:
    found = answered(predictor, [{**GOOD, BROKEN: None}, {**GOOD, BROKEN: "54,3"}])
    assert found[0]["prediction"] is not None
    assert "not as many cells" in found[1]["prediction_error"]
    assert BROKEN not in found[0]


def test_rows_that_are_all_wrong_have_no_answer(predictor: Predictor) -> None:
    found = answered(predictor, [GOOD | {"rooms": "x"}] * 3)
    assert [row["prediction"] for row in found] == [None] * 3


def test_a_row_that_the_model_fails_on_costs_no_other_its_answer(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = predictor.engine.run

    def fails_on_a_large_one(feeds: dict[str, np.ndarray], *rest: Any) -> dict[str, np.ndarray]:
        if (feeds["surface_m2"] > 200).any():
            raise ModelFailure("The model failed on this input.", "engine")
        return run(feeds, *rest)

    monkeypatch.setattr(predictor.engine, "run", fails_on_a_large_one)
    rows = [GOOD | {"surface_m2": "220" if n == 7 else "50"} for n in range(20)]
    found = answered(predictor, rows)
    told = [row["prediction_error"] for row in found]
    assert told == [None] * 7 + ["The model failed on this input."] + [None] * 12


def test_a_batch_has_fewer_rows_where_they_are_large(predictor: Predictor) -> None:
    document = predictor.package.document
    assert rows_a_batch(document) == 40_000
    vector = document.inputs[0].model_copy(update={"shape": (1280,)})
    assert rows_a_batch(document.model_copy(update={"inputs": (vector,)})) == 484
