"""Many numbers are taken, refused and fed to a graph as they are one by one in a list."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.json_rows import require_same
from support.kinds_of_input import EVERY_KIND, an_input
from vigie.errors import InvalidInput
from vigie.models import column
from vigie.models.decoding import RowDecoder
from vigie.models.model_input import Input
from vigie.models.rows import Decoded

LIMITED = [
    an_input(limits=[-5, 2**53], range=[0, 3]),
    an_input(dtype="int64", limits=[0, 1e30], range=[1, 1e20]),
    an_input(dtype="int64", tensor="int64", limits=[None, 2**62], range=[-(2**60), 2**61]),
    an_input(dtype="int64", required=False, missing={"fill": 2.5, "indicator": "x_gone"}),
    an_input(dtype="int64", limits=[0, 1], required=False, missing={"fill": 0}),
    an_input(required=False, missing={"fill": 3}, range=[0, 1]),
]
NUMERIC = [item for item in EVERY_KIND if item.tensor != "string" or item.dtype == "int64"]
INPUTS = [item.model_copy(update={"name": "x"}) for item in NUMERIC] + LIMITED
NUMBERS = st.sampled_from(
    [0, 1, 2, 1.0, 2.0, 0.5, -0.0, -1, 3, 9, 10, 2**53, 2**53 - 1, 2**53 + 1, -(2**53) - 1, 2**62,
     2**62 + 1, 2**63 - 1, 2**63, 2**64, 10**40, 1e16, 1e18, 1e39, -1e39, 3.4e38, 5e-324, True,
     False, None, math.nan, math.inf, "1", [1.0]]
)  # fmt: skip
PLAIN = st.sampled_from([0, 1, 2, 1.0, 2.0, 0.5, 3])
EXACT = st.sampled_from([0, 1, 1.0, 2**53 + 1, 2**53 - 1, 2**60 + 1, 9.0e15])


def taken(item: Input, values: Any, rows: int) -> Decoded | tuple[object, ...]:
    try:
        return RowDecoder([item]).decode_columns({"x": values}, rows)
    except InvalidInput as refused:
        return refused.fields


def require_as_in_a_list(
    item: Input, values: Any, listed: list[Any], patch: pytest.MonkeyPatch
) -> None:
    found = taken(item, values, len(listed))
    with patch.context() as lists:
        lists.setattr(column, "LEAST_NUMBERS", math.inf)
        expected = taken(item, listed, len(listed))
    if isinstance(found, tuple) or isinstance(expected, tuple):
        assert found == expected
    else:
        require_same(found, expected, [item])


@pytest.mark.parametrize("place", range(len(INPUTS)))
def test_a_long_column_says_what_a_list_says(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    item = INPUTS[place]
    shape = math.prod(item.shape)

    @effort(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(PLAIN, min_size=16, max_size=24) | st.lists(EXACT, min_size=16, max_size=20),
        st.lists(NUMBERS | PLAIN, max_size=2),
        st.integers(0, 15),
    )
    def holds(plain: list[Any], odd: list[Any], at: int) -> None:
        values = [*plain[:at], *odd, *plain[at:]]
        if item.shape:
            rows = [values[start : start + shape] for start in range(0, len(values), shape)]
            values = [_nested(row, item.shape) for row in rows]
        require_as_in_a_list(item, values, values, monkeypatch)

    holds()


def _nested(values: list[Any], shape: tuple[int, ...]) -> list[Any]:
    for size in reversed(shape[1:]):
        values = [values[start : start + size] for start in range(0, len(values), size)]
    return values


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u8"])
@pytest.mark.parametrize("rows", [1, 20])
def test_an_array_says_what_its_list_says(
    dtype: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = np.dtype(dtype)
    ends = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    odd: list[float] = [ends.max, ends.min, 0, 1, 2]
    odd += [0.5, np.nan, np.inf] if kind.kind == "f" else []
    for item in INPUTS:
        if item.tensor == "string":
            continue
        size = rows * math.prod(item.shape)
        for number in odd:
            flat = np.ones(size, kind)
            flat[-1] = number
            values = flat.reshape(rows, *item.shape)
            require_as_in_a_list(item, values, values.tolist(), monkeypatch)


def test_an_array_of_another_shape_is_refused() -> None:
    (vector,) = (item for item in INPUTS if item.shape == (3,))
    assert isinstance(taken(vector, np.ones((20, 4)), 20), tuple)
    assert isinstance(taken(vector, np.ones((19, 3)), 20), tuple)
    assert isinstance(taken(vector, np.ones((20, 3)), 20), Decoded)


def test_many_numbers_become_arrays() -> None:
    dtypes = {}
    for item in (an_input(), an_input(dtype="int64"), LIMITED[5]):
        found = taken(item, [None if not item.required else 1, *[1] * 16], 17)
        assert isinstance(found, Decoded)
        dtypes[item.dtype, item.required] = found.columns["x"].dtype
    assert dtypes == {
        ("float32", True): np.float64,
        ("int64", True): np.int64,
        ("float32", False): np.float64,
    }
