"""Tables become rows of JSON values, and predictions tables again."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pandas as pd
import pytest

from vigie.errors import DataError
from vigie.frames import in_form_of, rows_of, values_of


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


def frame() -> pd.DataFrame:
    """A column of every kind, the second row of each missing where it can be."""
    return pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "float": [1.5, np.nan],
            "single": np.array([0.5, np.nan], np.float32),
            "true": [True, False],
            "maybe": pd.array([True, None], dtype="boolean"),
            "text": ["a", None],
            "object": pd.Series(["a", None], dtype=object),
            "mixed": pd.Series([1, "b"], dtype=object),
            "kind": pd.Categorical(["x", None], categories=["y", "x"]),
            "level": pd.Categorical([3, None]),
            "when": pd.to_datetime(["2024-02-29 12:30:00.25", "NaT"]),
            "zoned": pd.to_datetime(["2024-02-29T12:30:00Z", "NaT"]),
            "day": pd.Series([date(2024, 2, 29), pd.NaT], dtype=object),
            "nothing": pd.Series([pd.NA, None], dtype=object),
            "small": np.array([255, 0], np.uint8),
        }
    ).set_index(pd.Index(["one", "two"]))


def test_a_row_of_a_frame_has_python_values_and_what_is_missing_is_absent() -> None:
    first, second = rows_of(frame())
    assert first == {
        "whole": 1, "float": 1.5, "single": 0.5, "true": 1, "maybe": 1, "text": "a", "object": "a",
        "mixed": 1, "kind": "x", "level": 3, "when": "2024-02-29T12:30:00.250000",
        "zoned": "2024-02-29T12:30:00+00:00", "day": "2024-02-29", "small": 255,
    }  # fmt: skip
    assert second == {"true": 0, "mixed": "b", "small": 0}
    assert {type(value) for value in first.values()} == {int, float, str}
    assert [type(first[name]) for name in ("whole", "true", "maybe", "level")] == [int] * 4


@pytest.mark.parametrize("dtype", ["Int8", "UInt64", "Float32", "string", "boolean"])
def test_nullable_columns_lose_nothing(dtype: str) -> None:
    values = ["1", None, "0"] if dtype == "string" else [1, None, 0]
    column = pd.Series(values, dtype=dtype)
    assert [row.get("a") for row in rows_of(pd.DataFrame({"a": column}))] == values


def test_columns_become_rows_too() -> None:
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    table = {
        "a": [1, None], "b": np.array([np.nan, 2.0]), "image": images, "t": ("x", "y"),
        "s": pd.Series([True, False]), "u": np.array(["x", "y"]),
        "d": np.array(["2024-01-01", "NaT"], "M8[D]"),
        "n": np.array(["2024-01-01", "NaT"], "M8[ns]"),
    }  # fmt: skip
    assert rows_of(table) == [
        {
            "a": 1, "image": [[0, 1], [2, 3]], "t": "x", "s": 1, "u": "x", "d": "2024-01-01",
            "n": "2024-01-01T00:00:00",
        },
        {"b": 2.0, "image": [[4, 5], [6, 7]], "t": "y", "s": 0, "u": "y"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int32(3), 3),
        (np.float16(0.5), 0.5),
        (np.longdouble(2.5), 2.5),
        (np.bool_(True), 1),
        (False, 0),
        (np.str_("a"), "a"),
        (Colour.RED, "red"),
        (Size.SMALL, 1),
        (Decimal("2.50"), 2.5),
        (Fraction(1, 4), 0.25),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
        (np.datetime64("2024-01-02T03:04"), "2024-01-02T03:04:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.array(4), 4),
        ((1, True, None), [1, 1, None]),
        ({"b64": np.str_("aaaa")}, {"b64": "aaaa"}),
        (2**70, 2**70),
        (float("inf"), float("inf")),
    ],
)
def test_a_value_is_as_json_has_it(value: object, expected: object) -> None:
    ((name, found),) = rows_of([{"a": value}])[0].items()
    assert (name, found, type(found)) == ("a", expected, type(expected))
    assert values_of([value], "a") == [expected]


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT")])
def test_what_is_missing_is_absent(value: object) -> None:
    assert rows_of([{"a": value, "b": 1}]) == [{"b": 1}]
    assert rows_of({"a": [value], "b": [1]}) == [{"b": 1}]
    assert values_of([value], "a") == [None]


def test_files_become_base64_and_photos_stay_where_they_are_taken() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    encoded = {"b64": "/9gA"}
    files: list[Any] = [
        [{"photo": b"\xff\xd8\0"}, {"photo": bytearray(b"\xff\xd8\0")}],
        {"photo": [b"\xff\xd8\0"] * 2},
        pd.DataFrame({"photo": [b"\xff\xd8\0", encoded]}),
    ]
    for table in files:
        assert rows_of(table) == [{"photo": encoded}] * 2
    tables: list[Any] = [
        [{"photo": pixels, "a": np.int8(1)}],
        {"photo": pixels[None], "a": [1]},
        {"photo": [pixels], "a": [1]},
        pd.DataFrame({"photo": [pixels], "a": [True]}),
    ]
    for table in tables:
        (row,) = rows_of(table, {"photo"})
        assert np.array_equal(row["photo"], pixels)
        assert row["photo"].dtype == np.uint8
        assert row["a"] == 1
    assert rows_of([{"photo": b"a"}, {"photo": None}], {"photo"}) == [{"photo": b"a"}, {}]
    with pytest.raises(DataError, match="column photo is a bytes"):
        rows_of({"photo": b"a"}, {"photo"})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (3, "this is an int and no table; give a pandas DataFrame"),
        ("rows", "this is a str and no table"),
        (np.zeros((2, 2)), "this is a ndarray and no table"),
        ([[1, 2]], "row 0 is a list; give a pandas"),
        ([{"a": 1}, None], "row 1 is a NoneType"),
        ({}, "the table has no columns"),
        ({"rooms": 3}, "column rooms is an int; a column is a list or an array"),
        ({"rooms": "three"}, "column rooms is a str"),
        ({"a": [1, 2], "b": [1]}, "the columns are not of one length: a 2, b 1"),
        ({0.5: [1]}, "the column 0.5 has no text as its name"),
        ([{None: 1}], "the column None has no text as its name"),
        (pd.DataFrame([[1, 2]], columns=[(1, 2), 3]), "the column (1, 2) has no text as its name"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "has the column a twice"),
        (pd.DataFrame({"a": [1]}).drop(columns="a"), "the table has no columns"),
        (pd.DataFrame({"a": [0], "b": pd.to_timedelta(["1h"])}), "b in row 0 is a Timedelta"),
        ([{"a": 1}, {"a": 1j}], "a in row 1 is a complex; give a number"),
        ([{"a": np.timedelta64(1, "h")}], "a in row 0 is a timedelta64"),
        ({"a": np.array([b"x"])}, "a in row 0 is a bytes_"),
        ({"a": [[1, {2}]]}, "a in row 0 is a set"),
    ],
)
def test_what_is_no_table_is_named(table: Any, said: str) -> None:
    with pytest.raises(DataError) as refused:
        rows_of(table)
    assert said in str(refused.value)


PREDICTIONS: list[dict[str, Any]] = [
    {"price": 1.0, "interval": [0.5, 2.0], "warnings": [], "row": 0},
    {"price": 2.0, "interval": [1.5, 3.0], "warnings": ["odd"], "row": 1},
]


def test_predictions_take_the_form_of_the_table() -> None:
    index = pd.Index(["b", "b"])
    made = in_form_of(pd.DataFrame({"a": [1, 2]}, index=index), PREDICTIONS)
    assert made.index.equals(index)
    assert list(made) == ["price", "lower", "upper", "warnings", "row"]
    assert made["upper"].tolist() == [2.0, 3.0]
    assert made["price"].dtype == np.float64
    assert in_form_of({"a": [1, 2]}, PREDICTIONS) == {
        name: made[name].tolist() for name in made.columns
    }
    assert in_form_of([{"a": 1}, {"a": 2}], PREDICTIONS) is PREDICTIONS


def test_labels_get_a_column_each_and_may_change_with_the_version() -> None:
    rows = [
        {"label": "yes", "score": 0.9, "scores": {"yes": 0.9, "no": 0.1}, "warnings": []},
        {"label": "odd", "score": 1.0, "scores": {"odd": 1.0}, "warnings": []},
    ]
    made = in_form_of({}, rows)
    assert list(made) == ["label", "score", "score_yes", "score_no", "warnings", "score_odd"]
    assert made["score_yes"] == [0.9, None]
    assert made["score_odd"] == [None, 1.0]


def test_a_column_that_there_would_be_twice_is_refused() -> None:
    with pytest.raises(DataError, match="the model answers lower, a column"):
        in_form_of({}, [{"lower": 1.0, "interval": [0, 2]}])


def test_large_tables_are_turned_by_columns() -> None:
    rng = np.random.default_rng(0)
    count = 100_000
    table = pd.DataFrame({f"f{n}": rng.normal(size=count) for n in range(12)})
    table["i"] = pd.array(rng.integers(0, 9, count), dtype="Int64")
    for number in range(4):
        table[f"t{number}"] = rng.choice(["a", "b"], count)
    table["c"] = table["t0"].astype("category")
    table["b"] = table["f0"] > 0
    table.loc[::7, "f1"] = np.nan
    table.loc[::5, "i"] = pd.NA
    started = time.process_time()
    rows = rows_of(table)
    # a look at each row by pandas itself takes tens of seconds
    assert time.process_time() - started < 8
    assert len(rows) == count
    assert "f1" not in rows[0]
    assert orjson.loads(orjson.dumps(rows[1])) == rows[1]


def test_pandas_is_not_imported_to_look() -> None:
    code = (
        "import sys; from vigie.frames import in_form_of, rows_of\n"
        "assert rows_of({'a': [1]}) == in_form_of([], [{'a': 1}]) == rows_of([{'a': 1}])\n"
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_columns_get_the_names_that_they_got_when_the_model_was_logged() -> None:
    assert rows_of(pd.DataFrame([[1, 2]])) == [{"x_0": 1, "x_1": 2}]
    assert rows_of({"Surface (m²)": [54], "rooms": [3]}) == [{"Surface__m": 54, "rooms": 3}]
    with pytest.raises(DataError, match="has the column a_b twice"):
        rows_of(pd.DataFrame([[1, 2]], columns=["a b", "a-b"]))
