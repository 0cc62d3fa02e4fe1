from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.packages import (
    HOUSING_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    iris_graph,
    write_package,
)
from vigie.batch.table import score_table
from vigie.batch.table_answers import Score
from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import DataError
from vigie.models.package import read_package

GOOD: dict[str, list[Any]] = {
    "id": [7, 8],
    "surface_m2": [54.0, 60.0],
    "rooms": [3, 2],
    "property_type": ["apartment", "house"],
}


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    root = tmp_path / "package"
    digest = write_package(root, housing_document(), housing_graph(), HOUSING_ROWS)
    return open_predictor(read_package(root, digest))


def answered(predictor: Predictor, folder: Path, table: pa.Table) -> tuple[Score, pa.Table]:
    pq.write_table(table, folder / "in.parquet")
    score = score_table(predictor, folder / "in.parquet", folder / "out.parquet")
    return score, pq.read_table(folder / "out.parquet")


def test_answers_stand_behind_the_columns_of_the_table(
    predictor: Predictor, tmp_path: Path
) -> None:
    table = pa.table(GOOD)
    score, made = answered(predictor, tmp_path, table)
    assert score == Score(2, 0)
    assert made.select(table.column_names).equals(table)
    rows = [{name: values[row] for name, values in GOOD.items() if name != "id"} for row in (0, 1)]
    decoded = predictor.decoder.decode(rows)
    expected = predictor.predict(decoded.columns).outputs["price_eur"]
    assert made.column("prediction").to_pylist() == expected.tolist()
    assert made.column("prediction_error").null_count == 2
    assert made.schema.field("prediction").type == pa.float64()


def test_a_wrong_row_has_its_reason_and_no_answer(predictor: Predictor, tmp_path: Path) -> None:
    table = pa.table({**GOOD, "surface_m2": ["many", "60"]})
    score, made = answered(predictor, tmp_path, table)
    assert score == Score(1, 1)
    first, second = made.to_pylist()
    assert first["prediction"] is None
    assert first["prediction_error"].startswith("surface_m2: expected")
    assert second["prediction"] > 0
    assert second["prediction_error"] is None


def test_no_good_row_at_all(predictor: Predictor, tmp_path: Path) -> None:
    score, made = answered(predictor, tmp_path, pa.table({**GOOD, "surface_m2": [None, None]}))
    assert score == Score(0, 2)
    assert made.column("prediction").to_pylist() == [None, None]


def test_labels_are_texts(tmp_path: Path) -> None:
    flowers = {
        "sepal_length_cm": [5.1, 99.0], "sepal_width_cm": [3.5, 3.0],
        "petal_length_cm": [1.4, 5.0], "petal_width_cm": [0.2, 2.0],
    }  # fmt: skip
    good = {name: values[0] for name, values in flowers.items()}
    root = tmp_path / "iris"
    digest = write_package(root, iris_document(), iris_graph(), [good])
    predictor = open_predictor(read_package(root, digest))
    score, made = answered(predictor, tmp_path, pa.table(flowers))
    assert score == Score(1, 1)
    assert made.column("prediction").to_pylist()[0] in predictor.package.document.labels
    assert made.column("prediction").to_pylist()[1] is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"rooms": [3]}), "no column surface_m2"),
        (pa.table({**GOOD, "prediction": [1, 2]}), "a column prediction already"),
    ],
)
def test_other_columns_leave_no_target(
    predictor: Predictor, tmp_path: Path, table: pa.Table, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        answered(predictor, tmp_path, table)
    assert not (tmp_path / "out.parquet").exists()


def test_what_is_no_parquet_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_text("surface_m2\n54\n")
    with pytest.raises(DataError, match=r"in\.parquet is not Parquet"):
        score_table(predictor, tmp_path / "in.parquet", tmp_path / "out.parquet")


@pytest.mark.parametrize(("source", "target"), [("a.parquet", "b.csv"), ("a.csv", "b.parquet")])
def test_a_table_keeps_its_form(
    predictor: Predictor, tmp_path: Path, source: str, target: str
) -> None:
    with pytest.raises(DataError, match="keeps its form"):
        score_table(predictor, tmp_path / source, tmp_path / target)
