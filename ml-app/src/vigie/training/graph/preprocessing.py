"""A fitted scikit-learn transformer before a network: one graph from raw columns to the answer."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from vigie.errors import DataError
from vigie.training.graph.transformer_graph import (
    INTEGERS,
    PREFIX,
    TEXTS,
    WAY_OUT,
    convert_columns,
    text_fills,
)

if TYPE_CHECKING:
    from vigie.training.graph.transformer_graph import Converted, RawColumn

_TRIED_ROWS = 300


class Preprocessing:
    """A fitted transformer of `columns`, as it is and as a graph that answers the same.

    `rows` are rows of these columns, by which the graph is chosen. Raises `DataError` where the
    transformer is not fitted to these columns, or has no graph that answers them as it does.
    """

    def __init__(
        self, transformer: Any, columns: Sequence[RawColumn], rows: Mapping[str, Sequence[Any]]
    ) -> None:
        _check_columns(transformer, [column.name for column in columns])
        self._transformer = transformer
        self.columns = tuple(columns)
        tried = _without_absent_texts(rows, self.columns)
        wanted = self.transform(tried)
        for converted in convert_columns(transformer, self.columns):
            if self._opens(converted) and self._answers(tried, wanted):
                return
        raise DataError(_not_alike(transformer))

    def _opens(self, converted: Converted) -> bool:
        """Takes a graph; false where ONNX Runtime does not."""
        self.columns, self.graph = converted.columns, converted.graph
        options = ort.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(
                self.graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception:
            return False
        return True

    def transform(self, table: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """What the transformer itself makes of columns: float32 [rows, width].

        Raises `DataError` where it refuses them.
        """
        try:
            return self._transform(table)
        except Exception as failure:
            raise DataError(
                f"preprocess does not take these rows ({_without_values(failure)})"
            ) from None

    def _transform(self, table: Mapping[str, Sequence[Any]]) -> np.ndarray:
        frame = pd.DataFrame(
            {column.name: _series(table[column.name], column.kind) for column in self.columns}
        )
        with warnings.catch_warnings():
            # a transformer that was fitted to an array knows no names
            warnings.simplefilter("ignore", UserWarning)
            made = self._transformer.transform(frame)
        dense = made.toarray() if hasattr(made, "toarray") else np.asarray(made)
        return np.asarray(dense, np.float32).reshape(len(frame), -1)

    def run(self, table: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """What the graph makes of columns; an absent text must have been filled."""
        feeds = {
            PREFIX + column.name: _tensor(table[column.name], column.kind)
            for column in self.columns
        }
        answer = self._session.run(None, feeds)[0]
        return np.asarray(answer, np.float32).reshape(len(answer), -1)

    def check(self, table: Mapping[str, Sequence[Any]], texts: Mapping[str, str]) -> None:
        """Raises `DataError` where graph and transformer differ; `texts` fills absent texts."""
        filled = {
            name: [texts.get(name, value) if value is None else value for value in values]
            for name, values in table.items()
        }
        if not self._answers(filled, self.transform(table)):
            raise DataError(_not_alike(self._transformer))

    def _answers(self, table: Mapping[str, Sequence[Any]], wanted: np.ndarray) -> bool:
        """True where the graph makes `wanted` of columns."""
        try:
            got = self.run(table)
        except Exception:
            # no category of the graph, or a graph that cannot be run
            return False
        return wanted.shape == got.shape and np.allclose(
            got, wanted, rtol=1e-4, atol=1e-5, equal_nan=True
        )

    def fill_of(self, row: Mapping[str, Any], name: str, seen: Sequence[str]) -> str | None:
        """The text that the graph answers as the transformer answers an absent one, if any does."""
        try:
            wanted = self._transform(_table(row, name, [None]))
        except (ValueError, TypeError):
            return None
        for text in dict.fromkeys([*text_fills(self._transformer), *seen, "nan", "None", ""]):
            if self._answers(_table(row, name, [text]), wanted):
                return text
        return None

    def takes(self, row: Mapping[str, Any], name: str, value: Any) -> bool:
        """True where a value of a column is answered with finite numbers, by the graph too.

        What the graph makes of an absent value is checked on the rows, for texts are filled first.
        """
        try:
            wanted = self._transform(_table(row, name, [value]))
        except (ValueError, TypeError):
            return False
        if not np.isfinite(wanted).all():
            return False
        return value is None or self._answers(_table(row, name, [value]), wanted)


def require_fitted(transformer: Any) -> None:
    """Raises `DataError` for what is no transformer, or one that was never fitted."""
    if not hasattr(transformer, "transform"):
        raise DataError("preprocess= takes a scikit-learn transformer that was fitted")
    try:
        check_is_fitted(transformer)
    except (NotFittedError, TypeError):
        name = type(transformer).__name__
        raise DataError(f"preprocess: this {name} is not fitted; call its fit first") from None


def _check_columns(transformer: Any, columns: list[str]) -> None:
    fitted = [str(name) for name in getattr(transformer, "feature_names_in_", columns)]
    missing = [name for name in fitted if name not in columns]
    # a ColumnTransformer finds its columns by name and lets others pass
    if missing or (fitted != columns and not isinstance(transformer, ColumnTransformer)):
        raise DataError(
            f"preprocess was fitted to the columns {', '.join(fitted)}; inputs has "
            f"{', '.join(columns)}"
        )


def _without_absent_texts(
    rows: Mapping[str, Sequence[Any]], columns: Sequence[RawColumn]
) -> dict[str, list[Any]]:
    """Some of the rows, with a text that is there where one is absent."""
    tried = {}
    for column in columns:
        values = list(rows[column.name][:_TRIED_ROWS])
        if column.kind == TEXTS:
            present = next(value for value in rows[column.name] if value is not None)
            values = [present if value is None else value for value in values]
        tried[column.name] = values
    return tried


def _without_values(failure: Exception) -> str:
    """The first sentence of a failure up to what may be a value of a row."""
    first = (str(failure).splitlines() or [""])[0]
    said = re.split(r"[\[:'\"]|\. ", first)[0].strip(" .")
    return said[:160] or type(failure).__name__


def _table(row: Mapping[str, Any], name: str, values: Sequence[Any]) -> dict[str, list[Any]]:
    """One row again and again, with these values in one of its columns."""
    return {
        key: list(values) if key == name else [value] * len(values) for key, value in row.items()
    }


def _series(values: Sequence[Any], kind: int) -> pd.Series[Any]:
    if kind == TEXTS:
        return pd.Series([np.nan if v is None else v for v in values], dtype=object)
    if kind == INTEGERS and all(value is not None for value in values):
        return pd.Series(values, dtype=np.int64)
    return pd.Series([np.nan if v is None else v for v in values], dtype=np.float64)


def _tensor(values: Sequence[Any], kind: int) -> np.ndarray:
    if kind == TEXTS:
        return np.array(values, object).reshape(-1, 1)
    if kind == INTEGERS:
        return np.array(values, np.int64).reshape(-1, 1)
    return np.array([np.nan if v is None else v for v in values], np.float32).reshape(-1, 1)


def _not_alike(transformer: Any) -> str:
    return (
        f"preprocess: the graph of this {type(transformer).__name__} answers otherwise than the "
        f"transformer itself; {WAY_OUT}"
    )
