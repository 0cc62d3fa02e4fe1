"""A caller's own model with what he says of it: inputs, target and network of a package."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np

from vigie.errors import DataError
from vigie.training.network import KerasNetwork
from vigie.training.own.classes import answers_logits, loss_of
from vigie.training.own.inputs import (
    Described,
    describe_input,
    functional,
    match,
    named_inputs,
    package_names,
    require_float32,
    tensor_type,
    wrapped,
)
from vigie.training.own.preprocessing import fitted, preprocessed, transformer_columns, vectors_of
from vigie.training.own.table import read_table
from vigie.training.own.targets import (
    TRANSFORMS,
    first_target,
    other_outputs,
    read_target,
    undo,
)

if TYPE_CHECKING:
    from vigie.models.document import Task
    from vigie.models.model_input import Input
    from vigie.models.model_output import Output
    from vigie.training.network import Network
    from vigie.training.own.table import OwnTable
    from vigie.training.own.targets import OwnTarget, Transform

__all__ = ["Described", "OwnModel"]


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
        if preprocess is not None:
            columns = transformer_columns(preprocess, inputs, columns)
        table = read_table(named_inputs(model, inputs), columns)
        preprocessing = None if preprocess is None else fitted(preprocess, table)
        taken = table if preprocessing is None else vectors_of(preprocessing, table)
        whole = functional(model, taken)
        require_float32(whole)
        _warn_if_untrained(model)
        loss = loss_of(model, whole.output_names[0])
        column, _ = first_target(targets, list(whole.output_names))
        described.check([*table.names, *([column] if column else [])])
        target = read_target(targets, whole, len(table), loss, task, labels)
        answering = _answering(whole, loss, target, target_transform)
        names = package_names(table)
        network: Network
        if preprocessing is None:
            items, network = _plain(answering, table, names, described)
        else:
            items, network = preprocessed(answering, table, names, described, preprocessing, taken)
        others = other_outputs(answering, network.tensors)
        _check_names(target, others)
        return cls(table, names, items, target, column, network, others)


def _answering(
    whole: keras.Model, loss: Any, target: OwnTarget, transform: Transform | None
) -> keras.Model:
    """The model with its first output in the target's unit, or as one share per label."""
    first, *rest = whole.outputs
    if transform is not None:
        if target.task != "regression":
            raise DataError("target_transform= is for a regression")
        first = undo(transform, first)
    if target.labels:
        single = tuple(first.shape[1:]) == (1,)
        if answers_logits(loss):
            kind = "sigmoid" if single else "softmax"
            first = keras.layers.Activation(kind, name="own.shares")(first)
        if single:
            first = keras.layers.Concatenate(name="own.both_classes")([1.0 - first, first])
    if first is whole.outputs[0]:
        return whole
    return keras.Model(whole.inputs, [first, *rest] if rest else first)


def _check_names(target: OwnTarget, others: Sequence[Output]) -> None:
    taken = {"warnings", "label", "scores"} if target.labels else {"warnings", "interval"}
    for name in [*([] if target.labels else [target.name]), *(output.name for output in others)]:
        if name in taken:
            raise DataError(f"targets: an answer has {name} anyway; give the target another name")
        taken.add(name)


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
