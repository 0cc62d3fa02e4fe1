"""Rows become columns, or a list of what is wrong that never repeats a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.kinds_of_input import (
    CODE,
    COUNT,
    EVERY_KIND,
    FLAG,
    GAPPY,
    INTEGER,
    MATRIX,
    NUMBER,
    OPEN_CODE,
    TEXT,
    VECTOR,
    WHOLE_VECTOR,
    WORDS,
    an_input,
)
from support.packages import HOUSING_INPUTS
from vigie.errors import WHOLE_COLUMN, FieldError, InvalidInput
from vigie.models.decoding import MOST_FIELD_ERRORS, RowDecoder
from vigie.models.feeds import feeds_of
from vigie.models.model_input import Input
from vigie.models.rows import Decoded
from vigie.models.wording import describe, kind_of

HOME: dict[str, Any] = {"surface_m2": 54.0, "rooms": 3, "property_type": "apartment"}
INPUTS = [Input.model_validate(item) for item in HOUSING_INPUTS]


def decode(item: Input, *values: Any) -> Decoded:
    return RowDecoder([item]).decode([{"x": value} for value in values])


def errors_of(rows: Sequence[Any], inputs: Sequence[Input] = INPUTS) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidInput) as refused:
        RowDecoder(inputs).decode(rows)
    return refused.value.fields


@pytest.mark.parametrize(
    ("item", "value", "column"),
    [
        (NUMBER, 1.5, [1.5]),
        (NUMBER, -7, [-7]),
        (INTEGER, 3, [3]),
        (INTEGER, 3.0, [3]),
        (COUNT, 2**62, [2**62]),
        (FLAG, True, [1]),
        (FLAG, False, [0]),
        (FLAG, 1, [1]),
        (TEXT, "été", ["été"]),
        (TEXT, "", [""]),
        (VECTOR, [0, 5.5, 10], [0, 5.5, 10]),
        (MATRIX, [[1, 2], [3, 4]], [1, 2, 3, 4]),
        (WORDS, ["a", "b"], ["a", "b"]),
        (WHOLE_VECTOR, [1, 2.0], [1, 2.0]),
        (CODE, 1, ["1"]),
        (CODE, 2.0, ["2"]),
        (CODE, "2", ["2"]),
        (OPEN_CODE, 977, ["977"]),
        (OPEN_CODE, None, [""]),
        (GAPPY, 4, [4]),
    ],
)
def test_every_kind_of_value_is_taken(item: Input, value: Any, column: list[Any]) -> None:
    taken = decode(item, value).columns["x"]
    assert taken == column
    if item.integral and not item.shape:
        assert [type(v) for v in taken] == [type(v) for v in column]


@pytest.mark.parametrize(
    ("item", "value"),
    [
        (NUMBER, None),
        (NUMBER, "5"),
        (NUMBER, True),
        (NUMBER, [1.0]),
        (NUMBER, math.nan),
        (NUMBER, math.inf),
        (NUMBER, float("1e999")),
        (NUMBER, 3.5e38),
        pytest.param(NUMBER, -(10**400), id="more than a float holds"),
        (INTEGER, 3.5),
        (INTEGER, False),
        (INTEGER, math.nan),
        (COUNT, 2**63),
        (COUNT, -1e30),
        (TEXT, 5),
        (TEXT, None),
        (VECTOR, [1, 2]),
        (VECTOR, [1, 2, 3, 4]),
        (VECTOR, [1, 2, 11]),
        (VECTOR, [1, math.nan, 2]),
        (VECTOR, [1, True, 2]),
        (VECTOR, [1, None, 2]),
        (VECTOR, "123"),
        (VECTOR, None),
        (MATRIX, [[1, 2], [3]]),
        (MATRIX, [1, 2, 3, 4]),
        (MATRIX, [[1, 2], [3, [4]]]),
        (WORDS, ["a", 1]),
        (WHOLE_VECTOR, [1, 2.5]),
        (CODE, 3),
        (CODE, "01"),
        (CODE, 1.5),
        (CODE, True),
        (CODE, None),
        pytest.param(CODE, 10**5000, id="more digits than Python writes"),
        (OPEN_CODE, "one"),
        (OPEN_CODE, ""),
        (OPEN_CODE, 1e300),
        (GAPPY, -1.5),
    ],
)
def test_what_does_not_fit_is_refused(item: Input, value: Any) -> None:
    (error,) = errors_of([{"x": value}], [item])
    assert (error.row, error.field) == (0, "x")
    assert error.expected == describe(item)


def test_flags_of_many_rows_and_gaps_are_numbers() -> None:
    gappy = an_input(dtype="int64", limits=[0, 1], required=False, missing={"fill": 0})
    taken = decode(gappy, True, 0, None, False, 1.0)
    assert taken.columns["x"] == [1, 0, 0, 0, 1]
    assert [type(v) for v in taken.columns["x"]] == [int] * 5
    assert taken.missing == {"x": 1}
    with pytest.raises(InvalidInput):
        decode(INTEGER, True)


def test_a_limit_above_float32_is_still_what_float32_holds() -> None:
    errors_of([{"x": 1e39}], [an_input(limits=[0, 1e300])])
    assert decode(an_input(limits=[0, 1e300]), 3e38).columns == {"x": [3e38]}


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("item", [NUMBER, GAPPY, an_input(limits=[0, 10])])
def test_one_nan_among_many_rows_is_refused(item: Input, place: int) -> None:
    values = [5.0, 4.0, 6.0]
    values.insert(place, math.nan)
    assert [error.row for error in errors_of([{"x": v} for v in values], [item])] == [place]


@pytest.mark.parametrize("row", [{**HOME}, {**HOME, "land_m2": None, "district": None}])
def test_null_and_absence_get_the_fill_and_the_indicator(row: dict[str, Any]) -> None:
    columns = RowDecoder(INPUTS).decode([row, {**HOME, "land_m2": 40}]).columns
    assert columns["land_m2"] == [100.0, 40]
    assert columns["land_m2__missing"] == [1.0, 0.0]
    assert columns["district"] == ["", ""]


def test_a_fill_may_lie_outside_the_limits_and_is_no_warning() -> None:
    decoded = decode(GAPPY, None, 5.0)
    assert decoded.columns == {"x__missing": [1.0, 0.0], "x": [-1.5, 5.0]}
    assert decoded.outside == {}


def test_a_fraction_as_fill_of_an_integer_does_not_disturb_the_other_rows() -> None:
    item = an_input(dtype="int64", required=False, missing={"fill": 2.5})
    assert decode(item, 3.0, None).columns["x"] == [3, 2.5]


def test_a_required_input_may_be_neither_null_nor_absent() -> None:
    for row in ({**HOME, "rooms": None}, {k: v for k, v in HOME.items() if k != "rooms"}):
        assert errors_of([row]) == (FieldError(0, "rooms", "integer from 1 to 50", "nothing"),)


def test_allowed_values_that_were_never_seen_are_noted_by_row() -> None:
    rows = [
        HOME,
        {**HOME, "surface_m2": 900},
        {**HOME, "rooms": 20.0, "district": 9},
        {**HOME, "surface_m2": 9.0, "land_m2": 6000, "district": 2},
    ]
    assert RowDecoder(INPUTS).decode(rows).outside == {
        "surface_m2": [1, 3],
        "rooms": [2],
        "land_m2": [3],
        "district": [2],
    }


def test_a_closed_choice_refuses_what_an_open_one_only_notes() -> None:
    (error,) = errors_of([{**HOME, "property_type": "castle"}])
    assert error.expected == "one of apartment, house"
    assert error.got == "text that is not a choice"
    assert RowDecoder(INPUTS).decode([{**HOME, "district": 9}]).columns["district"] == ["9"]


def test_an_unknown_field_is_named_without_its_value() -> None:
    (error,) = errors_of([{**HOME, "colour\n": "secret"}])
    assert error == FieldError(0, "colour?", "no such input", "text")


@pytest.mark.parametrize("row", [None, 3, "text", [], [HOME], True])
def test_a_row_that_is_no_object_is_refused(row: Any) -> None:
    (error,) = errors_of([HOME, row])
    assert (error.row, error.field, error.got) == (1, "", kind_of(row))


def test_errors_name_row_and_field_and_never_the_value() -> None:
    rows = [HOME, {"surface_m2": "s3cret", "rooms": 31337, "property_type": "s3cret"}]
    with pytest.raises(InvalidInput) as refused:
        RowDecoder(INPUTS).decode(rows)
    assert [(e.row, e.field, e.got) for e in refused.value.fields] == [
        (1, "surface_m2", "text"),
        (1, "rooms", "integer outside the limits"),
        (1, "property_type", "text that is not a choice"),
    ]
    told = repr(refused.value) + repr(refused.value.fields)
    assert "s3cret" not in told
    assert "31337" not in told
    assert str(refused.value) == "These fields are wrong: surface_m2, rooms, property_type."


def test_at_most_twenty_errors_are_told() -> None:
    errors = errors_of([{}] * 500)
    assert len(errors) == MOST_FIELD_ERRORS == 20
    assert errors[-1].row == 6


def test_no_rows_make_empty_columns() -> None:
    decoded = RowDecoder(EVERY_KIND).decode([])
    assert decoded.rows == 0
    assert set(map(tuple, decoded.columns.values())) == {()}


@pytest.mark.parametrize(
    ("item", "phrase"),
    [
        (NUMBER, "number"),
        (an_input(limits=[0, None]), "number of at least 0"),
        (an_input(dtype="int64", limits=[None, 9]), "integer of at most 9"),
        (GAPPY, "number from 0 to 10, or nothing"),
        (MATRIX, "list of shape [2, 2] of numbers"),
        (OPEN_CODE, "integer, or nothing"),
        (FLAG, "true or false, 1 or 0"),
    ],
)
def test_what_is_expected_is_one_phrase(item: Input, phrase: str) -> None:
    assert describe(item) == phrase


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["apartment", "house", "1", "", 10**400, 2**63, -0.0, 1e39, 54, 3]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
PLAUSIBLE = st.fixed_dictionaries(
    {},
    optional={
        "surface_m2": st.floats(0, 1200) | st.integers(0, 1200) | JSON,
        "rooms": st.integers(0, 60) | st.just(3.0) | JSON,
        "property_type": st.sampled_from(["apartment", "house"]) | JSON,
        "land_m2": st.none() | st.floats(-1, 2e5) | JSON,
        "district": st.integers(0, 5) | st.just("2") | JSON,
    },
)
KINDS_OF_ROW = st.dictionaries(st.sampled_from([item.name for item in EVERY_KIND]), JSON)


@effort(max_examples=150, deadline=None)
@given(st.lists(PLAUSIBLE | JSON, max_size=4))
def test_any_rows_decode_or_are_refused_with_reasons(rows: list[Any]) -> None:
    _decodes_or_refuses(rows, INPUTS)


@effort(max_examples=150, deadline=None)
@given(st.lists(KINDS_OF_ROW, max_size=3))
def test_any_rows_for_every_kind_of_input_decode_or_are_refused(rows: list[Any]) -> None:
    _decodes_or_refuses(rows, EVERY_KIND)


def _decodes_or_refuses(rows: list[Any], inputs: Sequence[Input]) -> None:
    try:
        decoded = RowDecoder(inputs).decode(rows)
    except InvalidInput:
        errors = errors_of(rows, inputs)
        assert 0 < len(errors) <= MOST_FIELD_ERRORS
        assert all(0 <= error.row < len(rows) for error in errors)
        return
    for feed in feeds_of(inputs, decoded.columns).values():
        assert feed.dtype == object or np.isfinite(feed).all()
        assert len(feed) == len(rows)


GOOD = st.fixed_dictionaries(
    {
        "surface_m2": st.floats(9, 1000, width=32) | st.integers(9, 1000),
        "rooms": st.integers(1, 50) | st.sampled_from([2.0, 7.0]),
        "property_type": st.sampled_from(["apartment", "house"]),
    },
    optional={
        "land_m2": st.none() | st.floats(0, 100000),
        "district": st.none() | st.integers(-3, 9) | st.sampled_from(["1", "8", 2.0]),
    },
)


@effort(max_examples=100, deadline=None)
@given(st.lists(GOOD, min_size=1, max_size=6))
def test_many_rows_decode_like_each_alone(rows: list[dict[str, Any]]) -> None:
    decoder = RowDecoder(INPUTS)
    together = decoder.decode(rows)
    alone = [decoder.decode([row]) for row in rows]
    assert together.columns == {
        name: [one.columns[name][0] for one in alone] for name in together.columns
    }
    outside = {
        item.name: [index for index, one in enumerate(alone) if item.name in one.outside]
        for item in INPUTS
    }
    assert together.outside == {name: found for name, found in outside.items() if found}


# --- columns


def columns_of(rows: list[dict[str, Any]], inputs: Sequence[Input]) -> dict[str, list[Any]]:
    return {item.name: [row.get(item.name) for row in rows] for item in inputs}


def column_errors(
    columns: dict[str, list[Any]], rows: int, inputs: Sequence[Input] = INPUTS
) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidInput) as caught:
        RowDecoder(inputs).decode_columns(columns, rows)
    return caught.value.fields


SCALARS = [item for item in EVERY_KIND if not item.shape]


@pytest.mark.parametrize("inputs", [INPUTS, SCALARS], ids=["housing", "scalars"])
@effort(max_examples=300, deadline=None)
@given(row=PLAUSIBLE | KINDS_OF_ROW | GOOD)
def test_one_row_alone_decodes_as_it_does_twice(inputs: list[Input], row: dict[str, Any]) -> None:
    decoder = RowDecoder(inputs)
    try:
        twice = decoder.decode([row, row])
    except InvalidInput:
        with pytest.raises(InvalidInput):
            decoder.decode([row])
        return
    alone = decoder.decode([row])
    assert {name: 2 * values for name, values in alone.columns.items()} == twice.columns
    assert {name: [0, 1] for name in alone.outside} == twice.outside
    first = [type(values[0]) for values in alone.columns.values()]
    assert first == [type(values[0]) for values in twice.columns.values()]


@effort(max_examples=100, deadline=None)
@given(st.lists(GOOD, min_size=1, max_size=6))
def test_columns_decode_like_the_rows(rows: list[dict[str, Any]]) -> None:
    decoder = RowDecoder(INPUTS)
    assert decoder.decode_columns(columns_of(rows, INPUTS), len(rows)) == decoder.decode(rows)


@pytest.mark.parametrize("inputs", [INPUTS, EVERY_KIND], ids=["housing", "every kind"])
@effort(max_examples=100, deadline=None)
@given(rows=st.lists(KINDS_OF_ROW | GOOD, min_size=1, max_size=4))
def test_columns_are_refused_like_the_rows(inputs: list[Input], rows: list[dict[str, Any]]) -> None:
    names = {item.name for item in inputs}
    rows = [{name: value for name, value in row.items() if name in names} for row in rows]
    columns = columns_of(rows, inputs)
    try:
        decoded = RowDecoder(inputs).decode(rows)
    except InvalidInput as refused:
        found = column_errors(columns, len(rows), inputs)
        whole = {(e.row, e.field, e.expected, e.got) for e in refused.fields}
        assert found
        if len(found) < MOST_FIELD_ERRORS:
            assert {(e.row, e.field, e.expected, e.got) for e in found} == whole
        return
    assert RowDecoder(inputs).decode_columns(columns, len(rows)) == decoded


def test_an_absent_column_is_missing_in_every_row() -> None:
    columns = columns_of([HOME, HOME], INPUTS)
    short = {name: columns[name] for name in HOME}
    decoder = RowDecoder(INPUTS)
    assert decoder.decode_columns(short, 2) == decoder.decode_columns(columns, 2)
    del short["rooms"]
    assert column_errors(short, 2) == (
        FieldError(WHOLE_COLUMN, "rooms", "integer from 1 to 50", "nothing"),
    )


def test_columns_of_other_lengths_or_names_are_refused_as_a_whole() -> None:
    columns = columns_of([HOME, HOME], INPUTS)
    assert column_errors(columns | {"rooms": [3]}, 2) == (
        FieldError(WHOLE_COLUMN, "rooms", "2 values", "1 values"),
    )
    assert column_errors(columns | {"castle": [3, 3]}, 2) == (
        FieldError(WHOLE_COLUMN, "castle", "no such input", "list"),
    )


def test_errors_of_columns_are_bounded() -> None:
    many = {name: [value] * 1000 for name, value in HOME.items()}
    assert len(column_errors(many | {"rooms": ["x"] * 1000}, 1000)) == MOST_FIELD_ERRORS
    unknown = {f"key{number}": [1] for number in range(1000)}
    assert len(column_errors(unknown, 1)) == MOST_FIELD_ERRORS
