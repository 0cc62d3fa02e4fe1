"""Columns as arrays become what the same rows of a request become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.kinds_of_input import COUNT, FLAG, GAPPY, INTEGER, NUMBER, VECTOR, an_input
from support.packages import HOUSING_INPUTS
from vigie.errors import InvalidInput
from vigie.models.array_decoding import ArrayDecoder, DecodedArrays, Distinct, Numbers, Values
from vigie.models.decoding import RowDecoder
from vigie.models.feeds import feeds_of
from vigie.models.model_input import Input

INPUTS = [Input.model_validate(item) for item in HOUSING_INPUTS]


def numbers_of(values: list[Any]) -> Numbers:
    """The array for numbers among which there are gaps and texts."""
    kept = [value if isinstance(value, int | float) else 0 for value in values]
    whole = all(isinstance(value, int) for value in kept)
    return Numbers(
        np.array(kept, np.int64 if whole else np.float64),
        np.array([value is None for value in values], bool),
        np.array([isinstance(value, str) for value in values], bool),
    )


def distinct_of(values: list[Any]) -> Distinct:
    keys = [(type(value), value) for value in values]
    different = list(dict.fromkeys(keys))
    places = np.array([different.index(key) for key in keys], int)
    return Distinct([value for _, value in different], places)


def decode(item: Input, given: Values, rows: int) -> DecodedArrays:
    return ArrayDecoder([item]).decode({"x": given}, rows)


def refused_alone(inputs: list[Input], rows: list[dict[str, Any]]) -> list[bool]:
    found = []
    for row in rows:
        try:
            RowDecoder(inputs).decode([row])
        except InvalidInput:
            found.append(True)
        else:
            found.append(False)
    return found


NUMBERS = (
    st.none()
    | st.floats()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-3, 60)
    | st.sampled_from(["x", 2**53 + 1, 2**62 + 1, 2**63 - 512, 0.0, -0.0, 1e39, 3.0, 9.0, 1000])
)
CODES = st.none() | st.integers(-1, 5) | st.sampled_from(["1", "x", 2.0, 1.5])
ROWS = st.fixed_dictionaries(
    {
        "surface_m2": NUMBERS | st.floats(5, 1100),
        "rooms": NUMBERS | st.integers(0, 51) | st.just(3.0),
        "property_type": st.sampled_from(["apartment", "house", "castle", None, 5]),
        "land_m2": NUMBERS | st.floats(-1, 2e5),
        "district": CODES,
    }
)
GOOD = st.fixed_dictionaries(
    {
        "surface_m2": st.floats(9, 1000),
        "rooms": st.integers(1, 50),
        "property_type": st.sampled_from(["apartment", "house"]),
        "land_m2": st.none() | st.floats(0, 1e5),
        "district": st.none() | st.integers(-1, 5) | st.sampled_from(["1", 2.0]),
    }
)


def arrays_of(rows: list[dict[str, Any]]) -> dict[str, Values]:
    columns = {item.name: [row[item.name] for row in rows] for item in INPUTS}
    return {
        name: distinct_of(values) if name in ("property_type", "district") else numbers_of(values)
        for name, values in columns.items()
    }


@effort(max_examples=300, deadline=None)
@given(st.lists(ROWS | GOOD, min_size=1, max_size=8))
def test_arrays_decode_and_are_refused_as_the_same_rows(rows: list[dict[str, Any]]) -> None:
    # among numbers with a fraction an array has no integers
    exact = [row for row in rows if not any(abs(v) > 2**53 for v in row.values() if _is_whole(v))]
    columns = arrays_of(exact)
    refused = ArrayDecoder(INPUTS).decode(columns, len(exact)).refused
    assert refused.tolist() == refused_alone(INPUTS, exact)
    taken = np.flatnonzero(~refused)
    kept = {name: values.at(taken) for name, values in columns.items()}
    found = ArrayDecoder(INPUTS).decode(kept, len(taken))
    asked = RowDecoder(INPUTS).decode([exact[row] for row in taken])
    assert not found.refused.any()
    assert found.missing == asked.missing
    assert {name: places.tolist() for name, places in found.outside.items()} == asked.outside
    expected = feeds_of(INPUTS, asked.columns)
    feeds = feeds_of(INPUTS, found.columns)
    assert feeds.keys() == expected.keys()
    for name, feed in feeds.items():
        assert feed.dtype == expected[name].dtype
        np.testing.assert_array_equal(feed, expected[name])


def _is_whole(value: Any) -> bool:
    return isinstance(value, int)


@pytest.mark.parametrize("item", [NUMBER, INTEGER, COUNT, FLAG, GAPPY, an_input(range=[-2, 2**60])])
@effort(max_examples=100, deadline=None)
@given(values=st.lists(NUMBERS.filter(lambda v: v is None or _is_whole(v)), min_size=1, max_size=6))
def test_integers_of_any_size_are_held_against_limits_exactly(
    item: Input, values: list[Any]
) -> None:
    rows = [{"x": value} for value in values]
    decoded = decode(item, numbers_of(values), len(values))
    assert decoded.refused.tolist() == refused_alone([item], rows)
    if decoded.refused.any():
        return
    asked = RowDecoder([item]).decode(rows)
    assert {name: places.tolist() for name, places in decoded.outside.items()} == asked.outside
    expected = feeds_of([item], asked.columns)
    np.testing.assert_array_equal(feeds_of([item], decoded.columns)["x"], expected["x"])


@pytest.mark.parametrize("fill", [2.5, -2.5])
@pytest.mark.parametrize("tensor", ["float32", "int64"])
def test_a_fill_is_what_it_is_in_a_request(fill: float, tensor: str) -> None:
    item = an_input(dtype="int64", tensor=tensor, required=False, missing={"fill": fill})
    values = [2**62 + 1, None, 3]
    asked = RowDecoder([item]).decode([{"x": value} for value in values])
    found = decode(item, numbers_of(values), 3)
    assert found.missing == {"x": 1}
    expected = feeds_of([item], asked.columns)["x"]
    np.testing.assert_array_equal(feeds_of([item], found.columns)["x"], expected)


def test_arrays_of_a_shape_are_taken_and_refused_one_by_one() -> None:
    values = [[1.0, 2.0, 3.0], [1.0, 2.0], [4.0, 5.0, 60.0], [7.0, 8.0, 9.0]]
    given = Distinct.each(values)
    assert decode(VECTOR, given, 4).refused.tolist() == [False, True, True, False]
    found = decode(VECTOR, given.at(np.array([0, 3])), 2)
    assert feeds_of([VECTOR], found.columns)["x"].tolist() == [values[0], values[3]]


def test_an_absent_input_is_missing_in_every_row() -> None:
    found = ArrayDecoder([GAPPY]).decode({}, 3)
    assert found.missing == {"x": 3}
    assert feeds_of([GAPPY], found.columns)["x"].ravel().tolist() == [-1.5] * 3
    assert feeds_of([GAPPY], found.columns)["x__missing"].ravel().tolist() == [1.0] * 3
    assert ArrayDecoder([NUMBER]).decode({}, 2).refused.all()


def test_every_value_that_is_refused_is_found_among_many() -> None:
    values = [f"text {number}" for number in range(300)]
    for place in (0, 63, 64, 299):
        values[place] = "x"
    item = an_input(
        dtype="string", tensor="string", choices={"values": values[1:3] + values[65:280]}
    )
    given = Distinct.each(values)
    known = set(values[1:3] + values[65:280])
    assert decode(item, given, 300).refused.tolist() == [value not in known for value in values]


def test_values_that_no_row_has_any_more_are_forgotten() -> None:
    given = Distinct(["a", "b", "c"], np.array([2, 0, 1, 0]))
    assert given.at(np.array([0, 2])).values == ["b", "c"]
    assert given.at(np.array([0, 2])).places.tolist() == [1, 0]
    assert given.at(np.array([], int)).values == []
