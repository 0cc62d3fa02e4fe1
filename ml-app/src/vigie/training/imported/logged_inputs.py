"""The inputs of a model that was logged without Vigie: its tensors, named by what stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vigie.errors import InvalidInput
from vigie.models.decoding import RowDecoder
from vigie.models.model_input import Input
from vigie.training.imported.inputs import InputTensor, describe_inputs, safe_name
from vigie.training.imported.logged_model import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vigie.training.imported.logged_model import Example


def columns_of(
    tensors: Sequence[InputTensor], columns: Sequence[Column], example: Example
) -> tuple[Column, ...]:
    """Names for the numbers of the one vector that a model takes; none where there are none."""
    if len(tensors) != 1 or len(tensors[0].shape) != 1 or tensors[0].dtype == "string":
        return ()
    for found in (tuple(columns), tuple(Column(name) for name in example.names)):
        fits = all(column.single and column.kind != "string" for column in found)
        if fits and (len(found),) == tensors[0].shape:
            return found
    return ()


def inputs_of(
    tensors: Sequence[InputTensor], split: Sequence[Column], columns: Sequence[Column]
) -> tuple[Input, ...]:
    """The inputs of the package: one a column where a vector is `split`, else one a tensor."""
    if split:
        names = _safe_names([column.name for column in split])
        parts = [InputTensor(name, tensors[0].dtype, ()) for name in names]
        plain = describe_inputs(parts)
        return tuple(_refined(item, column) for item, column in zip(plain, split, strict=True))
    known = {safe_name(column.name): column for column in columns}
    return tuple(
        _refined(item, known[item.name]) if item.name in known else item
        for item in describe_inputs(tensors)
    )


def _safe_names(names: Sequence[str]) -> list[str]:
    """Names that callers can write, each another: `annual income` and `annual_income_` are two."""
    taken: list[str] = []
    for name in names:
        safe, count = safe_name(name), 2
        while safe in taken:
            safe, count = f"{safe_name(name)}_{count}", count + 1
        taken.append(safe)
    return taken


def _refined(item: Input, column: Column) -> Input:
    """The input under the label of its column; whole numbers and flags stay what they are."""
    changes: dict[str, Any] = {"label": column.name.replace("_", " ")}
    if column.kind in ("int64", "bool") and item.dtype == "float32" and not item.shape:
        changes |= {"dtype": "int64", "example": 1}
    if column.kind == "bool" and not item.shape and item.dtype != "string":
        changes |= {"limits": (0, 1), "example": 1}
    return Input.model_validate({**item.model_dump(), **changes})


def rows_of(example: Example, inputs: Sequence[Input], split: bool) -> list[dict[str, Any]]:
    """The logged rows as callers would send them, without those that the inputs do not take."""
    decoder = RowDecoder(inputs)
    places = {name: place for place, name in enumerate(example.names)}
    rows = []
    for logged in example.rows:
        row = _row(logged, inputs, places, split)
        if row is not None and _is_taken(decoder, row):
            rows.append(row)
    return rows


def _row(
    logged: Any, inputs: Sequence[Input], places: Mapping[str, int], split: bool
) -> dict[str, Any] | None:
    if isinstance(logged, dict):
        by_name = {safe_name(name): _plain(value) for name, value in logged.items()}
        return {item.name: by_name.get(item.name) for item in inputs}
    if split:
        fits = isinstance(logged, list) and len(logged) == len(inputs)
        return _zipped(inputs, logged) if fits else None
    if not places:
        return {inputs[0].name: _value(logged, inputs[0])} if len(inputs) == 1 else None
    if not isinstance(logged, list) or len(logged) != len(places):
        return None
    found = {safe_name(name): logged[place] for name, place in places.items()}
    if not all(item.name in found for item in inputs):
        # one vector, and a table whose columns fit it by their number alone
        return {inputs[0].name: _value(logged, inputs[0])} if len(inputs) == 1 else None
    return {item.name: _value(found[item.name], item) for item in inputs}


def _zipped(inputs: Sequence[Input], values: Sequence[Any]) -> dict[str, Any]:
    return {item.name: _value(value, item) for item, value in zip(inputs, values, strict=True)}


def _value(value: Any, item: Input) -> Any:
    """A single value, also from a list of one."""
    if not item.shape and isinstance(value, list) and len(value) == 1:
        value = value[0]
    return _plain(value)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _is_taken(decoder: RowDecoder, row: dict[str, Any]) -> bool:
    try:
        decoder.decode([row])
    except InvalidInput:
        return False
    return True
