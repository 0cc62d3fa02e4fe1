"""Rows as callers send them become the columns that a graph takes, or a list of what is wrong.

The same code prepares rows in training, serving and batch. The happy path touches each value a
few times and builds no objects of its own; only a row that fails is looked at field by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import WHOLE_COLUMN, FieldError, InvalidInput
from vigie.models.column import Column
from vigie.models.rows import Decoded, Refused
from vigie.models.single import SingleRow
from vigie.models.wording import describe, got, kind_of

if TYPE_CHECKING:
    from vigie.models.compiled import CompiledRows
    from vigie.models.model_input import Input

MOST_FIELD_ERRORS = 20
NO_SUCH_INPUT = "no such input"


class RowDecoder:
    """Checks rows against the inputs of one model and turns them into columns."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._columns = [Column(item) for item in inputs]
        self._names = {item.name for item in inputs}
        self._single = SingleRow(inputs)

    @cached_property
    def compiled(self) -> CompiledRows:
        """What reads rows from the bytes of a body, where they need no second look."""
        # rows that come as objects need none of it
        from vigie.models.compiled import CompiledRows

        return CompiledRows(self._inputs)

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
        except Refused:
            raise self._explain(rows) from None
        return decoded

    def _check_keys(self, rows: Sequence[Any]) -> None:
        names = self._names
        if not set(map(type, rows)) <= {dict}:
            raise Refused
        # rows of one caller mostly have the same keys, and then there are few sets to compare
        for keys in set(map(tuple, rows)):
            if not names.issuperset(keys):
                raise Refused

    def decode_columns(self, columns: Mapping[str, list[Any] | np.ndarray], rows: int) -> Decoded:
        """Columns of one value per row, checked as `decode` does; what is absent is missing.

        Numbers may be an array, [rows] or [rows, *shape]. `InvalidInput` has up to 20 field errors,
        of row `WHOLE_COLUMN` where no row is meant.
        """
        decoded = Decoded(rows, {})
        try:
            if not columns.keys() <= self._names:
                raise Refused
            for column in self._columns:
                values: Any = columns.get(column.name)
                if values is None:
                    values = [None] * rows
                elif len(values) != rows:
                    raise Refused
                column.take(values, decoded)
        except Refused:
            listed = {
                name: values.tolist() if isinstance(values, np.ndarray) else values
                for name, values in columns.items()
            }
            raise _invalid(self._explain_columns(listed, rows)) from None
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
                wrong = (e for i, v in enumerate(values) for e in _explain_value(column, i, v))
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
            errors.extend(_explain_value(column, index, row.get(column.name)))
        return errors


def _explain_value(column: Column, index: int, value: Any) -> Iterator[FieldError]:
    """What is wrong with one input of one row, if anything."""
    try:
        column.take([value], Decoded(1, {}))
    except Refused as refused:
        what = refused.what or got(value, column.item)
        yield FieldError(index, column.name, describe(column.item), what)


def _invalid(errors: Sequence[FieldError]) -> InvalidInput:
    wrong = errors[:MOST_FIELD_ERRORS]
    fields = ", ".join(dict.fromkeys(error.field for error in wrong if error.field))
    text = f"These fields are wrong: {fields}." if fields else "A row is not an object."
    return InvalidInput(text, tuple(wrong))


def _printable(name: str) -> str:
    """A caller's own key, short and free of control characters."""
    return "".join(c if c.isprintable() else "?" for c in name[:64])
