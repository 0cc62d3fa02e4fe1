"""Rows of several requests become one, in lists or in arrays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.json_rows import require_same
from support.packages import HOUSING_INPUTS
from vigie.models.compiled import CompiledRows
from vigie.models.decoding import RowDecoder
from vigie.models.model_input import Input
from vigie.models.row_forms import Form
from vigie.models.rows import Decoded

INPUTS = [Input.model_validate(item) for item in HOUSING_INPUTS]
HOME: dict[str, Any] = {"surface_m2": 54.5, "rooms": 3, "property_type": "apartment"}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "surface_m2": st.sampled_from([54, 54.5, 900, 12.0]),
            "rooms": st.sampled_from([1, 3, 3.0, 40]),
            "property_type": st.sampled_from(["apartment", "house"]),
        },
        optional={
            "land_m2": st.sampled_from([None, 0, 10.5, 99999]),
            "district": st.sampled_from([None, 1, "2", 9]),
        },
    ),
    min_size=1,
    max_size=3,
)


def decoded(rows: list[dict[str, Any]]) -> Decoded:
    """As the service decodes them: quickly where it can."""
    quick = CompiledRows(INPUTS).read(json.dumps(rows).encode(), Form("objects"), 1000)
    return quick or RowDecoder(INPUTS).decode(rows)


@effort(max_examples=100, deadline=None)
@given(st.lists(st.tuples(ROWS, st.sampled_from([1, 1, 10])), min_size=1, max_size=4))
def test_rows_together_are_those_of_all_parts(parts: list[tuple[list[Any], int]]) -> None:
    rows = [some * times for some, times in parts]
    joined = Decoded.joined([decoded(some) for some in rows])
    whole = RowDecoder(INPUTS).decode([row for some in rows for row in some])
    if len(rows) > 1:
        whole.outside = {}
    require_same(joined, whole, INPUTS)


def test_one_part_is_itself_and_parts_stay_as_they_are() -> None:
    one, other = decoded([HOME]), decoded([HOME] * 2)
    assert Decoded.joined([one]) is one
    joined = Decoded.joined([one, other, one])
    assert joined.rows == 4
    assert joined.columns["rooms"] == [3] * 4
    assert joined.missing == {"land_m2": 4, "district": 4}
    assert one.columns["rooms"] == [3]
    assert one.missing == {"land_m2": 1, "district": 1}


def test_figures_and_pixels_of_photos_go_one_after_another() -> None:
    pixels = [np.full((2, 2, 3), place, np.uint8) for place in range(3)]
    parts = [
        Decoded(1, {"photo": pixels[:1]}, figures={"photo": [(1.0,)]}),
        Decoded(2, {"photo": pixels[1:]}, figures={"photo": [(2.0,), (3.0,)]}),
    ]
    joined = Decoded.joined(parts)
    assert [int(one[0, 0, 0]) for one in joined.columns["photo"]] == [0, 1, 2]
    assert joined.figures == {"photo": [(1.0,), (2.0,), (3.0,)]}


@pytest.mark.parametrize(
    ("columns", "dtype"),
    [
        ([np.array([1.5]), np.array([2.5])], np.float64),
        ([np.array([1.5]), [2]], np.float64),
        ([[1.0], np.zeros(1, np.float32)], np.float64),
        ([[3], np.array([2**62 + 1])], np.int64),
        ([np.array([3]), [2.5]], None),
        ([np.array([3]), [2**70]], None),
        ([np.array([2**62 + 1]), np.array([0.5])], None),
        ([["a"], ["b"]], None),
    ],
)
def test_no_value_becomes_another(columns: list[Any], dtype: Any) -> None:
    parts = [Decoded(len(one), {"x": one}) for one in columns]
    joined = Decoded.joined(parts).columns["x"]
    plain = [one.tolist() if isinstance(one, np.ndarray) else one for one in columns]
    if dtype is None:
        assert joined == plain[0] + plain[1]
    else:
        assert joined.dtype == dtype
        assert joined.tolist() == plain[0] + plain[1]
