"""Tables as rows of JSON values, and answers in the form that the table had.

A table is a pandas DataFrame, a mapping of columns (lists or arrays [rows, …]), or rows as dicts.
pandas is never imported to look at one: who has a DataFrame has imported it.
"""

from __future__ import annotations

import base64
import math
import numbers
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from vigie.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]

_TAKEN = "give a pandas DataFrame, a dict of columns, or a list of dicts"
_NONE = type(None)
_PLAIN = frozenset({str, int, _NONE})
_PLAIN_NUMBERS = frozenset({str, int, float, _NONE})
_MISSING = frozenset({"NAType", "NaTType"})
_LARGEST_FLOAT = 8
"""Bytes of a Python number; a wider one of numpy becomes such a one."""


def rows_of(table: Any, photos: Collection[str] = ()) -> Rows:
    """The rows of a table, as JSON values by the name of their column.

    A name that no input can have becomes one (`input_name`), as it did when the model was logged.
    What is missing (`None`, NaN, NaT, `pd.NA`) is absent. Numbers are Python's, and whole ones stay
    so; true and false are 1 and 0, categories their values, dates ISO 8601, arrays lists, bytes
    `{"b64": …}`. Infinity stays. In the columns `photos`, bytes and arrays stay as they are, which
    is no JSON. `DataError` names the column and the row of what none of this is.
    """
    if is_frame(table) or isinstance(table, Mapping):
        columns = _columns_of(table, photos)
    elif isinstance(table, Iterable) and not isinstance(table, str | bytes | np.ndarray):
        return [_row(row, place, photos) for place, row in enumerate(table)]
    else:
        raise DataError(f"this is {_kind(table)} and no table; {_TAKEN}")
    return _rows_of_columns(columns)


def input_name(column: str) -> str:
    """The name of a column as an input of a model: letters, digits and `_`, a letter first."""
    text = re.sub(r"\W", "_", column, flags=re.ASCII).strip("_")
    return text if text[:1].isalpha() else f"x_{text}"


def is_frame(table: Any) -> bool:
    """True for a DataFrame of pandas."""
    return "DataFrame" in _names_of_pandas(table)


def values_of(values: Any, name: str) -> list[Any]:
    """One column as `rows_of` has it, `None` where a value is missing; `name` is for errors."""
    if isinstance(values, np.ndarray) and values.ndim > 0:
        return _values_of_array(values, name)
    if _names_of_pandas(values):
        return _values_of_series(values, name)
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise DataError(f"column {name} is {_kind(values)}; a column is a list or an array")
    return _cleaned(list(values), name)


def in_form_of(table: Any, predictions: Rows) -> Any:
    """Predictions of a service, one for each row of `table`, in the form of `table`.

    A DataFrame with the index of `table`, a dict of columns, or the predictions as they are. In
    columns an interval is `lower` and `upper`, and each label has its own, `score_<label>`.
    """
    if is_frame(table):
        import pandas as pd

        return pd.DataFrame(_columns_of_predictions(predictions), index=table.index)
    return _columns_of_predictions(predictions) if isinstance(table, Mapping) else predictions


def _columns_of(
    table: pd.DataFrame | Mapping[str, Any], photos: Collection[str]
) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for name, values in table.items():
        called = input_name(_named(name))
        if called in columns:
            raise DataError(f"the table has the column {called} twice")
        columns[called] = (_photos_of if called in photos else values_of)(values, str(name))
    return columns


def _rows_of_columns(columns: Mapping[str, list[Any]]) -> Rows:
    if not columns:
        raise DataError("the table has no columns")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"the columns are not of one length: {said}")
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True)
    if not any(_NONE in set(map(type, values)) for values in columns.values()):
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in rows
    ]


def _row(row: Any, place: int, photos: Collection[str]) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise DataError(f"row {place} is {_kind(row)}; {_TAKEN}")
    found = {
        _named(name): (_photo if name in photos else _plain)(value, f"{name} in row {place}")
        for name, value in row.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def _photos_of(values: Any, name: str) -> list[Any]:
    is_array = isinstance(values, np.ndarray) and values.ndim > 0
    if not is_array and not _names_of_pandas(values) and not isinstance(values, list | tuple):
        return values_of(values, name)
    return [_photo(value, f"{name} in row {place}") for place, value in enumerate(values)]


def _photo(value: Any, where: str) -> Any:
    return value if type(value) in (bytes, np.ndarray) else _plain(value, where)


def _named(name: Any) -> str:
    if type(name) is int:
        # a DataFrame without names counts its columns
        return str(name)
    if not isinstance(name, str):
        raise DataError(
            f"the column {name!r} has no text as its name; name the columns as the model's inputs"
        )
    return str(name)


def _values_of_series(series: Any, name: str) -> list[Any]:
    dtype = series.dtype
    if dtype.name == "category":
        part = getattr(series, "cat", series)
        known = [*values_of(part.categories, name), None]
        # the code of a missing value is -1
        return [known[code] for code in np.asarray(part.codes).tolist()]
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _values_of_array(series.to_numpy(), name)
    gaps = series.isna().tolist()
    values = [None if gap else value for value, gap in zip(series.tolist(), gaps, strict=True)]
    return _cleaned(values, name)


def _values_of_array(array: np.ndarray, name: str) -> list[Any]:
    kind = array.dtype.kind
    if kind not in "biuf":
        # numbers of a date would be its nanoseconds
        return _cleaned(array.tolist() if kind in "OU" else list(array), name)
    if kind == "b":
        array = array.astype(np.int8)
    elif kind == "f" and array.dtype.itemsize > _LARGEST_FLOAT:
        array = array.astype(np.float64)
    values: list[Any] = array.tolist()
    if kind == "f" and array.ndim == 1 and np.isnan(array).any():
        return [None if value != value else value for value in values]
    return values


def _cleaned(values: list[Any], name: str) -> list[Any]:
    kinds = set(map(type, values))
    if kinds <= _PLAIN:
        return values
    if kinds <= _PLAIN_NUMBERS:
        return [None if value != value else value for value in values]
    return [_plain(value, f"{name} in row {place}") for place, value in enumerate(values)]


def _plain(value: Any, where: str) -> Any:
    """One value as JSON has it; `None` where it is missing."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, str):
        # not `str(value)`: a text may be a member of an enumeration
        return str.__str__(value)
    if kind is np.timedelta64:
        # numpy counts it among the whole numbers
        return _plain_whole(value, where)
    if isinstance(value, numbers.Integral | np.bool_):
        return int(value)
    if isinstance(value, numbers.Real | Decimal):
        number = float(value)
        return None if math.isnan(number) else number
    if kind.__name__ in _MISSING or (isinstance(value, np.datetime64) and np.isnat(value)):
        return None
    return _plain_whole(value, where)


def _plain_whole(value: Any, where: str) -> Any:
    """A date, bytes, or what holds several values."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item() if value.dtype != "M8[D]" else value.item()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    # numpy's kind loses zeros at its end
    if type(value) in (bytes, bytearray):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        return _plain(list(value) if value.ndim else value[()], where)
    if isinstance(value, list | tuple):
        return [_plain(part, where) for part in value]
    if isinstance(value, Mapping):
        return {_named(name): _plain(part, where) for name, part in value.items()}
    raise DataError(f"{where} is {_kind(value)}; give a number, a text, a date, or a list of these")


def _columns_of_predictions(predictions: Rows) -> dict[str, list[Any]]:
    flat = [_flat(prediction) for prediction in predictions]
    # versions that change in the middle may have other labels
    names = dict.fromkeys(name for row in flat for name in row)
    return {name: [row.get(name) for row in flat] for name in names}


def _flat(prediction: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in prediction.items():
        parts = {name: value}
        if name == "interval":
            parts = dict(zip(("lower", "upper"), value, strict=True))
        elif name == "scores" and isinstance(value, Mapping):
            parts = {f"score_{label}": score for label, score in value.items()}
        if taken := flat.keys() & parts.keys():
            raise DataError(
                f"the model answers {min(taken)}, a column that answers have anyway; "
                "give the rows as a list of dicts"
            )
        flat |= parts
    return flat


def _names_of_pandas(value: Any) -> list[str]:
    """What pandas calls the value and what it is made from; nothing where it is not pandas'."""
    kinds = type(value).__mro__
    return [kind.__name__ for kind in kinds if kind.__module__.partition(".")[0] == "pandas"]


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
