"""A caller's own model with what he says of it: inputs, target and network of a package."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np

from vigie.errors import DataError
from vigie.models.document import Input, Missing
from vigie.training.imported_keras import with_inputs
from vigie.training.network import VECTOR, KerasNetwork, PreprocessedNetwork
from vigie.training.own_inputs import (
    Described,
    describe_input,
    functional,
    match,
    package_names,
    tensor_type,
    wrapped,
)
from vigie.training.own_table import OwnColumn, OwnTable, read_table
from vigie.training.own_targets import (
    TRANSFORMS,
    answers_logits,
    first_target,
    loss_of,
    other_outputs,
    read_target,
    undo,
)
from vigie.training.preprocessing import Preprocessing, require_fitted
from vigie.training.transformer_graph import RawColumn, raw_kind

if TYPE_CHECKING:
    from vigie.models.document import Output, Task
    from vigie.training.network import Network
    from vigie.training.own_targets import OwnTarget, Transform

__all__ = ["Described", "OwnModel"]

UNSEEN = "a value that training has not seen"


@dataclass(frozen=True)
class OwnModel:
    """Rows, truths and network, checked to fit together; `names` are those of the package."""

    table: OwnTable
    names: dict[str, str]
    inputs: tuple[Input, ...]
    target: OwnTarget
    target_column: str | None
    network: Network
    others: tuple[Output, ...]

    @classmethod
    def of(
        cls,
        model: Any,
        inputs: Any,
        targets: Any,
        *,
        columns: Sequence[str] | None = None,
        preprocess: Any = None,
        task: Task | None = None,
        labels: Sequence[str] | None = None,
        target_transform: Transform | None = None,
        described: Described | None = None,
    ) -> Self:
        """Brings a model and its rows together. Raises `DataError` where they do not fit."""
        described = described or Described()
        if target_transform not in (None, *TRANSFORMS):
            raise DataError(f"target_transform= is one of {', '.join(TRANSFORMS)}")
        table = read_table(inputs, columns)
        preprocessing = None if preprocess is None else _preprocessing(preprocess, table)
        taken = table if preprocessing is None else _vectors(preprocessing, table)
        whole = functional(model, taken)
        _warn_if_untrained(model)
        column, _ = first_target(targets, list(whole.output_names))
        described.check([*table.names, *([column] if column else [])])
        target = read_target(targets, whole, len(table), loss_of(model), task, labels)
        answering = _answering(whole, model, target, target_transform)
        names = package_names(table)
        network: Network
        if preprocessing is None:
            items, network = _plain(answering, table, names, described)
        else:
            items, network = _preprocessed(answering, table, names, described, preprocessing, taken)
        others = other_outputs(answering, network.tensors)
        return cls(table, names, items, target, column, network, others)


def _answering(
    whole: keras.Model, model: Any, target: OwnTarget, transform: Transform | None
) -> keras.Model:
    """The model with its first output in the target's unit, or as one share per label."""
    first, *rest = whole.outputs
    if transform is not None:
        if target.task != "regression":
            raise DataError("target_transform= is for a regression")
        first = undo(transform, first)
    if target.labels:
        single = tuple(first.shape[1:]) == (1,)
        if answers_logits(loss_of(model)):
            kind = "sigmoid" if single else "softmax"
            first = keras.layers.Activation(kind, name="shares")(first)
        if single:
            first = keras.layers.Concatenate(name="both_classes")([1.0 - first, first])
    if first is whole.outputs[0]:
        return whole
    return keras.Model(whole.inputs, [first, *rest] if rest else first)


def _preprocessing(transformer: Any, table: OwnTable) -> Preprocessing:
    require_fitted(transformer)
    if shaped := next((column.name for column in table.columns if column.shape), None):
        raise DataError(f"preprocess takes columns of single values, and {shaped} holds arrays")
    raw = [RawColumn(column.name, raw_kind(column.values)) for column in table.columns]
    return Preprocessing(transformer, raw, {c.name: c.values for c in table.columns})


def _vectors(preprocessing: Preprocessing, table: OwnTable) -> OwnTable:
    """One row as the network behind the transformer takes it."""
    row = {name: [value] for name, value in _typical_row(table).items()}
    vectors = preprocessing.transform(row)
    return OwnTable((OwnColumn(VECTOR, "number", list(vectors), vectors.shape[1:]),), False)


def _plain(
    model: keras.Model, table: OwnTable, names: dict[str, str], described: Described
) -> tuple[tuple[Input, ...], KerasNetwork]:
    matched = match(model, table)
    for column in matched.columns:
        if column.has_gaps:
            raise DataError(
                f"inputs: column {column.name} has gaps, which the model takes for NaN; fill them, "
                "or give the transformer that fills them as preprocess="
            )
    items = tuple(
        describe_input(column, names[column.name], tensor_type(tensor), described)
        for column, tensor in zip(matched.columns, matched.tensors, strict=True)
    )
    return items, KerasNetwork(wrapped(model, items, matched), items)


def _preprocessed(
    model: keras.Model,
    table: OwnTable,
    names: dict[str, str],
    described: Described,
    preprocessing: Preprocessing,
    taken: OwnTable,
) -> tuple[tuple[Input, ...], PreprocessedNetwork]:
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
    whole = RawColumn(column.name, raw_kind(column.values)).whole
    if whole:
        # a category that the transformer was not fitted to
        unseen = max(value for value in column.values if value is not None) + 1
        if (
            not preprocessing.takes(row, column.name, unseen)
            and column.name not in described.choices
        ):
            seen = sorted({value for value in column.values if value is not None})
            stated = Described(
                described.units, described.limits, {**described.choices, column.name: seen},
                described.help,
            )  # fmt: skip
            return describe_input(column, name, "string", stated)
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
    stated = Described(
        described.units, described.limits, {**described.choices, column.name: seen}, described.help
    )
    return describe_input(column, name, "string", stated, missing)


def _warn_if_untrained(model: Any) -> None:
    """Warns where every bias still is 0 and no optimizer has taken a step."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and int(optimizer.iterations.numpy()) > 0:
        return
    biases = [w.numpy() for w in getattr(model, "trainable_weights", []) if w.path.endswith("bias")]
    if biases and not any(np.any(bias) for bias in biases):
        warnings.warn(
            "this model looks as it was initialised: call fit before log_model", stacklevel=4
        )
