"""A caller's own rows, as a DataFrame, a dict of arrays or an array: columns of plain values."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import orjson
import pandas as pd

from vigie.errors import DataError
from vigie.frames import values_of
from vigie.models.number_limits import FLOAT32_MAX

Kind = Literal["number", "integer", "boolean", "text"]


@dataclass(frozen=True)
class OwnColumn:
    """One column: plain values with `None` where absent, or one array of `shape` per row."""

    name: str
    kind: Kind
    values: Sequence[Any]
    shape: tuple[int, ...] = ()

    @property
    def has_gaps(self) -> bool:
        """True where a value is absent."""
        return not self.shape and any(value is None for value in self.values)


@dataclass(frozen=True)
class OwnTable:
    """Columns in the caller's order; `named` tells whether the names are the caller's own.

    `listed`: they came as one array.
    """

    columns: tuple[OwnColumn, ...]
    named: bool
    listed: bool = False

    def __len__(self) -> int:
        return len(self.columns[0].values)

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def row_ids(self) -> list[str]:
        """A digest per row: equal rows have the same one, in every run."""
        listed = [column.values for column in self.columns]
        option = orjson.OPT_SERIALIZE_NUMPY
        return [
            hashlib.sha256(orjson.dumps(row, option=option)).hexdigest()
            for row in zip(*listed, strict=True)
        ]


def read_table(given: Any, columns: Sequence[str] | None = None, what: str = "inputs") -> OwnTable:
    """The rows that a caller gave. Raises `DataError` for what is no table of values.

    `columns` names the columns of an array [rows, columns].
    """
    if isinstance(given, pd.Series):
        given = given.to_frame(given.name if given.name is not None else "input")
    if isinstance(given, pd.DataFrame):
        if columns is not None:
            raise DataError(f"{what}: a DataFrame has names of its own; leave columns= out")
        table = OwnTable(tuple(_of_frame(given, what)), True)
    elif isinstance(given, Mapping):
        table = OwnTable(tuple(_of_array(str(n), v, what) for n, v in given.items()), True)
    else:
        table = _of_one_array(given, columns, what)
    if not table.columns:
        raise DataError(f"{what}: there is no column")
    lengths = {column.name: len(column.values) for column in table.columns}
    if len(set(lengths.values())) != 1:
        listed = ", ".join(f"{name} has {rows}" for name, rows in lengths.items())
        raise DataError(f"{what}: the columns have different numbers of rows: {listed}")
    if len(table) == 0:
        raise DataError(f"{what}: there are no rows")
    return table


def _of_frame(frame: pd.DataFrame, what: str) -> Iterable[OwnColumn]:
    names = [str(name) for name in frame.columns]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"{what}: there are two columns named {twice[0]}")
    for name, label in zip(names, frame.columns, strict=True):
        yield _of_series(name, frame[label], what)


def _of_series(name: str, series: pd.Series[Any], what: str) -> OwnColumn:
    if series.dtype.kind in "Mm":
        raise DataError(
            f"{what}: column {name} holds dates; give numbers instead, such as days since a day, "
            "or its year and month"
        )
    values = values_of(series, name)
    present = [value for value in values if value is not None]
    if not present:
        raise DataError(f"{what}: column {name} has no value at all; leave it out")
    if isinstance(present[0], list):
        if len(present) < len(values):
            raise DataError(
                f"{what}: column {name} holds arrays and has gaps; leave those rows out"
            )
        return _of_array(name, present, what)
    if any(type(value) is int and not -(2**63) <= value < 2**63 for value in present):
        values = [None if value is None else float(value) for value in values]
        present = [value for value in values if value is not None]
    kind = _kind_of(name, series, present, what)
    if kind == "number":
        values = [None if value is None else float(value) for value in values]
    return OwnColumn(name, kind, values)


def _kind_of(name: str, series: pd.Series[Any], present: Sequence[Any], what: str) -> Kind:
    kinds = {type(value) for value in present}
    if kinds == {int}:
        boolean = series.dtype.kind == "b" or all(isinstance(v, bool) for v in series.dropna())
        return "boolean" if boolean else "integer"
    if kinds <= {int, float}:
        if not all(map(math.isfinite, present)):
            raise DataError(f"{what}: column {name} holds an infinite number")
        if max(map(abs, present)) > FLOAT32_MAX:
            raise DataError(f"{what}: column {name} holds a number that float32 has not; scale it")
        return "number"
    if kinds == {str}:
        return "text"
    listed = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise DataError(f"{what}: column {name} holds {listed}; give numbers alone, or texts alone")


def _of_one_array(given: Any, columns: Sequence[str] | None, what: str) -> OwnTable:
    array = _as_array(given, what)
    if columns is None:
        return OwnTable((_of_array("input", array, what),), False)
    if array.ndim != 2 or array.shape[1] != len(columns):
        raise DataError(
            f"{what}: columns= names {len(columns)} columns, the array is of the shape "
            f"{list(array.shape)}"
        )
    if len(set(columns)) != len(columns):
        raise DataError("columns= names a column twice")
    parts = (_of_array(n, array[:, i], what) for i, n in enumerate(columns))
    return OwnTable(tuple(parts), True, True)


def _as_array(given: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(given)
    except ValueError:
        raise DataError(f"{what}: the rows are not of one shape") from None
    if array.dtype == object and array.ndim > 1:
        array = _as_numbers(array)
    if array.ndim == 0:
        raise DataError(
            f"{what}: give a DataFrame, a dict of arrays or an array, not {type(given).__name__}"
        )
    return array


def _as_numbers(array: np.ndarray) -> np.ndarray:
    """Numbers of several types, as DataFrames give them, as floats; other objects as they are."""
    plain = {bool, int, float}
    if all(type(v) in plain or isinstance(v, np.number | np.bool_) for v in array.flat):
        return array.astype(np.float64)
    return array


def _of_array(name: str, given: Any, what: str) -> OwnColumn:
    """A column of an array [rows], [rows, 1] or [rows, …]."""
    if isinstance(given, pd.Series):
        return _of_series(name, given, what)
    array = _as_array(given, what)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1:
        return _of_series(name, pd.Series(array), what)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what}: {name} is an array of the type {array.dtype}; give numbers")
    if not np.isfinite(array).all():
        raise DataError(f"{what}: {name} holds a NaN or an infinite number")
    kind: Kind = "number" if array.dtype.kind == "f" else "integer"
    # a row of an array in another order of memory is no array that can be digested
    return OwnColumn(name, kind, list(np.ascontiguousarray(array)), tuple(array.shape[1:]))
