"""A caller's own rows before his transformer: the inputs of a package, and what is behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from vigie.errors import DataError
from vigie.models.model_input import Input, Missing
from vigie.training.graph.preprocessing import Preprocessing, require_fitted
from vigie.training.graph.transformer_graph import INTEGERS, RawColumn, raw_kind
from vigie.training.imported.keras_model import with_inputs
from vigie.training.network import VECTOR, PreprocessedNetwork
from vigie.training.own.inputs import describe_input
from vigie.training.own.table import OwnColumn, OwnTable

if TYPE_CHECKING:
    from vigie.training.own.inputs import Described

UNSEEN = "a value that training has not seen"


def transformer_columns(
    transformer: Any, inputs: Any, columns: Sequence[str] | None
) -> Sequence[str] | None:
    """Names for the columns of an array before a transformer: those that it was fitted to."""
    if columns is not None or isinstance(inputs, pd.DataFrame | pd.Series | Mapping):
        return columns
    width = np.shape(inputs)[1] if np.ndim(inputs) == 2 else 0
    return list(getattr(transformer, "feature_names_in_", map(str, range(width)))) or None


def fitted(transformer: Any, table: OwnTable) -> Preprocessing:
    """The transformer of the caller's columns. Raises `DataError` where it does not take them."""
    require_fitted(transformer)
    if shaped := next((column.name for column in table.columns if column.shape), None):
        raise DataError(f"preprocess takes columns of single values, and {shaped} holds arrays")
    raw = [RawColumn(column.name, raw_kind(column.values)) for column in table.columns]
    return Preprocessing(transformer, raw, {c.name: c.values for c in table.columns})


def vectors_of(preprocessing: Preprocessing, table: OwnTable) -> OwnTable:
    """One row as the network behind the transformer takes it."""
    row = {name: [value] for name, value in _typical_row(table).items()}
    vectors = preprocessing.transform(row)
    return OwnTable((OwnColumn(VECTOR, "number", list(vectors), vectors.shape[1:]),), False)


def preprocessed(
    model: keras.Model,
    table: OwnTable,
    names: dict[str, str],
    described: Described,
    preprocessing: Preprocessing,
    taken: OwnTable,
) -> tuple[tuple[Input, ...], PreprocessedNetwork]:
    """Inputs and network of a package: the transformer, and `model` behind it."""
    values = {column.name: column.values for column in table.columns}
    row = _typical_row(table)
    width = taken.columns[0].shape[0]
    if len(model.inputs) != 1 or tuple(model.inputs[0].shape[1:]) not in ((width,), (None,)):
        takes = ", ".join(str(list(tensor.shape[1:])) for tensor in model.inputs)
        raise DataError(f"preprocess gives {width} columns, the model takes {takes}")
    items = tuple(
        _raw_input(column, names[column.name], preprocessing, row, described)
        for column in table.columns
    )
    fills = {
        column.name: str(item.missing.fill)
        for column, item in zip(table.columns, items, strict=True)
        if item.missing is not None and item.tensor == "string"
    }
    _check_on_rows(preprocessing, values, fills, row, items, table)
    by_name = {names[column.name]: column.name for column in table.columns}
    vector = Input(
        name=VECTOR, label=VECTOR, dtype="float32", tensor="float32",
        shape=(width,), example=[0.0] * width,
    )  # fmt: skip
    behind = with_inputs(model, (vector,), False, 0)
    return items, PreprocessedNetwork(behind, items, by_name, preprocessing)


def _check_on_rows(
    preprocessing: Preprocessing,
    values: dict[str, Sequence[Any]],
    fills: dict[str, str],
    row: dict[str, Any],
    items: Sequence[Input],
    table: OwnTable,
) -> None:
    """Graph against transformer: on rows as they are, and with each optional value absent."""
    chosen = np.unique(np.linspace(0, len(table) - 1, min(1000, len(table))).astype(int))
    rows = {name: [column[i] for i in chosen] for name, column in values.items()}
    for column, item in zip(table.columns, items, strict=True):
        if not item.required:
            for name in rows:
                rows[name].append(None if name == column.name else row[name])
    preprocessing.check(rows, fills)


def _typical_row(table: OwnTable) -> dict[str, Any]:
    """A value of each column that is there."""
    return {
        column.name: next(value for value in column.values if value is not None)
        for column in table.columns
    }


def _raw_input(
    column: OwnColumn,
    name: str,
    preprocessing: Preprocessing,
    row: dict[str, Any],
    described: Described,
) -> Input:
    """An input as the transformer takes it: optional where it fills gaps, open where it may be new.

    What the transformer refuses, the package refuses.
    """
    optional = preprocessing.takes(row, column.name, None)
    if column.has_gaps and not optional:
        raise DataError(
            f"inputs: column {column.name} has gaps, and preprocess does not fill them; add a "
            "SimpleImputer"
        )
    if column.kind == "text":
        return _raw_text(column, name, preprocessing, row, described, optional)
    whole = raw_kind(column.values) == INTEGERS
    if whole:
        # a category that the transformer was not fitted to
        unseen = max(value for value in column.values if value is not None) + 1
        if (
            not preprocessing.takes(row, column.name, unseen)
            and column.name not in described.choices
        ):
            return describe_input(column, name, "string", described.closed(column))
    missing = Missing(fill=0.0, indicator=f"{name}__missing") if optional and not whole else None
    return describe_input(column, name, "int64" if whole else "float32", described, missing)


def _raw_text(
    column: OwnColumn,
    name: str,
    preprocessing: Preprocessing,
    row: dict[str, Any],
    described: Described,
    optional: bool,
) -> Input:
    seen = sorted({value for value in column.values if value is not None})
    fill = preprocessing.fill_of(row, column.name, seen) if optional else None
    if column.has_gaps and fill is None:
        raise DataError(
            f"inputs: column {column.name} has gaps that the graph cannot answer as preprocess "
            "does; fill them first, or add SimpleImputer(strategy='most_frequent')"
        )
    missing = None if fill is None else Missing(fill=fill)
    if column.name in described.choices or preprocessing.takes(row, column.name, UNSEEN):
        return describe_input(column, name, "string", described, missing)
    return describe_input(column, name, "string", described.closed(column), missing)
