"""Types for msgspec that say what a row is that needs no second look.

What they refuse may still be right: a value that training never saw, a flag that is `1.0`, a text
that spells an integer. Such rows are for `RowDecoder`, and so is what is wrong with others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vigie.models.number_arrays import MOST_EXACT
from vigie.models.number_limits import FLOAT32_MAX, INT64_MAX

if TYPE_CHECKING:
    from vigie.models.model_input import Input

_SPELLED = re.compile("0|-?[1-9][0-9]{0,18}")
"""As Python spells an integer."""

# types that are made here cannot be written as types
_annotated: Any = Annotated
_literal: Any = Literal
_list: Any = list
_tuple: Any = tuple


def value_type(item: Input, seen: bool) -> Any:
    """The type of one value of an input; `None` for those that have none, as photos have not.

    With `seen`, what training never saw is left out, and so is an integer that is written `3.0`.
    """
    leaf = _leaf_type(item, seen)
    if leaf is None:
        return None
    for size in reversed(item.shape):
        leaf = _annotated[_list[leaf], Meta(min_length=size, max_length=size)]
    return leaf if item.required else leaf | None


def row_type(inputs: Sequence[Input], types: Sequence[Any]) -> Any:
    """The type of a row that is an object, with the value of each input as an attribute."""
    return _object_type("Row", inputs, types)


def columns_type(inputs: Sequence[Input], types: Sequence[Any]) -> Any:
    """The type of an object with a list of all rows per input, `None` where there is none."""
    lists = [
        _list[one] if item.required else _list[one] | None
        for item, one in zip(inputs, types, strict=True)
    ]
    return _object_type("Columns", inputs, lists)


def listed_row_type(types: Sequence[Any]) -> Any:
    """The type of a row that is a list of the values of all inputs."""
    return _tuple[tuple(types)]


def _object_type(name: str, inputs: Sequence[Input], types: Sequence[Any]) -> Any:
    # attributes have names of their own: those of inputs may be words of Python
    fields: list[Any] = []
    for place, (item, one) in enumerate(zip(inputs, types, strict=True)):
        field = (f"value_{place}", one)
        fields.append(field if item.required else (*field, None))
    names = {f"value_{place}": item.name for place, item in enumerate(inputs)}
    return msgspec.defstruct(
        name, fields, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False
    )


def _leaf_type(item: Input, seen: bool) -> Any:
    if item.is_image:
        return None
    if item.tensor != "string":
        return _number_type(item, seen)
    if not item.integral:
        listed = item.choices is not None and (seen or item.choices.closed)
        return _literal[item.choices.values] if item.choices and listed else str
    return None if item.shape else _code_type(item, seen)


def _code_type(item: Input, seen: bool) -> Any:
    """An integer that becomes a text; of those that have choices, the choices that spell one."""
    if item.choices is None or not (seen or item.choices.closed):
        return _whole_type(-INT64_MAX, INT64_MAX)
    codes = [int(text) for text in item.choices.values if _SPELLED.fullmatch(text)]
    taken = tuple(code for code in codes if -INT64_MAX <= code <= INT64_MAX)
    return _literal[taken] if taken else None


def _number_type(item: Input, seen: bool) -> Any:
    low, high = item.bounds
    if seen and not item.shape:
        seen_low, seen_high = item.range or (-FLOAT32_MAX, FLOAT32_MAX)
        low, high = max(low, seen_low), min(high, seen_high)
    # above it an integer comes to a 32-bit float by way of a 64-bit one
    most = INT64_MAX if item.tensor == "int64" else MOST_EXACT
    whole = _whole_type(max(low, -most), min(high, most))
    if not item.integral:
        return whole | _annotated[float, Meta(ge=low, le=high)]
    if item.shape or (seen and not item.flag):
        return whole
    if seen:
        return whole | bool
    point = _annotated[float, Meta(ge=max(low, -MOST_EXACT), le=min(high, MOST_EXACT))]
    return whole | point | bool if item.flag else whole | point


def _whole_type(low: float, high: float) -> Any:
    return _annotated[int, Meta(ge=math.ceil(low), le=math.floor(high))]
