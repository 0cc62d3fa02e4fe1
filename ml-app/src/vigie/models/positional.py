"""Rows that are lists: the values of a model's inputs without their names, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigie.errors import FieldError, InvalidInput
from vigie.models.wording import kind_of

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.rows import Columns

_MOST_NAMES = 20


def takes_lists(inputs: Mapping[str, Input]) -> bool:
    """True where a list can stand for a row: single values alone, or one input of any shape."""
    return len(inputs) == 1 or all(item.single for item in inputs.values())


def columns_by_place(inputs: Mapping[str, Input], rows: Sequence[Any]) -> Columns:
    """The columns of such rows; of a model with one input of a shape, each row is its value.

    `InvalidInput` with a field error of no field where a row has another number of values.
    """
    items = list(inputs.values())
    if len(items) == 1 and not items[0].single:
        return {items[0].name: list(rows)}
    for index, row in enumerate(rows):
        if type(row) is not list or len(row) != len(items):
            got = f"{len(row)} values" if type(row) is list else kind_of(row)
            wrong = FieldError(index, "", in_order(inputs), got)
            raise InvalidInput("A row has another number of values than the model.", (wrong,))
    return dict(zip(inputs, map(list, zip(*rows, strict=True)), strict=True))


def in_order(inputs: Mapping[str, Input]) -> str:
    """How many values a row has, and which, in one phrase."""
    names = list(inputs)
    shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    return f"{len(names)} values in this order: {shown}"
