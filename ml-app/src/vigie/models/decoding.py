"""Rows as callers send them become the columns that a graph takes, or a list of what is wrong.

The same code prepares rows in training, serving and batch. The happy path touches each value a
few times and builds no objects of its own; only a row that fails is looked at field by field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np

from vigie.errors import WHOLE_COLUMN, FieldError, InvalidInput
from vigie.models.decoded import Decoded
from vigie.models.document import FLOAT32_MAX, INT64_MAX, Input
from vigie.models.single import SingleRow

Row = Mapping[str, Any]

MOST_FIELD_ERRORS = 20
NO_SUCH_INPUT = "no such input"
_NONE = type(None)
_NUMBERS = frozenset({int, float})
_KINDS = {
    _NONE: "nothing", bool: "true or false", int: "integer", float: "number", str: "text",
    list: "list", dict: "object",
}  # fmt: skip


class _Refused(Exception):
    """The column holds a value that is not taken; the slow path says which."""


class _Column:
    """One input: takes the values of all rows at once, adds its tensors to the columns."""

    def __init__(self, item: Input) -> None:
        self.item = item
        self.name = item.name
        self._get = itemgetter(item.name)
        self.low, self.high = item.bounds
        self.seen_low, self.seen_high = item.range or (-FLOAT32_MAX, FLOAT32_MAX)
        self.known = frozenset(item.choices.values) if item.choices else None
        self.closed = item.choices is not None and item.choices.closed
        self.fill = item.missing.fill if item.missing else None
        self.indicator = item.missing.indicator if item.missing else None
        self.take: Callable[[list[Any], Decoded], None] = self._take_numbers
        if item.shape:
            self.take = self._take_arrays
        elif item.tensor == "string":
            self.take = self._take_texts

    def pick(self, rows: Sequence[Any]) -> list[Any]:
        """The value of each row, `None` where it has none."""
        try:
            return list(map(self._get, rows))
        except KeyError:
            return [row.get(self.name) for row in rows]

    def explain(self, index: int, value: Any) -> Iterator[FieldError]:
        """What is wrong with the value of one row, if anything."""
        try:
            self.take([value], Decoded(1, {}))
        except _Refused:
            yield FieldError(index, self.name, describe(self.item), _got(value, self.item))

    def _present(self, values: list[Any], kinds: set[type]) -> list[Any]:
        """The values that are not `None`: the checks are for these, a fill may lie outside."""
        if _NONE not in kinds:
            return values
        if self.item.required:
            raise _Refused
        kinds.discard(_NONE)
        return [v for v in values if v is not None]

    def _keep(self, values: list[Any], missing: int, decoded: Decoded) -> None:
        """Adds the column with the fill for each of so many `None`, and the indicator."""
        if self.indicator:
            decoded.columns[self.indicator] = [float(v is None) for v in values]
        if missing:
            decoded.missing[self.name] = missing
            values = [self.fill if v is None else v for v in values]
        decoded.columns[self.name] = values

    def _take_numbers(self, values: list[Any], decoded: Decoded) -> None:
        kinds = set(map(type, values))
        present = self._present(values, kinds)
        if not kinds <= _NUMBERS:
            raise _Refused
        if self.item.integral and float in kinds:
            if not all(type(v) is not float or v.is_integer() for v in present):
                raise _Refused
            values = [v if v is None else int(v) for v in values]
        if present:
            low, high = self._checked_ends(present)
            if not (self.seen_low <= low and high <= self.seen_high):
                decoded.outside[self.name] = [
                    index
                    for index, value in enumerate(values)
                    if value is not None and not self.seen_low <= value <= self.seen_high
                ]
        self._keep(values, len(values) - len(present), decoded)

    def _checked_ends(self, numbers: list[Any]) -> tuple[float, float]:
        """The smallest and the largest number, both inside the limits."""
        low, high = min(numbers), max(numbers)
        # min and max step over a NaN that is not the first number; a sum does not
        if not (self.low <= low and high <= self.high) or math.isnan(sum(numbers)):
            raise _Refused
        return low, high

    def _take_texts(self, values: list[Any], decoded: Decoded) -> None:
        kinds = set(map(type, values))
        missing = len(values) - len(self._present(values, kinds))
        if self.item.dtype == "int64":
            values = _integers_as_text(values)
        elif not kinds <= {str}:
            raise _Refused
        if self.known is not None and (missing or not self.known.issuperset(values)):
            unknown = [i for i, v in enumerate(values) if v is not None and v not in self.known]
            if unknown:
                if self.closed:
                    raise _Refused
                decoded.outside[self.name] = unknown
        self._keep(values, missing, decoded)

    def _take_arrays(self, values: list[Any], decoded: Decoded) -> None:
        flat: list[Any] = []
        for value in values:
            flat.extend(_flatten(value, self.item.shape))
        kinds = set(map(type, flat))
        if self.item.dtype == "string":
            if not kinds <= {str}:
                raise _Refused
        elif flat:
            if not kinds <= _NUMBERS:
                raise _Refused
            self._checked_ends(flat)
            if self.item.integral and not all(float(v).is_integer() for v in flat):
                raise _Refused
        decoded.columns[self.name] = flat


def _integers_as_text(values: list[Any]) -> list[Any]:
    """Each integer as the text that the graph looks up; a text must spell an integer."""
    texts: list[Any] = []
    for value in values:
        if (type(value) is int or (type(value) is float and value.is_integer())) and (
            -INT64_MAX <= value <= INT64_MAX
        ):
            texts.append(str(int(value)))
        elif value is None or (type(value) is str and _spells_integer(value)):
            texts.append(value)
        else:
            raise _Refused
    return texts


def _spells_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 20


def _flatten(value: Any, shape: Sequence[int]) -> list[Any]:
    if type(value) is not list or len(value) != shape[0]:
        raise _Refused
    if len(shape) == 1:
        return value
    return [leaf for part in value for leaf in _flatten(part, shape[1:])]


class RowDecoder:
    """Checks rows against the inputs of one model and turns them into columns."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._columns = [_Column(item) for item in inputs]
        self._names = {item.name for item in inputs}
        self._single = SingleRow(inputs)

    def decode(self, rows: Sequence[Any]) -> Decoded:
        """The rows as columns; `InvalidInput` with up to 20 field errors where one is wrong."""
        if len(rows) == 1 and type(rows[0]) is dict:
            single = self._single.decode(rows[0])
            if single is not None:
                return single
        decoded = Decoded(len(rows), {})
        try:
            self._check_keys(rows)
            for column in self._columns:
                column.take(column.pick(rows), decoded)
        except _Refused:
            raise self._explain(rows) from None
        return decoded

    def _check_keys(self, rows: Sequence[Any]) -> None:
        names = self._names
        if not set(map(type, rows)) <= {dict}:
            raise _Refused
        # rows of one caller mostly have the same keys, and then there are few sets to compare
        for keys in set(map(tuple, rows)):
            if not names.issuperset(keys):
                raise _Refused

    def decode_columns(self, columns: Mapping[str, list[Any]], rows: int) -> Decoded:
        """Columns of one value per row, checked as `decode` does; what is absent is missing.

        `InvalidInput` has up to 20 field errors, of row `WHOLE_COLUMN` where no row is meant.
        """
        decoded = Decoded(rows, {})
        try:
            if not columns.keys() <= self._names:
                raise _Refused
            for column in self._columns:
                values = columns.get(column.name)
                if values is None:
                    values = [None] * rows
                elif len(values) != rows:
                    raise _Refused
                column.take(values, decoded)
        except _Refused:
            raise _invalid(self._explain_columns(columns, rows)) from None
        return decoded

    def _explain_columns(self, columns: Mapping[str, list[Any]], rows: int) -> list[FieldError]:
        unknown = (name for name in columns if name not in self._names)
        errors = [
            FieldError(WHOLE_COLUMN, _printable(name), NO_SUCH_INPUT, "list")
            for name in islice(unknown, MOST_FIELD_ERRORS)
        ]
        for column in self._columns:
            values = columns.get(column.name)
            if values is None:
                if column.item.required:
                    expected = describe(column.item)
                    errors.append(FieldError(WHOLE_COLUMN, column.name, expected, "nothing"))
            elif len(values) != rows:
                expected, got = f"{rows} values", f"{len(values)} values"
                errors.append(FieldError(WHOLE_COLUMN, column.name, expected, got))
            else:
                wrong = (e for i, v in enumerate(values) for e in column.explain(i, v))
                errors.extend(islice(wrong, MOST_FIELD_ERRORS))
        return errors

    def _explain(self, rows: Sequence[Any]) -> InvalidInput:
        errors: list[FieldError] = []
        for index, row in enumerate(rows):
            errors.extend(self._explain_row(index, row))
            if len(errors) >= MOST_FIELD_ERRORS:
                break
        return _invalid(errors)

    def _explain_row(self, index: int, row: Any) -> list[FieldError]:
        if type(row) is not dict:
            return [FieldError(index, "", "object with one value per input", kind_of(row))]
        unknown = (name for name in row if name not in self._names)
        errors = [
            FieldError(index, _printable(name), NO_SUCH_INPUT, kind_of(row[name]))
            for name in islice(unknown, MOST_FIELD_ERRORS)
        ]
        for column in self._columns:
            errors.extend(column.explain(index, row.get(column.name)))
        return errors


def _invalid(errors: Sequence[FieldError]) -> InvalidInput:
    wrong = errors[:MOST_FIELD_ERRORS]
    fields = ", ".join(dict.fromkeys(error.field for error in wrong if error.field))
    text = f"These fields are wrong: {fields}." if fields else "A row is not an object."
    return InvalidInput(text, tuple(wrong))


def _printable(name: str) -> str:
    """A caller's own key, short and free of control characters."""
    return "".join(c if c.isprintable() else "?" for c in name[:64])


def kind_of(value: Any) -> str:
    """The JSON kind of a value, for people: the value itself is never repeated."""
    return _KINDS.get(type(value), "something else")


def _got(value: Any, item: Input) -> str:
    kind = kind_of(value)
    if type(value) in _NUMBERS and item.dtype != "string":
        low, high = item.bounds
        if not low <= value <= high:
            return f"{kind} outside the limits"
        if item.integral and not float(value).is_integer():
            return "number with a fraction"
    if item.choices and type(value) in (str, int):
        return f"{kind} that is not a choice"
    return kind


def describe(item: Input) -> str:
    """What an input takes, in one phrase: `integer from 1 to 50`."""
    if item.shape:
        return f"list of shape {list(item.shape)} of {_NOUNS[item.dtype]}s"
    if item.choices and item.choices.closed:
        shown = ", ".join(item.choices.values[:10])
        more = ", …" if len(item.choices.values) > 10 else ""
        phrase = f"one of {shown}{more}"
    else:
        phrase = _NOUNS[item.dtype] + _limits_phrase(item)
    return phrase if item.required else f"{phrase}, or nothing"


_NOUNS = {"float32": "number", "int64": "integer", "string": "text"}


def _limits_phrase(item: Input) -> str:
    low, high = item.limits or (None, None)
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    if high is not None:
        return f" of at most {high:g}"
    return ""


def feeds_of(inputs: Sequence[Input], columns: Mapping[str, list[Any]]) -> dict[str, np.ndarray]:
    """The arrays that a graph takes, name -> [rows, 1] or [rows, *shape]."""
    feeds: dict[str, np.ndarray] = {}
    for item in inputs:
        dtype: type = object if item.tensor == "string" else _DTYPES[item.tensor]
        feeds[item.name] = np.array(columns[item.name], dtype).reshape(-1, *(item.shape or (1,)))
        indicator = item.missing.indicator if item.missing else None
        if indicator:
            feeds[indicator] = np.array(columns[indicator], np.float32).reshape(-1, 1)
    return feeds


_DTYPES: dict[str, type] = {"float32": np.float32, "int64": np.int64}
