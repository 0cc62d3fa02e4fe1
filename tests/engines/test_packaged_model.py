"""A package as an object answers as the service, in the form of the table."""

from __future__ import annotations

from pathlib import Path
from typing import get_overloads

import numpy as np
import pandas as pd
import pytest

from support.packages import (
    HOUSING_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    iris_graph,
    open_housing,
    sensors_document,
    sensors_graph,
    write_package,
)
from support.worker import FLOWER, HOME, post
from vigie.client import Client
from vigie.engines.packaged_model import ROWS_AT_ONCE, PackagedModel
from vigie.engines.predictor import open_predictor
from vigie.errors import DataError, InvalidInput
from vigie.models.interval import Interval
from vigie.models.package import read_package
from vigie.serving.worker_state import WorkerState


def housing(root: Path) -> PackagedModel:
    return PackagedModel(open_housing(root), "1")


def iris(root: Path) -> PackagedModel:
    write_package(root, iris_document(), iris_graph(), [FLOWER])
    return PackagedModel(open_predictor(read_package(root, "")))


def test_the_rows_are_those_of_the_service(
    tmp_path: Path, shared_worker_state: WorkerState
) -> None:
    for model, rows in (
        (housing(tmp_path / "housing"), [*HOUSING_ROWS, HOME | {"surface_m2": 500, "district": 9}]),
        (iris(tmp_path / "iris"), [FLOWER, FLOWER | {"sepal_width_cm": 9}]),
    ):
        said = post(shared_worker_state, f"/predict/{model.name}", {"instances": rows}).json()
        found = model.predict(rows)
        assert found == [{**one, "version": model.version} for one in said["predictions"]]
        assert found[-1]["warnings"]


def test_a_frame_gives_a_frame_with_its_index(tmp_path: Path) -> None:
    table = pd.DataFrame([FLOWER, FLOWER], index=pd.Index([7, 3]))
    made = iris(tmp_path).predict(table)
    labels = ["setosa", "versicolor", "virginica"]
    assert list(made) == [
        "label", "score", *(f"score_{label}" for label in labels), "warnings", "version",
    ]  # fmt: skip
    assert made.index.tolist() == [7, 3]
    assert np.allclose(made[[f"score_{label}" for label in labels]].sum(axis=1), 1, atol=1e-5)


def test_an_interval_has_two_columns(tmp_path: Path) -> None:
    interval = Interval(0.9, "plain", (1e5,), (5000.0,)).to_dict()
    document = housing_document() | {"interval": interval}
    write_package(tmp_path, document, housing_graph(), HOUSING_ROWS)
    made = PackagedModel(open_predictor(read_package(tmp_path, ""))).predict(
        {name: [value] for name, value in HOME.items()}
    )
    assert list(made) == ["price_eur", "lower", "upper", "warnings", "version"]
    assert made["upper"][0] - made["lower"][0] == pytest.approx(10000)


def test_several_outputs_are_a_column_each(tmp_path: Path) -> None:
    rows = [{"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]}]
    write_package(tmp_path, sensors_document(), sensors_graph(), rows)
    model = PackagedModel(open_predictor(read_package(tmp_path, "")))
    table = {
        "tag": np.array(["foo", "bar"]),
        "signal": np.arange(10, dtype=np.float32).reshape(2, 5),
        "sensor": np.ones((2, 2, 2), np.int8),
    }
    made = model.predict(table)
    assert made["doubled"] == [[0, 2, 4, 6, 8], [10, 12, 14, 16, 18]]
    assert made["kind"] == [101, 201]


def test_a_wrong_row_is_named_at_its_place_in_the_table(tmp_path: Path) -> None:
    rows = [HOME] * (ROWS_AT_ONCE + 2)
    rows[-1] = HOME | {"rooms": float("inf"), "odd": 1}
    with pytest.raises(InvalidInput) as refused:
        housing(tmp_path).predict(rows)
    assert [(one.row, one.field) for one in refused.value.fields] == [
        (ROWS_AT_ONCE + 1, "odd"), (ROWS_AT_ONCE + 1, "rooms"),
    ]  # fmt: skip
    assert f"row {ROWS_AT_ONCE + 1}, rooms: expected integer from 1 to 50" in str(refused.value)
    with pytest.raises(DataError, match="the table has no rows"):
        housing(tmp_path / "again").predict([])


def test_a_long_table_stays_in_order(tmp_path: Path) -> None:
    surfaces = np.linspace(12, 240, 2 * ROWS_AT_ONCE + 5)
    table = pd.DataFrame({"surface_m2": surfaces, "rooms": 3, "property_type": "apartment"})
    made = housing(tmp_path).predict(table)
    assert np.allclose(made["price_eur"], 3000 * surfaces + 2500, rtol=0.01)


def test_it_says_what_it_is(tmp_path: Path) -> None:
    assert repr(housing(tmp_path / "a")) == (
        "housing version 1: Home price (regression)\n"
        "  takes    surface_m2: number from 9 to 1000\n"
        "  takes    rooms: integer from 1 to 50\n"
        "  takes    property_type: one of apartment, house\n"
        "  takes    land_m2: number from 0 to 100000, or nothing\n"
        "  takes    district: integer, or nothing\n"
        "  answers  price_eur\n"
        "  measured mae 10000"
    )
    said = repr(iris(tmp_path / "b"))
    assert said.startswith("iris of a folder: Iris species (classification)\n")
    assert "  answers  setosa, versicolor, virginica" in said


def test_it_asks_as_the_client_does() -> None:
    """What is typed for one is typed for the other."""
    mine, theirs = (get_overloads(kind.predict) for kind in (PackagedModel, Client))
    assert [one.__annotations__["table"] for one in mine] == [
        one.__annotations__["table"] for one in theirs
    ]
    assert len(mine) == 3
