"""Rows that are lists: which models take them, as what, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest

from vigie.errors import InvalidInput
from vigie.models.model_input import Input
from vigie.models.positional import columns_by_place, in_order, takes_lists


def named(*names: str, shape: tuple[int, ...] = ()) -> dict[str, Input]:
    return {
        name: Input(
            name=name, label=name, dtype="float32", tensor="float32", shape=shape, example=1
        )
        for name in names
    }


@pytest.mark.parametrize(
    ("inputs", "taken"),
    [
        (named("age", "income"), True),
        (named("age"), True),
        (named("vector", shape=(2,)), True),
        (named("age") | named("vector", shape=(2,)), False),
    ],
)
def test_lists_stand_for_single_values_or_for_the_one_input(
    inputs: dict[str, Input], taken: bool
) -> None:
    assert takes_lists(inputs) is taken


def test_values_go_to_the_inputs_in_their_order() -> None:
    rows = [[40, 3e4], [None, 2e4]]
    expected = {"age": [40, None], "income": [3e4, 2e4]}
    assert columns_by_place(named("age", "income"), rows) == expected


def test_a_row_is_the_value_of_the_one_input_with_a_shape() -> None:
    rows = [[1.0, 2.0], [3.0]]
    assert columns_by_place(named("vector", shape=(2,)), rows) == {"vector": rows}


@pytest.mark.parametrize(
    ("rows", "row", "got"),
    [([[1, 2], [1]], 1, "1 values"), ([[1, 2, 3]], 0, "3 values"), ([[1, 2], {}], 1, "object")],
)
def test_a_wrong_length_says_how_many_in_which_order(rows: list[Any], row: int, got: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        columns_by_place(named("age", "income"), rows)
    (wrong,) = caught.value.fields
    assert (wrong.row, wrong.field, wrong.got) == (row, "", got)
    assert wrong.expected == "2 values in this order: age, income"


def test_a_long_order_is_cut_short() -> None:
    names = [f"x{place}" for place in range(30)]
    assert in_order(named(*names)).endswith("x18, x19, …")
