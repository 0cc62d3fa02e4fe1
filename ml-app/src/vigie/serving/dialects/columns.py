"""What the dialects of tensors have in common: columns, checked, and errors in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import FieldError, InvalidInput
from vigie.models.decoding import NO_SUCH_INPUT
from vigie.models.positional import columns_by_place, takes_lists

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.rows import Decoded
    from vigie.serving.runtime.loaded_model import LoadedModel

Point = Callable[[FieldError], str]
"""Where a field stands in the caller's body: `inputs.rooms[2]`."""

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class MostRows:
    """The most rows of a request, and fewer where each of them has photos."""

    rows: int
    photos: int

    def of(self, live: LoadedModel) -> int:
        """The most that this version takes at once."""
        return self.photos if live.images else self.rows


def check_rows(rows: int, most: int, where: str) -> None:
    """Refuses an empty batch and one above the limit."""
    if not 1 <= rows <= most:
        raise wrong(where, f"1 to {most} rows", f"{rows} rows")


def wrong(where: str, expected: str, got: str) -> InvalidInput:
    """An error at one place of the body."""
    return InvalidInput(f"{where}: expected {expected}, got {got}")


def checked_columns(
    live: LoadedModel, columns: Mapping[str, list[Any] | np.ndarray], rows: int, point: Point
) -> Decoded:
    """The columns against the version's inputs, with lists of one value taken for the value."""
    inputs = live.inputs
    given = {
        name: _unwrapped(values, inputs[name]) if name in inputs else values
        for name, values in columns.items()
    }
    try:
        return live.predictor.decoder.decode_columns(given, rows)
    except InvalidInput as invalid:
        raise pointed(invalid, point) from None


def gathered(live: LoadedModel, rows: Sequence[Any], point: Point) -> dict[str, list[Any]]:
    """Rows that are objects, as columns."""
    names = live.inputs.keys()
    if all(type(row) is dict and row.keys() <= names for row in rows):
        return {name: [row.get(name) for row in rows] for name in names}
    try:
        live.predictor.decoder.decode(rows)
    except InvalidInput as invalid:
        raise pointed(invalid, point) from None
    raise AssertionError("a decoder takes no unknown input and no row but objects")


def unnamed(live: LoadedModel, rows: list[Any], where: str) -> dict[str, list[Any]]:
    """Rows without names, as columns: values of the one input, or lists in the inputs' order."""
    inputs = live.inputs
    if len(inputs) == 1:
        return {next(iter(inputs)): rows}
    if not (takes_lists(inputs) and type(rows[0]) is list):
        names = ", ".join(inputs)
        raise wrong(where, f"values by input name ({names})", "values without names")
    try:
        return columns_by_place(inputs, rows)
    except InvalidInput as invalid:
        raise pointed(invalid, lambda one: f"{where}[{one.row}]") from None


def place_of(live: LoadedModel, where: str, one: FieldError) -> str:
    """Where a value without a name stands, and the name of its input where there are several."""
    place = f"{where}[{one.row}]"
    if len(live.inputs) == 1:
        return place
    return f"{place}[{list(live.inputs).index(one.field)}] ({one.field})"


def pointed(invalid: InvalidInput, point: Point) -> InvalidInput:
    """The first of the field errors in one sentence, each with its place in the body."""
    shown = [f"{point(one)}: {_what(one)}" for one in invalid.fields[:_MOST_SHOWN]]
    more = len(invalid.fields) - len(shown)
    return InvalidInput("; ".join(shown) + (f"; and {more} more" if more else ""), invalid.fields)


def _what(one: FieldError) -> str:
    if one.expected == NO_SUCH_INPUT:
        return one.expected
    return f"expected {one.expected}, got {one.got}"


def _unwrapped(values: list[Any] | np.ndarray, item: Input) -> list[Any] | np.ndarray:
    """Values of a scalar input, also from a tensor of shape [rows, 1]."""
    if isinstance(values, np.ndarray) or not item.single or list not in set(map(type, values)):
        return values
    return [value[0] if type(value) is list and len(value) == 1 else value for value in values]
