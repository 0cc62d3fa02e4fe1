"""Rows are varied within the limits of a model, or taken from a file by its types."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from load.failure import LoadError
from load.rows import csv_rows, varied_rows
from load.service import Model

HOME = Model(
    "housing",
    {
        "surface_m2": {"type": "number", "minimum": 50, "maximum": 60, "examples": [54.0]},
        "rooms": {"type": "integer", "minimum": 1, "maximum": 50, "examples": [3]},
        "kind": {"type": "string", "enum": ["flat", "house"], "examples": ["flat"]},
        "land_m2": {"type": ["number", "null"], "minimum": 0},
        "beds": {"type": "array", "items": {"type": "number"}, "examples": [[1.0, 2.0]]},
    },
    frozenset({"surface_m2", "rooms"}),
    None,
)


def test_numbers_are_varied_within_their_limits_and_nothing_else_is() -> None:
    rows = list(itertools.islice(varied_rows(HOME, random.Random(1)), 200))
    sizes = [row.pop("surface_m2") for row in rows]
    assert len(set(sizes)) > 20
    assert (min(sizes), max(sizes)) == (50, 60)
    assert all(row == {"rooms": 3, "kind": "flat", "beds": [1.0, 2.0]} for row in rows)


def test_a_needed_input_without_an_example_asks_for_a_file() -> None:
    bare = Model("m", {"a": {"type": "number"}}, frozenset({"a"}), None)
    with pytest.raises(LoadError, match="no example of a: name a file of rows by --table"):
        next(varied_rows(bare, random.Random(1)))


def write(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_have_the_types_of_the_inputs_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "surface_m2,rooms,kind,land_m2,price\n54,3,flat,,1\n90.5,4.0,,20,2\n")
    assert csv_rows(HOME, path) == [
        {"surface_m2": 54.0, "rooms": 3, "kind": "flat"},
        {"surface_m2": 90.5, "rooms": 4, "land_m2": 20.0},
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("surface_m2\n54\n", "has no column rooms, which housing needs"),
        ("surface_m2,rooms\n", "has no rows"),
        ("surface_m2,rooms\n54,3\nwide,3\n", "row 2: surface_m2 is not of the type number"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_place(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(LoadError, match=reason):
        csv_rows(HOME, write(tmp_path, text))


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "rows.csv"
    if content:
        path.write_bytes(content)
    with pytest.raises(LoadError, match="cannot be read as CSV"):
        csv_rows(HOME, path)
