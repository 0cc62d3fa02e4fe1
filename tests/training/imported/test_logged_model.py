"""What stands beside a logged model: read as data, in whatever form, and never followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from vigie.errors import DataError, RefusedPackage
from vigie.training.imported.logged_model import (
    MOST_YAML_BYTES,
    Column,
    Example,
    find_model,
    read_columns,
    read_example,
)

TENSORS = [
    {"name": "age", "type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}},
    {"name": "sure", "type": "tensor", "tensor-spec": {"dtype": "bool", "shape": [-1, 1]}},
    {"name": "word", "type": "tensor", "tensor-spec": {"dtype": "object", "shape": [-1, 1]}},
    {"name": "photo", "type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 9, 9]}},
]


def write(root: Path, inputs: Any) -> Path:
    text = yaml.safe_dump({"signature": {"inputs": json.dumps(inputs)}, "run_id": "x"})
    (root / "MLmodel").write_text(text)
    return root


def test_a_signature_of_tensors_names_and_types_its_inputs(tmp_path: Path) -> None:
    assert read_columns(write(tmp_path, TENSORS)) == (
        Column("age", "int64"), Column("sure", "bool"), Column("word", "string"),
        Column("photo", "float32", single=False),
    )  # fmt: skip


def test_a_signature_of_columns_does_too(tmp_path: Path) -> None:
    kinds = {
        "long": "int64", "integer": "int64", "double": "float32", "float": "float32",
        "boolean": "bool", "string": "string", "datetime": None,
    }  # fmt: skip
    inputs = [{"name": kind, "type": kind, "required": True} for kind in kinds]
    assert read_columns(write(tmp_path, inputs)) == tuple(Column(*pair) for pair in kinds.items())


@pytest.mark.parametrize(
    "inputs",
    [[], {}, 3, [3], [{"type": "long"}], [{"name": "", "type": "long"}], [TENSORS[0], {"a": 1}]],
)
def test_a_signature_without_names_names_nothing(tmp_path: Path, inputs: Any) -> None:
    assert read_columns(write(tmp_path, inputs)) == ()


@pytest.mark.parametrize("text", ["", "3", "signature: 3", "signature: {inputs: 3}"])
def test_an_mlmodel_without_a_signature_names_nothing(tmp_path: Path, text: str) -> None:
    assert read_columns(tmp_path) == ()
    (tmp_path / "MLmodel").write_text(text)
    assert read_columns(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [1]\nb: [*a, *a]\n", "refers to a part of itself"),
        ("signature: !!python/object/apply:os.system ['true']\n", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("signature: {inputs: '[['}", "is not JSON"),
        ("signature: {inputs: '" + "[" * 100_000 + "'}", "is not JSON"),
        ("#" * (MOST_YAML_BYTES + 1), "is larger than"),
    ],
)
def test_a_trap_in_mlmodel_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(RefusedPackage, match=reason):
        read_columns(tmp_path)


@pytest.mark.parametrize(
    ("document", "example"),
    [
        ({"columns": ["a", "b"], "data": [[1, 2]]}, Example(([1, 2],), ("a", "b"))),
        ([[1.0, 2.0], [3.0, 4.0]], Example(([1.0, 2.0], [3.0, 4.0]))),
        ({"inputs": [[1.0], [2.0]]}, Example(([1.0], [2.0]))),
        ({"a": [1, 2], "b": [3, 4]}, Example(([1, 3], [2, 4]), ("a", "b"))),
        ({"a": 1, "b": 2}, Example(({"a": 1, "b": 2},), ("a", "b"))),
        ({"columns": [0, 1], "data": [[1, 2]]}, Example(([0, [1, 2]],), ("columns", "data"))),
        ({}, Example()),
        (3, Example()),
        (list(range(100)), Example(tuple(range(8)))),
    ],
)
def test_rows_of_example_come_in_several_forms(
    tmp_path: Path, document: Any, example: Example
) -> None:
    (tmp_path / "input_example.json").write_text(json.dumps(document))
    found = read_example(tmp_path)
    assert found.names == example.names
    assert [list(row) if isinstance(row, tuple) else row for row in found.rows][:1] == [
        *example.rows[:1]
    ]
    assert len(found.rows) == len(example.rows)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_an_example_that_is_not_json_is_none(tmp_path: Path, text: str) -> None:
    assert read_example(tmp_path) == Example()
    (tmp_path / "input_example.json").write_text(text)
    assert read_example(tmp_path) == Example()


@pytest.mark.parametrize(
    "place",
    ["data/model.keras", "data/model.h5", "data/model/saved_model.pb", "tf2model/saved_model.pb"],
)
def test_the_model_has_one_place_or_another(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    assert find_model(tmp_path) == (path.parent if path.suffix == ".pb" else path)


def test_another_flavour_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a Keras model nor a SavedModel"):
        find_model(tmp_path)
