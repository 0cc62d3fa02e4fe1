"""Columns of rows that `row_types` took: what these looked at is not looked at again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from struct import pack
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from vigie.models.number_arrays import LEAST_NUMBERS, dtype_of
from vigie.models.rows import Decoded

if TYPE_CHECKING:
    from vigie.models.model_input import Input

_INTEGERS = frozenset({int, type(None)})


class QuickColumns:
    """Puts the values of rows into the columns of a model's tensors, as `RowDecoder` does.

    With `seen` all of them are known to be like those of training.
    """

    def __init__(self, inputs: Sequence[Input], seen: bool) -> None:
        self._columns = [_QuickColumn(item, seen) for item in inputs]
        self._names = [item.name for item in inputs]
        self._special = [None if one.is_plain else one for one in self._columns]

    def one(self, values: Iterable[Any]) -> Decoded:
        """A row, with the value of each input in their order."""
        decoded = Decoded(1, {}, {}, {}, {})
        columns = decoded.columns
        for name, special, value in zip(self._names, self._special, values, strict=True):
            if special is None:
                columns[name] = [value]
            else:
                special.take_one(value, decoded)
        return decoded

    def many(self, columns: Iterable[Sequence[Any]], rows: int) -> Decoded:
        """Rows, with the values of each input in their order. `ValueError` for what is no row."""
        decoded = Decoded(rows, {}, {}, {}, {})
        for column, values in zip(self._columns, columns, strict=True):
            column.take(values, decoded)
        return decoded


class _QuickColumn:
    """The values of one input, of all rows at once."""

    def __init__(self, item: Input, seen: bool) -> None:
        self._name = item.name
        self._optional = not item.required
        self._fill = item.missing.fill if item.missing else None
        self._indicator = item.missing.indicator if item.missing else None
        self._depth = len(item.shape)
        self._convert = _conversion_of(item, seen)
        self._outside = None if seen else _outside_of(item)
        self._dtype = dtype_of(item)
        self.is_plain = not (self._optional or self._depth or self._convert or self._outside)

    def take_one(self, value: Any, decoded: Decoded) -> None:
        """Adds the column of one row."""
        if self._depth:
            self.take((value,), decoded)
            return
        name = self._name
        if value is None:
            decoded.columns[name] = [self._fill]
            decoded.missing[name] = 1
        else:
            values = [value] if self._convert is None else self._convert((value,))
            if self._outside is not None and self._outside(values):
                decoded.outside[name] = [0]
            decoded.columns[name] = values
        if self._indicator is not None:
            decoded.columns[self._indicator] = [1.0 if value is None else 0.0]

    def take(self, values: Sequence[Any], decoded: Decoded) -> None:
        """Adds the column, and the indicator of what is missing."""
        if self._convert is not None:
            values = self._convert(values)
        if self._outside is not None and (outside := self._outside(values)):
            decoded.outside[self._name] = outside
        many = len(values) >= LEAST_NUMBERS
        if self._optional:
            values = self._filled(values, many, decoded)
        if self._dtype is not None and self._depth:
            decoded.columns[self._name] = np.array(values, self._dtype).ravel()
        elif self._dtype is not None and many:
            decoded.columns[self._name] = _array(values, self._dtype)
        else:
            for _ in range(self._depth):
                values = list(chain.from_iterable(values))
            decoded.columns[self._name] = list(values)

    def _filled(self, values: Sequence[Any], many: bool, decoded: Decoded) -> Sequence[Any]:
        missing = values.count(None)
        if self._indicator is not None:
            absent = bytes([value is None for value in values])
            shown = np.frombuffer(absent, np.bool_).astype(np.float32)
            decoded.columns[self._indicator] = shown if many else shown.tolist()
        if not missing:
            return values
        decoded.missing[self._name] = missing
        fill = self._fill
        if many and self._dtype is np.float64:
            fill = float(cast(float, fill))
        return [fill if value is None else value for value in values]


def _array(numbers: Sequence[Any], dtype: type) -> np.ndarray:
    # in half the time that numpy takes for a list
    code = "d" if dtype is np.float64 else "q"
    return np.frombuffer(bytearray(pack(f"{len(numbers)}{code}", *numbers)), dtype)


def _conversion_of(item: Input, seen: bool) -> Callable[[Sequence[Any]], list[Any]] | None:
    """What makes the tensor's values of those that came, and nothing of nothing."""
    if item.shape or not item.integral:
        return None
    if item.tensor == "string":
        return _as_texts
    return _as_integers if item.flag or not seen else None


def _as_texts(values: Sequence[Any]) -> list[Any]:
    return [value if value is None else str(value) for value in values]


def _as_integers(values: Sequence[Any]) -> list[Any]:
    """`ValueError` for a fraction."""
    if set(map(type, values)) <= _INTEGERS:
        return list(values)
    whole = [value if value is None else int(value) for value in values]
    if whole != list(values):
        raise ValueError
    return whole


def _outside_of(item: Input) -> Callable[[Sequence[Any]], list[int]] | None:
    """What tells the rows whose value training never saw; `None` where it would find none."""
    if item.shape:
        return None
    if item.choices is not None:
        return partial(_unknown, frozenset(item.choices.values))
    if item.range is None or item.tensor == "string":
        return None
    return partial(_beyond, *item.range)


def _unknown(known: frozenset[str], values: Sequence[Any]) -> list[int]:
    if known.issuperset(values):
        return []
    return [row for row, value in enumerate(values) if value is not None and value not in known]


def _beyond(low: float, high: float, values: Sequence[Any]) -> list[int]:
    # nothing is neither small nor large
    with contextlib.suppress(TypeError):
        if low <= min(values) and max(values) <= high:
            return []
    return [
        row for row, value in enumerate(values) if value is not None and not low <= value <= high
    ]
