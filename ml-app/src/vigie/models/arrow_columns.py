"""Columns of Arrow as the values of a model's inputs, read as the rows of a table are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vigie.models.array_decoding import Distinct, Numbers
from vigie.models.number_arrays import MOST_EXACT
from vigie.models.rows import number_in

if TYPE_CHECKING:
    from vigie.models.array_decoding import Values
    from vigie.models.model_input import Input

_PLAIN = r"^-?[0-9]{1,15}(\.[0-9]{0,15})?([eE][+-]?[0-9]{1,2})?$"
"""Numbers that Arrow reads as `number_in` does."""


def arrays_of(column: pa.Array, item: Input) -> Values:
    """What `values_of` gives for an input that is one value, as arrays."""
    kind = column.type
    if item.shape or pa.types.is_nested(kind) or pa.types.is_null(kind):
        return Distinct.each(values_of(column, item))
    if item.tensor == "string":
        return _distinct(column, item)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _numbers_in(column, item)
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return _numbers(column.cast(pa.float64()))
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return _numbers(column.cast(pa.int64()))
    return _distinct(column, item)


def values_of(column: pa.Array, item: Input) -> list[Any]:
    """What a caller would have sent for an input, row by row; nothing where a cell is empty.

    Texts become numbers by the rule of `number_in`, for an input that takes some.
    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = [one or None for one in column.to_pylist()]
        if item.dtype == "string":
            return texts
        return [one if one is None else number_in(one) for one in texts]
    if pa.types.is_floating(column.type):
        # a gap, as pandas writes it
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    elif pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    values: list[Any] = column.to_pylist()
    return values


def _distinct(column: pa.Array, item: Input) -> Distinct:
    encoded = column.dictionary_encode(null_encoding="encode")
    return Distinct(values_of(encoded.dictionary, item), encoded.indices.to_numpy())


def _numbers(column: pa.Array) -> Numbers:
    """The numbers of int64 or float64; a NaN is a gap, as pandas writes it."""
    missing = column.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
    values = column.fill_null(0).to_numpy()
    if not missing.any():
        return Numbers(values)
    return Numbers(np.where(missing, values.dtype.type(0), values), missing)


def _numbers_in(texts: pa.Array, item: Input) -> Values:
    empty = pc.equal(texts, "")
    if pc.any(empty).as_py():
        texts = pc.if_else(empty, pa.scalar(None, texts.type), texts)
    try:
        cast = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        cast = None
    # it reads `nan` and `inf`, which are no numbers of a table
    if cast is not None and pc.all(pc.is_finite(cast)).as_py() is not False:
        found = _numbers(cast)
    else:
        found = _numbers_by_spelling(texts)
    if item.integral and np.abs(found.values).max(initial=0) >= MOST_EXACT:
        return _distinct(texts, item)
    return found


def _numbers_by_spelling(texts: pa.Array) -> Numbers:
    """The plain ones all at once, each other one alone."""
    plain = pc.match_substring_regex(texts, _PLAIN)
    found = pc.if_else(plain, texts, pa.scalar(None, texts.type)).cast(pa.float64())
    values = found.fill_null(0).to_numpy().copy()
    wrong = np.zeros(len(values), bool)
    odd = pc.indices_nonzero(pc.invert(plain))
    for row, text in zip(odd.to_pylist(), texts.take(odd).to_pylist(), strict=True):
        number = number_in(text)
        if isinstance(number, str):
            wrong[row] = True
        else:
            values[row] = number
    return Numbers(values, texts.is_null().to_numpy(zero_copy_only=False), wrong)
