from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vigie.models.model_input import Input
from vigie.spark.arrow import in_place, list_array, values_of

NUMBER = Input(name="n", label="N", dtype="float32", tensor="float32", example=1.0)
TEXT = Input(name="t", label="T", dtype="string", tensor="string", example="a")


def test_rows_of_numbers_are_lists() -> None:
    made = list_array(np.arange(6, dtype=np.float64).reshape(3, 2))
    assert made.type == pa.list_(pa.float32())
    assert made.to_pylist() == [[0, 1], [2, 3], [4, 5]]
    assert list_array(np.zeros((0, 4))).to_pylist() == []


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "", None, "-20"], [1, None, None, -20]),
        (["1.5", "2", ".5"], [1.5, 2.0, 0.5]),
        (["1", "+2", " 3 "], [1, 2, 3]),
        (["1.5", "x"], [1.5, "x"]),
        (["1.5", "nan", "inf", "Infinity"], [1.5, "nan", "inf", "Infinity"]),
        (["1", "0x10", "1_000"], [1, "0x10", "1_000"]),
    ],
)
def test_a_number_is_spelled_as_in_a_table(cells: list[str | None], values: list[Any]) -> None:
    assert values_of(pa.array(cells, pa.string()), NUMBER) == values


def test_a_text_stays_one() -> None:
    assert values_of(pa.array(["01", "", None]), TEXT) == ["01", None, None]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([1.5, float("nan"), None]), [1.5, None, None]),
        (pa.array([Decimal("1.25"), None]), [1.25, None]),
        (pa.array([3, None], pa.int16()), [3, None]),
        (pa.array([True, None]), [True, None]),
        (pa.array([[1.0, 2.0]]), [[1.0, 2.0]]),
    ],
)
def test_columns_with_types_are_what_a_caller_would_send(
    column: pa.Array, values: list[Any]
) -> None:
    assert values_of(column, NUMBER) == values


def test_rows_of_parts_are_put_in_their_places() -> None:
    parts = [{"n": pa.array([1, 2])}, {"n": pa.array([3])}]
    field = pa.field("n", pa.float64())
    assert in_place(parts, [2, None, 0, 1], [field])["n"].to_pylist() == [3.0, None, 1.0, 2.0]
    assert in_place([], [None, None], [field])["n"].to_pylist() == [None, None]
