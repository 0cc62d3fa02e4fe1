from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.kinds_of_input import (
    COUNT,
    EVERY_KIND,
    GAPPY,
    INTEGER,
    MATRIX,
    NUMBER,
    TEXT,
    an_input,
)
from vigie.models.decoding import RowDecoder
from vigie.models.feeds import FeedBuilder, feeds_of
from vigie.models.model_input import Input


def named(*items: Input) -> list[Input]:
    return [item.model_copy(update={"name": f"x{place}"}) for place, item in enumerate(items)]


def test_feeds_are_arrays_of_the_types_that_the_graph_takes() -> None:
    inputs = [*named(NUMBER, COUNT, TEXT, MATRIX), GAPPY]
    rows = [{"x0": 1, "x1": 2**53 + 1, "x2": "é", "x3": [[1, 2], [3, 4]]}] * 2
    feeds = feeds_of(inputs, RowDecoder(inputs).decode(rows).columns)
    assert {name: (array.dtype.name, array.shape) for name, array in feeds.items()} == {
        "x0": ("float32", (2, 1)),
        "x1": ("int64", (2, 1)),
        "x2": ("object", (2, 1)),
        "x3": ("float32", (2, 2, 2)),
        "x": ("float32", (2, 1)),
        "x__missing": ("float32", (2, 1)),
    }
    assert feeds["x1"][0, 0] == 2**53 + 1
    assert feeds["x"].ravel().tolist() == [-1.5, -1.5]


def test_photos_are_one_array() -> None:
    item = an_input(name="photo", dtype="image", tensor="uint8", shape=[2, 3, 3], resize={})
    pixels = [np.full((2, 3, 3), shade, np.uint8) for shade in (1, 2)]
    (made,) = feeds_of([item], {"photo": pixels}).values()
    assert made.shape == (2, 2, 3, 3)
    assert made.dtype == np.uint8
    assert made[1, 0, 0, 0] == 2


NUMBERS = st.floats(-1e30, 1e30) | st.integers(-(2**63), 2**63 - 1)


@effort(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_columns_together_are_what_each_is_alone(rows: list[tuple[Any, Any, Any]]) -> None:
    inputs = named(NUMBER, INTEGER, NUMBER)
    columns = {f"x{place}": list(column) for place, column in enumerate(zip(*rows, strict=True))}
    for name, made in FeedBuilder(inputs).build(columns).items():
        assert made.flags.c_contiguous
        np.testing.assert_array_equal(made, np.asarray(columns[name], np.float32)[:, None])


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_an_array_is_taken_as_the_list_of_its_numbers(kind: type) -> None:
    inputs = named(NUMBER, INTEGER, COUNT)
    # 2**54 + 1 is no float64: rounded twice it is another float32 than rounded once
    odd = [1, -3, 2**54 + 2**30 + 1]
    array: np.ndarray = np.array(odd, kind)
    lists: dict[str, Sequence[Any]] = {"x0": [0.5, 1, 2], "x1": array.tolist(), "x2": odd}
    arrays = lists | {"x1": array, "x2": np.array(odd)}
    for name, made in feeds_of(inputs, arrays).items():
        expected = feeds_of(inputs, lists)[name]
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made, expected)


def test_an_array_of_a_shape_is_flat_or_not() -> None:
    (item,) = named(MATRIX)
    numbers = np.arange(8.0)
    for given_array in (numbers, numbers.reshape(2, 2, 2), numbers.tolist()):
        (made,) = feeds_of([item], {"x0": given_array}).values()
        assert made.tolist() == numbers.reshape(2, 2, 2).tolist()


def test_no_rows_are_empty_arrays() -> None:
    columns = RowDecoder(EVERY_KIND).decode([]).columns
    assert {len(made) for made in feeds_of(EVERY_KIND, columns).values()} == {0}
