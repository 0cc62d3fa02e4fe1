from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.kinds_of_input import EVERY_KIND
from vigie.errors import InvalidInput
from vigie.models.array_decoding import ArrayDecoder, Numbers
from vigie.models.arrow_columns import arrays_of, values_of
from vigie.models.decoding import RowDecoder
from vigie.models.feeds import feeds_of
from vigie.models.model_input import Input

NUMBER = Input(name="n", label="N", dtype="float32", tensor="float32", example=1.0)
TEXT = Input(name="t", label="T", dtype="string", tensor="string", example="a")


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "", None, "-20"], [1, None, None, -20]),
        (["1.5", "2", ".5"], [1.5, 2.0, 0.5]),
        (["1", "+2", " 3 "], [1, 2, 3]),
        (["1.5", "x"], [1.5, "x"]),
        (["1.5", "nan", "inf", "Infinity"], [1.5, "nan", "inf", "Infinity"]),
        (["1", "0x10", "1_000"], [1, "0x10", "1_000"]),
        (["0x10"], ["0x10"]),
        (["9007199254740993", "0.5"], [9007199254740993, 0.5]),
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


CELLS = (
    st.none()
    | st.sampled_from(["", "1", "2", "0x10", "1_000", " 3 ", "+2", "nan", "inf", "1e400", "1e-400"])
    | st.sampled_from(["9007199254740993", "-0", "01", "10000000000000000000", "true", "4", "12"])
    | st.floats().map(repr)
    | st.integers(-(2**65), 2**65).map(str)
    | st.text("0123456789+-.eE x", max_size=6)
)
COLUMNS: tuple[tuple[pa.DataType, st.SearchStrategy[Any]], ...] = (
    (pa.string(), CELLS),
    (pa.int64(), st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 12)),
    (pa.int16(), st.none() | st.integers(-3, 12)),
    (pa.float64(), st.none() | st.floats() | st.integers(-3, 12).map(float)),
    (pa.float32(), st.none() | st.floats(width=32) | st.integers(-3, 12).map(float)),
    (pa.bool_(), st.none() | st.booleans()),
    (pa.decimal128(20, 2), st.none() | st.decimals(-99, 99, places=2)),
    (pa.binary(), st.none() | st.binary(max_size=3)),
    (pa.list_(pa.float32()), st.none() | st.lists(st.floats(0, 9, width=32), max_size=4)),
)


def columns_of(kind: tuple[pa.DataType, st.SearchStrategy[Any]]) -> st.SearchStrategy[pa.Array]:
    arrow, values = kind
    return st.lists(values, min_size=1, max_size=6).map(lambda given: pa.array(given, arrow))


@effort(max_examples=1000, deadline=None)
@given(item=st.sampled_from(EVERY_KIND), column=st.one_of(*map(columns_of, COLUMNS)))
def test_a_column_is_what_its_values_are_in_requests(item: Input, column: pa.Array) -> None:
    values, arrays = values_of(column, item), arrays_of(column, item)
    rows, decoder = RowDecoder([item]), ArrayDecoder([item])
    good = []
    for place, value in enumerate(values):
        try:
            rows.decode([{item.name: value}])
        except InvalidInput:
            continue
        good.append(place)
    refused = decoder.decode({item.name: arrays}, len(values)).refused
    assert np.flatnonzero(~refused).tolist() == good
    if not good:
        return
    asked = rows.decode([{item.name: values[place]} for place in good])
    found = decoder.decode({item.name: arrays.at(np.array(good))}, len(good))
    assert found.missing == asked.missing
    assert {name: places.tolist() for name, places in found.outside.items()} == asked.outside
    expected, feeds = feeds_of([item], asked.columns), feeds_of([item], found.columns)
    assert feeds.keys() == expected.keys()
    for name, feed in feeds.items():
        assert feed.dtype == expected[name].dtype
        np.testing.assert_array_equal(feed, expected[name])


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["1", "2.5", None, ""]),
        pa.array(["1", "2.5", "x", " 3", None]),
        pa.array([1, 2, None], pa.int32()),
        pa.array([1.5, float("nan"), None]),
    ],
)
def test_a_column_of_numbers_becomes_no_object_a_row(column: pa.Array) -> None:
    assert isinstance(arrays_of(column, NUMBER), Numbers)
