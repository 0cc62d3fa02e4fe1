"""Columns of many rows become tensors by the rules of `Column`, without an object a row.

Requests are lists, and small; tables are arrays. Numbers are held against the limits of `Column`,
all at once; of all other values each different one is decoded as a request is, and then put where
the rows have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.models.column import Column
from vigie.models.feeds import feeds_of
from vigie.models.number_arrays import are_beyond
from vigie.models.rows import Decoded, Refused

if TYPE_CHECKING:
    from vigie.models.model_input import Input

_ROWS_A_GROUP = 64


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of an input, one a row, int64 or float64: not for inputs that are texts.

    `missing` says which rows have none, `wrong` which have something else: their number is 0.
    """

    values: np.ndarray
    missing: np.ndarray | None = None
    wrong: np.ndarray | None = None

    def at(self, rows: np.ndarray) -> Numbers:
        """Those of some rows."""
        missing, wrong = (one if one is None else one[rows] for one in (self.missing, self.wrong))
        return Numbers(self.values[rows], missing, wrong)


@dataclass(frozen=True, slots=True)
class Distinct:
    """The values of an input as a caller sends them, and the place of that of each row."""

    values: list[Any]
    places: np.ndarray

    @classmethod
    def each(cls, values: list[Any]) -> Distinct:
        """Of values that are not known to be the same anywhere."""
        return cls(values, np.arange(len(values)))

    def at(self, rows: np.ndarray) -> Distinct:
        """Those of some rows, without the values that none of them has."""
        places = self.places[rows]
        used = np.bincount(places, minlength=len(self.values)) > 0
        values = [value for value, kept in zip(self.values, used.tolist(), strict=True) if kept]
        return Distinct(values, (np.cumsum(used) - 1)[places])


Values = Numbers | Distinct


@dataclass(slots=True)
class DecodedArrays:
    """Checked rows: an array per tensor, and what deserves a warning, as in `Decoded`.

    Where `refused` has a row, a mask of all, there are no tensors: decode the others again.
    """

    refused: np.ndarray
    columns: dict[str, Any] = field(default_factory=dict)
    outside: dict[str, np.ndarray] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)


class ArrayDecoder:
    """Checks whole columns against the inputs of one model, as `RowDecoder` does its rows."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._columns = [Column(item) for item in inputs]

    def decode(self, columns: Mapping[str, Values], rows: int) -> DecodedArrays:
        """The values of inputs, of so many rows each; an input that is absent is missing."""
        decoded = DecodedArrays(np.zeros(rows, bool))
        for column in self._columns:
            values = columns.get(column.name)
            if values is None:
                values = Distinct([None], np.zeros(rows, np.intp))
            if isinstance(values, Numbers):
                _take_numbers(column, values, decoded)
            else:
                _take_distinct(column, values, decoded)
        return decoded


def _take_numbers(column: Column, given: Numbers, decoded: DecodedArrays) -> None:
    values = given.values
    missing = np.zeros(len(values), bool) if given.missing is None else given.missing
    refused = are_beyond(values, column.low, column.high)
    if column.item.integral and values.dtype.kind == "f":
        refused |= values != np.floor(values)
    refused = refused | missing if column.item.required else refused & ~missing
    if given.wrong is not None:
        refused = refused | given.wrong
    decoded.refused |= refused
    if decoded.refused.any():
        return
    outside = np.flatnonzero(are_beyond(values, column.seen_low, column.seen_high) & ~missing)
    if len(outside):
        decoded.outside[column.name] = outside
    # a Python integer becomes a 32-bit float by way of a 64-bit one, too
    kept = values.astype(np.int64 if column.item.tensor == "int64" else np.float64, copy=False)
    if column.indicator:
        decoded.columns[column.indicator] = missing.astype(np.float32)
    if many := int(np.count_nonzero(missing)):
        decoded.missing[column.name] = many
        kept = np.where(missing, np.asarray(column.fill).astype(kept.dtype), kept)
    decoded.columns[column.name] = kept


def _take_distinct(column: Column, given: Distinct, decoded: DecodedArrays) -> None:
    one = Decoded(len(given.values), {})
    try:
        column.take(given.values, one)
    except Refused:
        decoded.refused |= _mask(_refused_places(column, given.values), one.rows)[given.places]
        return
    if decoded.refused.any():
        return
    for name, tensor in feeds_of([column.item], one.columns).items():
        decoded.columns[name] = tensor[given.places]
    for name, places in one.outside.items():
        decoded.outside[name] = np.flatnonzero(_mask(places, one.rows)[given.places])
    if one.missing:
        gaps = [place for place, value in enumerate(given.values) if value is None]
        many = np.count_nonzero(_mask(gaps, one.rows)[given.places])
        decoded.missing[column.name] = int(many)


def _mask(places: Sequence[int], size: int) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[places] = True
    return mask


def _refused_places(column: Column, values: list[Any]) -> list[int]:
    """Which values are refused. Those that are right are looked at in groups."""
    return [
        place
        for start in range(0, len(values), _ROWS_A_GROUP)
        for place in _refused_in(column, values[start : start + _ROWS_A_GROUP], start)
    ]


def _refused_in(column: Column, group: list[Any], start: int) -> Iterator[int]:
    if not _is_taken(column, group):
        for place, value in enumerate(group, start):
            if not _is_taken(column, [value]):
                yield place


def _is_taken(column: Column, values: list[Any]) -> bool:
    try:
        column.take(values, Decoded(len(values), {}))
    except Refused:
        return False
    return True
