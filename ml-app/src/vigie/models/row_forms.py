"""The forms in which rows stand in JSON: the type of each for msgspec, and what makes columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec.structs import astuple

from vigie.models.positional import takes_lists
from vigie.models.quick_columns import QuickColumns
from vigie.models.row_types import columns_type, listed_row_type, row_type

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.rows import Decoded

Kind = Literal["object", "objects", "lists", "values", "columns"]
Make = Callable[[QuickColumns, Any, int], "Decoded | None"]
"""Columns of what was read, where it has at most so many rows; `ValueError` for others too."""

# a type that is made here cannot be written as one
_list: Any = list


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """How rows stand in a body: as one object, or a list of objects, of lists or of plain values.

    `columns` is an object with a list per input. With a `member`, that is in an object which has
    nothing else but what is `beside`: optional members by their types.
    """

    kind: Kind
    member: str | None = None
    beside: tuple[tuple[str, Any], ...] = ()


USUAL = Form("objects", "instances")
"""What most callers send: `{"instances": [{…}, …]}`."""


def form_type(
    form: Form, inputs: Mapping[str, Input], types: Sequence[Any]
) -> tuple[Any, Make] | None:
    """The type of a body of this form, and what makes columns; `None` where there is none."""
    made = _rows_type(form.kind, inputs, types)
    if made is None or form.member is None:
        return made
    body = msgspec.defstruct(
        "Body",
        [("rows", made[0]), *((name, one, None) for name, one in form.beside)],
        rename={"rows": form.member},
        forbid_unknown_fields=True,
        gc=False,
    )
    return body, made[1]


def table_type(
    names: Sequence[str], inputs: Mapping[str, Input], types: Sequence[Any]
) -> tuple[Any, Make] | None:
    """The same of a list of lists with the values of the inputs of these names, in their order."""
    places = {name: place for place, name in enumerate(names)}
    absent = inputs.keys() - places.keys()
    known = len(places) == len(names) > 0 and places.keys() <= inputs.keys()
    if not known or any(inputs[name].required for name in absent):
        return None
    by_name = dict(zip(inputs, types, strict=True))
    rows = _list[listed_row_type([by_name[name] for name in names])]
    return rows, partial(_of_table, [places.get(name) for name in inputs])


def _rows_type(
    kind: Kind, inputs: Mapping[str, Input], types: Sequence[Any]
) -> tuple[Any, Make] | None:
    items = list(inputs.values())
    alone = len(items) == 1
    if kind == "object":
        return row_type(items, types), _of_object
    if kind == "objects":
        return _list[row_type(items, types)], _of_objects
    if kind == "columns":
        return columns_type(items, types), _of_columns
    if kind == "lists" and takes_lists(inputs):
        if alone and items[0].shape:
            return _list[types[0]], _of_values
        return _list[listed_row_type(types)], _of_lists
    if kind == "values" and alone and not items[0].shape:
        return _list[types[0]], _of_values
    return None


def _of_object(columns: QuickColumns, row: Any, most: int) -> Decoded | None:
    return columns.one(astuple(row))


def _of_objects(columns: QuickColumns, rows: list[Any], most: int) -> Decoded | None:
    if len(rows) == 1:
        return columns.one(astuple(rows[0]))
    return _of_lists(columns, list(map(astuple, rows)), most)


def _of_lists(columns: QuickColumns, rows: list[tuple[Any, ...]], most: int) -> Decoded | None:
    if not 1 <= len(rows) <= most:
        return None
    if len(rows) == 1:
        return columns.one(rows[0])
    return columns.many(zip(*rows, strict=True), len(rows))


def _of_values(columns: QuickColumns, values: list[Any], most: int) -> Decoded | None:
    return columns.many([values], len(values)) if 1 <= len(values) <= most else None


def _of_columns(columns: QuickColumns, found: Any, most: int) -> Decoded | None:
    """An input that is absent is missing in every row."""
    given = astuple(found)
    sizes = {len(values) for values in given if values is not None}
    if len(sizes) != 1 or not 1 <= (rows := sizes.pop()) <= most:
        return None
    nothing = [None] * rows
    return columns.many([nothing if values is None else values for values in given], rows)


def _of_table(
    places: list[int | None], columns: QuickColumns, rows: list[tuple[Any, ...]], most: int
) -> Decoded | None:
    """`places` says where each input stands in a row; one that does not is missing."""
    if not 1 <= len(rows) <= most:
        return None
    given = list(zip(*rows, strict=True))
    nothing = [None] * len(rows)
    return columns.many([nothing if p is None else given[p] for p in places], len(rows))
