"""Which rows of the prediction log are learnt from, and which are left out and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest
import yaml

from support.fake_mlflow import fake_mlflow
from support.prediction_log import microseconds, migrated
from vigie.errors import ConfigurationError, DataError, RegistryError
from vigie.models.document import PackageDocument
from vigie.predictionlog.database import open_database
from vigie.predictionlog.joins import JoinedRow, joined_rows
from vigie.predictionlog.tables import predictions, truths
from vigie.recipes.catalogue import Recipe, find_table
from vigie.recipes.feedback import PREFIX, feedback_dataset, load_feedback
from vigie.recipes.tabular.spec import TableSpec
from vigie.recipes.tabular.table import build_dataset
from vigie.settings import Settings, load_settings
from vigie.training.dataset import Dataset, is_held_out, split

SPEC = TableSpec.model_validate(
    yaml.safe_load("""
name: flats
title: Flats
task: regression
id: key
target: {column: price_k, name: price_eur, label: Price, unit: EUR, scale: log, factor: 1000}
clean:
  - {name: absurd_price, column: price_k, drop: outside, low: 100, high: 1000}
  - {name: twice, column: key, drop: duplicate}
  - {name: huge, column: sqft, drop: outside, high: 4000}
inputs:
  size: {column: sqft, type: number, unit: m², factor: 0.0929, limits: [5, 500], label: Size}
  rooms: {type: integer, limits: [1, 20], required: false, label: Rooms}
  kind: {type: choice, choices: {Appartement: flat, Maison: house}, label: Kind}
  zip: {type: integer-choice, policy: open, required: false, label: Zip}
  floor: {type: integer, required: false, label: Floor}
""")
)


def recipe_of(spec: TableSpec) -> Recipe:
    return replace(find_table("king_county"), spec=spec)


RECIPE = recipe_of(SPEC)
DATA = build_dataset(
    SPEC,
    pd.DataFrame(
        {
            "key": [f"sale-{number}" for number in range(100)],
            "price_k": [str(200 + number) for number in range(100)],
            "sqft": [str(500 + 7 * number) for number in range(100)],
            "rooms": ["3"] * 100,
            "kind": ["Maison"] * 100,
            "zip": ["64000"] * 100,
        }
    ),
    "d" * 64,
)
NEW: dict[str, Any] = {"size": 54.5, "rooms": 2, "kind": "flat", "zip": 64310}


def document(**target: Any) -> PackageDocument:
    """What a version of these flats takes and answers."""
    plan = SPEC.plan().fitted_to(DATA)
    return PackageDocument.model_validate(
        {
            "name": "flats", "title": "Flats", "task": "regression",
            "inputs": [item.model_dump() for item in plan.inputs],
            "outputs": [
                {"name": "price_eur", "label": "Price", "tensor": "t", "unit": "EUR", **target}
            ],
            "provenance": {"source": "made for a test"},
        }
    )  # fmt: skip


def row(inputs: Mapping[str, Any] | None, actual: float = 300_000.0, name: str = "a") -> JoinedRow:
    return JoinedRow(name, 0, "1", inputs, actual)


def take(*rows: JoinedRow, data: Dataset = DATA, **documents: PackageDocument | None) -> Dataset:
    return feedback_dataset(RECIPE, rows, documents or {"1": document()}, data)


def dropped(found: Dataset) -> dict[str, int]:
    assert all(rule.name.startswith(PREFIX) for rule in found.rules)
    return {rule.name.removeprefix(PREFIX): rule.dropped for rule in found.rules if rule.dropped}


def test_a_row_becomes_a_training_row_in_the_units_of_callers() -> None:
    found = take(row({**NEW, "rooms": 2.0, "floor": 4, "unknown": 1}), row({**NEW, "zip": None}))
    assert found.rows() == [NEW, {name: NEW[name] for name in ("size", "rooms", "kind")}]
    assert found.target.tolist() == [300_000.0, 300_000.0]
    # a column that the data has and training never sees would be an input without held-out rows
    assert found.columns.keys() == DATA.columns.keys()
    assert dropped(found) == {}


@pytest.mark.parametrize(
    ("changed", "actual", "rule"),
    [
        ({"size": 501.0}, 300_000.0, "huge"),
        ({"size": 4.9}, 300_000.0, "unusable_size"),
        ({"size": None}, 300_000.0, "unusable_size"),
        ({"rooms": 21}, 300_000.0, "unusable_rooms"),
        ({"kind": "castle"}, 300_000.0, "unusable_kind"),
        ({"kind": ""}, 300_000.0, "unusable_kind"),
        ({}, 99_000.0, "absurd_price"),
        ({}, 1_001_000.0, "absurd_price"),
    ],
)
def test_rules_units_and_limits_are_those_of_the_recipe(
    changed: dict[str, Any], actual: float, rule: str
) -> None:
    found = take(row({**NEW, **changed}, actual), row(NEW))
    assert dropped(found) == {rule: 1}
    assert found.rows() == [NEW]


def test_a_truth_that_has_no_logarithm_is_left_out() -> None:
    plain = recipe_of(SPEC.model_copy(update={"clean": ()}))
    found = feedback_dataset(plain, [row(NEW, 0.0)], {"1": document()}, DATA)
    assert dropped(found) == {"unusable truth": 1}


def test_housing_has_rules_beside_its_file() -> None:
    housing = find_table("housing")
    frame = pd.DataFrame(
        {
            "price_eur": [200_000.0, 1.0, 200_000.0, 9_000_000.0],
            "surface_m2": [50.0, 50.0, 2000.0, 50.0],
            "rooms": [2.0, 2.0, 2.0, 2.0],
            "latitude": [43.0] * 4,
            "longitude": [-1.0] * 4,
        }
    )
    kept, taken = housing.believable(frame)
    assert kept.to_dict("list") == frame[:1].to_dict("list")
    assert {name: count for name, count in taken.items() if count} == {
        "absurd price": 1, "no or absurd surface": 1, "absurd price per m2": 1,
    }  # fmt: skip


def test_rows_without_inputs_are_left_out_and_counted() -> None:
    found = take(row(None), row(NEW), row(None))
    assert dropped(found) == {"without inputs": 2}
    assert len(found) == 1


@pytest.mark.parametrize(
    "other", [None, document(unit="kEUR"), document(name="price_usd")], ids=["gone", "unit", "name"]
)
def test_a_version_of_other_units_teaches_nothing(other: PackageDocument | None) -> None:
    rows = [row(NEW), JoinedRow("b", 0, "2", {**NEW, "size": 60.0}, 300_000.0)]
    found = feedback_dataset(RECIPE, rows, {"1": other, "2": document()}, DATA)
    assert dropped(found) == {"in other units": 1}
    assert found.columns["size"] == [60.0]


def test_an_input_of_another_unit_is_as_bad() -> None:
    asked = document().model_dump()
    asked["inputs"][0]["unit"] = "sqft"
    found = feedback_dataset(RECIPE, [row(NEW)], {"1": PackageDocument.model_validate(asked)}, DATA)
    assert dropped(found) == {"in other units": 1}


def test_what_the_data_has_already_is_no_news() -> None:
    training, held_out = split(DATA)
    known, tested = training.rows()[5], held_out.rows()[3]
    found = take(
        row(known, training.target[5]),
        row(known, training.target[5] + 1),
        row(NEW, name="b"), row(NEW, name="c"),
        row(tested, held_out.target[3]), row(tested, held_out.target[3] + 5000),
    )  # fmt: skip
    assert dropped(found) == {"duplicate": 2, "held out": 2}
    assert found.target.tolist() == [training.target[5] + 1, 300_000.0]


def test_the_held_out_rows_stay_the_same_whatever_is_learnt_from() -> None:
    rows = [row({**NEW, "size": 20.0 + n}, name=f"r{n}") for n in range(200)]
    found = take(*rows)
    # some ids would be held out if they were ids of the data
    assert any(is_held_out(name) for name in found.ids)
    training, held_out = split(DATA)
    more = training.plus(found)
    assert len(more) == len(training) + 200
    assert split(DATA)[1].rows_sha256() == held_out.rows_sha256()
    assert more.sha256 not in (training.sha256, found.sha256)
    assert more.rows()[-1] == rows[-1].inputs
    assert more.rules == (*training.rules, *found.rules)


def test_generated_data_stays_generated() -> None:
    data = replace(DATA, generated=True)
    assert split(data)[0].plus(take(row(NEW), data=data)).generated
    assert not split(DATA)[0].plus(take(row(NEW))).generated


def test_labels_that_the_data_does_not_have_are_left_out() -> None:
    iris = find_table("iris")
    data = iris.load((), load_settings(), lambda _: None)
    flower = dict.fromkeys(data.columns, 1.25)
    plan = iris.spec.plan()
    asked = PackageDocument.model_validate(
        {
            "name": "iris", "title": "Iris", "task": "classification",
            "inputs": [item.model_dump() | {"example": 1.0} for item in plan.inputs],
            "outputs": [
                {"name": "probabilities", "label": "P", "tensor": "p", "shape": [2]}
            ],
            "labels": ["setosa", "tulip"],
            "provenance": {"source": "made for a test"},
        }
    )  # fmt: skip
    rows = [JoinedRow("a", n, "1", flower, label) for n, label in enumerate(["setosa", "tulip"])]
    found = feedback_dataset(iris, rows, {"1": asked}, data)
    assert dropped(found) == {"unknown label": 1}
    assert found.target.tolist() == ["setosa"]


# --- the log itself


def log_with(folder: Path, *rows: tuple[str, dict[str, Any] | None, str]) -> Settings:
    """Settings of a log that has these rows: id, inputs, the state of their truth."""
    settings = load_settings(state=folder, mlflow_url="http://127.0.0.1:9")
    database = migrated("", folder / "predictions.db")
    now = microseconds()
    with database.begin() as connection:
        for name, inputs, state in rows:
            asked = None if inputs is None else orjson.dumps(inputs).decode()
            connection.execute(
                predictions.insert(),
                {
                    "request_id": name, "row": 0, "answered_us": now, "model": "flats",
                    "version": "1", "inputs": asked, "outputs": "{}", "value": 1.0,
                },
            )  # fmt: skip
            connection.execute(
                truths.insert(),
                {
                    "request_id": name, "row": 0, "value": 300_000.0, "received_us": now,
                    "receipt": "r", "state": state, "answered_us": now,
                },
            )  # fmt: skip
    database.close()
    return settings


def test_only_joined_rows_of_the_model_are_read(tmp_path: Path) -> None:
    settings = log_with(tmp_path, ("a", NEW, "joined"), ("b", NEW, "invalid"), ("c", NEW, "late"))
    assert joined_rows(settings, "flats") == [JoinedRow("a", 0, "1", NEW, 300_000.0)]
    with pytest.raises(DataError, match="no truth is joined to a prediction of houses yet"):
        joined_rows(settings, "houses")


def test_without_a_log_the_setting_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="VIGIE_PREDICTION_LOG is off"):
        joined_rows(load_settings(state=tmp_path, prediction_log="off"), "flats")
    with pytest.raises(ConfigurationError, match="VIGIE_STATE or VIGIE_DATABASE_URL"):
        joined_rows(load_settings(state=tmp_path / "state"), "flats")
    assert not list(tmp_path.iterdir())
    assert not open_database(load_settings(state=tmp_path)).exists()


def test_a_log_that_kept_no_inputs_names_the_setting(tmp_path: Path) -> None:
    settings = log_with(tmp_path, ("a", None, "joined"))
    with pytest.raises(DataError, match="VIGIE_PREDICTION_LOG=outputs"):
        load_feedback(RECIPE, DATA, settings)


def test_the_units_are_asked_of_the_registry(tmp_path: Path) -> None:
    settings = log_with(tmp_path / "state", ("a", NEW, "joined"), ("b", None, "joined"))
    with pytest.raises(RegistryError, match="MLflow does not answer"):
        load_feedback(RECIPE, DATA, settings)
    package = tmp_path / "package"
    (package / "vigie").mkdir(parents=True)
    written = package / "vigie" / "package.json"
    with fake_mlflow() as mlflow:
        settings = settings.model_copy(update={"mlflow_url": mlflow.url})
        assert dropped(load_feedback(RECIPE, DATA, settings))["in other units"] == 1
        mlflow.register("flats", "1", package, "digest")
        written.write_text("{}")
        assert dropped(load_feedback(RECIPE, DATA, settings))["in other units"] == 1
        written.write_text(document().model_dump_json())
        found = load_feedback(RECIPE, DATA, settings)
    assert found.rows() == [NEW]
    assert dropped(found) == {"without inputs": 1}
