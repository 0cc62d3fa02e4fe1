"""Tensors of a logged model get the names, kinds and rows that stand beside it."""

from __future__ import annotations

from typing import Any

import pytest

from vigie.training.imported.inputs import InputTensor
from vigie.training.imported.logged_inputs import columns_of, inputs_of, rows_of
from vigie.training.imported.logged_model import Column, Example

VECTOR = (InputTensor("input_layer", "float32", (2,)),)
NAMED = (Column("age", "int64"), Column("income", "float32"))
TWO = (InputTensor("age", "float32", (1,)), InputTensor("photo", "float32", (2, 2)))


@pytest.mark.parametrize(
    ("tensors", "columns", "names", "split"),
    [
        (VECTOR, NAMED, (), ["age", "income"]),
        (VECTOR, (), ("age", "income"), ["age", "income"]),
        (VECTOR, NAMED[:1], ("a", "b"), ["a", "b"]),
        (VECTOR, (), (), []),
        (VECTOR, (), ("a", "b", "c"), []),
        (VECTOR, (NAMED[0], Column("x", "float32", single=False)), (), []),
        (VECTOR, (NAMED[0], Column("x", "string")), (), []),
        (TWO, NAMED, (), []),
        ((InputTensor("word", "string", (2,)),), NAMED, (), []),
        ((InputTensor("x", "float32", (1,)),), NAMED[:1], (), ["age"]),
    ],
)
def test_one_vector_is_split_by_names_that_fit_it(
    tensors: tuple[InputTensor, ...], columns: tuple[Column, ...], names: tuple[str, ...],
    split: list[str],
) -> None:  # fmt: skip
    found = columns_of(tensors, columns, Example((), names))
    assert [column.name for column in found] == split


def test_whole_numbers_and_flags_stay_what_they_are() -> None:
    columns = (Column("age", "int64"), Column("is sure", "bool"), Column("income", "float32"))
    age, sure, income = inputs_of([InputTensor("x", "float32", (3,))], columns, columns)
    assert (age.dtype, age.tensor, age.limits) == ("int64", "float32", None)
    assert (sure.name, sure.label, sure.dtype, sure.limits) == (
        "is_sure",
        "is sure",
        "int64",
        (0, 1),
    )
    assert (income.dtype, income.limits) == ("float32", None)


def test_names_that_nobody_can_write_become_others_and_stay_apart() -> None:
    names = ["annual income (€)", "annual_income", "2nd", "annual income"]
    columns = tuple(Column(name) for name in names)
    found = inputs_of([InputTensor("x", "float32", (4,))], columns, columns)
    assert [item.name for item in found] == [
        "annual_income", "annual_income_2", "x_2nd", "annual_income_3",
    ]  # fmt: skip
    assert found[0].label == "annual income (€)"


def test_several_inputs_keep_their_names_and_take_the_kinds_of_the_signature() -> None:
    age, photo = inputs_of(TWO, (), (Column("age", "int64"), Column("photo", "int64", False)))
    assert (age.name, age.dtype, age.shape) == ("age", "int64", ())
    assert (photo.name, photo.dtype, photo.shape) == ("photo", "float32", (2, 2))


@pytest.mark.parametrize(
    ("example", "split", "rows"),
    [
        (Example(([40, 3e4], [50, None]), ("age", "income")), True, [{"age": 40, "income": 3e4}]),
        (Example(([40, 3e4], [1], 3)), True, [{"age": 40, "income": 3e4}]),
        (Example(({"age": 40, "income": 3e4},), ("age",)), True, [{"age": 40, "income": 3e4}]),
        (Example(([40.5, 3e4],)), True, []),
    ],
)  # fmt: skip
def test_rows_of_example_are_those_that_the_inputs_take(
    example: Example, split: bool, rows: list[dict[str, Any]]
) -> None:
    assert rows_of(example, inputs_of(VECTOR, NAMED, NAMED), split) == rows


def test_a_vector_without_names_is_a_row_itself() -> None:
    inputs = inputs_of(VECTOR, (), ())
    assert rows_of(Example(([1.0, 2.0], [1.0])), inputs, False) == [{"input_layer": [1.0, 2.0]}]
    table = Example(([1.0, 2.0],), ("a", "b"))
    assert rows_of(table, inputs, False) == [{"input_layer": [1.0, 2.0]}]


def test_rows_of_several_inputs_come_by_name() -> None:
    inputs = inputs_of(TWO, (), ())
    row = [[40], [[1.0, 2.0], [3.0, 4.0]]]
    (found,) = rows_of(Example((row,), ("age", "photo")), inputs, False)
    assert found == {"age": 40, "photo": row[1]}
    assert rows_of(Example((row,)), inputs, False) == []
    assert rows_of(Example(([1, 2],), ("x", "y")), inputs, False) == []
