"""Columns of Arrow, from arrays and for models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vigie.models.rows import number_in

if TYPE_CHECKING:
    from vigie.models.model_input import Input


def list_array(values: np.ndarray) -> pa.Array:
    """The rows of numbers [rows, size] as lists of 32-bit floats."""
    rows, size = values.shape
    offsets = np.arange(0, rows * size + 1, size, dtype=np.int32)
    flat = pa.array(values.ravel().astype(np.float32, copy=False), pa.float32())
    return pa.ListArray.from_arrays(offsets, flat)


def in_place(
    parts: Sequence[Mapping[str, pa.Array]],
    places: Sequence[int | None],
    fields: Iterable[pa.Field],
) -> dict[str, pa.Array]:
    """The columns of all parts, one behind the other, each row put where `places` asks for it.

    A place is a row of the parts together, or `None` where there is nothing.
    """
    indices = pa.array(places, pa.int32())
    made = {}
    for field in fields:
        found = [part[field.name].cast(field.type) for part in parts]
        whole = pa.concat_arrays(found) if found else pa.nulls(0, field.type)
        made[field.name] = whole.take(indices)
    return made


def values_of(column: pa.Array, item: Input) -> list[Any]:
    """What a caller would have sent for an input, row by row; nothing where a cell is empty.

    Texts become numbers by the rule of `number_in`, for an input that takes some.
    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)
        return column.to_pylist() if item.dtype == "string" else _numbers_in(column)
    if pa.types.is_floating(column.type):
        # a gap, as pandas writes it
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    elif pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    values: list[Any] = column.to_pylist()
    return values


def _numbers_in(texts: pa.Array) -> list[Any]:
    for kind in (pa.int64(), pa.float64()):
        try:
            found = texts.cast(kind)
        except pa.ArrowInvalid:
            continue
        # it reads `nan` and `inf`, which are no numbers of a table
        if kind == pa.int64() or pc.all(pc.is_finite(found)).as_py() is not False:
            values: list[Any] = found.to_pylist()
            return values
    return [None if one is None else number_in(one) for one in texts.to_pylist()]
