"""A caller's own targets and what a model answers: the task, the labels, one truth per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
import pandas as pd

from vigie.errors import DataError
from vigie.frames import input_name
from vigie.models.document import Output

if TYPE_CHECKING:
    from vigie.models.document import Task

Transform = Literal["log", "log1p", "sqrt"]
TRANSFORMS: tuple[Transform, ...] = ("log", "log1p", "sqrt")


@dataclass(frozen=True)
class OwnTarget:
    """What the first output of a model is judged by.

    `truths` is float64 [rows] or [rows, …] for numbers, text [rows] for labels.
    """

    name: str
    task: Task
    truths: np.ndarray
    labels: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one truth."""
        return tuple(self.truths.shape[1:])


def first_target(targets: Any, outputs: Sequence[str]) -> tuple[str | None, Any]:
    """The targets of the first output, with the caller's name for them where he gave one."""
    if isinstance(targets, pd.DataFrame) and len(targets.columns) == 1:
        return str(targets.columns[0]), targets.iloc[:, 0]
    if isinstance(targets, Mapping):
        if missing := [name for name in outputs if name not in targets]:
            raise DataError(
                f"targets: there is nothing for the output {missing[0]}; the model answers "
                f"{', '.join(outputs)}"
            )
        return outputs[0], targets[outputs[0]]
    if isinstance(targets, list | tuple) and len(outputs) > 1:
        if len(targets) != len(outputs):
            raise DataError(
                f"targets: {len(targets)} arrays for the {len(outputs)} outputs "
                f"{', '.join(outputs)}"
            )
        return outputs[0], targets[0]
    name = getattr(targets, "name", None)
    return (str(name) if name is not None else None), targets


def read_target(
    targets: Any,
    model: keras.Model,
    rows: int,
    loss: Any = None,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
) -> OwnTarget:
    """The truths of the first output, and what kind of answer it is; `loss` is the model's.

    Raises `DataError` where they are of another length, hold NaN, or do not fit the output.
    """
    name, given = first_target(targets, list(model.output_names))
    truths = _as_truths(given, rows)
    size = tuple(model.outputs[0].shape[1:])
    classes = _classes(model, size, truths, loss, task, labels)
    called = input_name(name) if name else "prediction"
    if classes is None:
        return OwnTarget(called, _number_task(task, size), _as_numbers(truths, size))
    return OwnTarget(called, "classification", _as_labels(truths, classes), classes)


def read_alike(targets: Any, alike: OwnTarget, outputs: Sequence[str], rows: int) -> np.ndarray:
    """The truths of other rows of the same target, checked as those were."""
    _, given = first_target(targets, outputs)
    truths = _as_truths(given, rows)
    if alike.labels:
        return _as_labels(truths, alike.labels)
    return _as_numbers(truths, alike.shape)


def _as_truths(given: Any, rows: int) -> np.ndarray:
    if given is None:
        raise DataError("targets= is missing: the figures and the gate need the truths")
    truths = np.asarray(given.to_numpy() if hasattr(given, "to_numpy") else given)
    if truths.ndim == 0 or len(truths) != rows:
        count = 1 if truths.ndim == 0 else len(truths)
        raise DataError(f"targets: there are {count}, and {rows} rows of inputs")
    if truths.ndim == 2 and truths.shape[1] == 1:
        truths = truths[:, 0]
    if truths.dtype == object and truths.ndim == 1:
        absent = pd.isna(truths)
        if absent.any():
            raise DataError(f"targets: {int(absent.sum())} are absent; leave those rows out")
        if not all(isinstance(value, str) for value in truths):
            truths = _numbers_in(truths)
    if truths.dtype.kind == "f" and not np.isfinite(truths).all():
        wrong = int((~np.isfinite(truths)).sum())
        raise DataError(f"targets: {wrong} are NaN or infinite; leave those rows out")
    return truths


def _numbers_in(truths: np.ndarray) -> np.ndarray:
    try:
        numbers = truths.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError("targets: give numbers or texts, of one kind") from None
    whole = np.array([isinstance(value, int | np.integer) for value in truths])
    return numbers.astype(np.int64) if whole.all() else numbers


def _classes(
    model: keras.Model,
    size: tuple[int, ...],
    truths: np.ndarray,
    loss: Any,
    task: Task | None,
    labels: Sequence[str] | None,
) -> tuple[str, ...] | None:
    """The labels in the order of the output, or `None` where it answers numbers."""
    texts = truths.dtype.kind in "OUS"
    if task in ("regression", "embedding"):
        if labels:
            raise DataError(f"labels= are for a classification, and task= says {task}")
        if texts:
            raise DataError(f"targets are texts, and task= says {task}")
        return None
    count = 2 if size == (1,) else size[0] if len(size) == 1 else 0
    if labels is not None:
        return _stated_classes(tuple(map(str, labels)), count, size)
    if texts:
        return _seen_classes(tuple(sorted({str(value) for value in truths})), count)
    stated = task == "classification"
    if not stated and not _classifies(model, size, truths, loss):
        return None
    if not count:
        raise DataError("a classification answers one score per class; this output is no vector")
    if truths.dtype == bool:
        return ("false", "true")
    if truths.ndim == 1 and size == (1,) and not set(np.unique(truths)) <= {0, 1}:
        raise DataError("targets of two classes are 0 and 1, or texts")
    return tuple(str(number) for number in range(count))


def _stated_classes(labels: tuple[str, ...], count: int, size: tuple[int, ...]) -> tuple[str, ...]:
    if len(set(labels)) != len(labels):
        raise DataError("labels= names a label twice")
    if len(labels) != count:
        answers = "one score, so two labels" if size == (1,) else f"{count} scores"
        raise DataError(f"labels= names {len(labels)}, and the model answers {answers}")
    return labels


def _seen_classes(seen: tuple[str, ...], count: int) -> tuple[str, ...]:
    if len(seen) != count:
        raise DataError(
            f"targets: there are {len(seen)} different texts and {count} scores; say with labels= "
            "which score is whose"
        )
    return seen


def _classifies(model: keras.Model, size: tuple[int, ...], truths: np.ndarray, loss: Any) -> bool:
    """What loss, activation and targets say, in this order."""
    if "crossentropy" in _loss_name(loss):
        return True
    activation = _last_activation(model)
    if activation == "softmax":
        return True
    binary = truths.dtype == bool or set(np.unique(truths).tolist()) <= {0, 1}
    if activation == "sigmoid" and size == (1,):
        return binary
    return truths.dtype == bool


def _last_activation(model: keras.Model) -> str:
    layer = model.outputs[0]._keras_history.operation
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _loss_name(loss: Any) -> str:
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    return str(name).lower().replace("_", "")


def loss_of(model: Any) -> Any:
    """The loss of the first output that a model was compiled with, if it was."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, Mapping):
        loss = next(iter(loss.values()), None)
    return loss[0] if isinstance(loss, list | tuple) and loss else loss


def answers_logits(loss: Any) -> bool:
    """True where the loss that a model was trained with takes scores before softmax."""
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    return bool(config.get("from_logits"))


def _number_task(task: Task | None, size: tuple[int, ...]) -> Task:
    if task is not None:
        return task
    return "regression" if size in ((1,), ()) else "embedding"


def _as_numbers(truths: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    if truths.dtype.kind not in "biuf":
        raise DataError("targets are texts, and the model answers no score per class")
    wanted = () if size == (1,) else size
    if len(truths.shape[1:]) != len(wanted):
        raise DataError(
            f"targets are of the shape {[*truths.shape[1:]]} a row, the model answers {[*size]}"
        )
    return truths.astype(np.float64)


def _as_labels(truths: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    """One label per row, of texts, of numbers from 0, or of one-hot rows."""
    if truths.dtype.kind in "OUS":
        texts = truths.astype(str).astype(object)
        if unknown := sorted(set(texts) - set(labels)):
            raise DataError(f"targets: {unknown[0]} is none of the labels {', '.join(labels)}")
        return texts
    if truths.ndim == 2:
        if truths.shape[1] != len(labels):
            raise DataError(
                f"targets have {truths.shape[1]} columns, there are {len(labels)} labels"
            )
        places = truths.argmax(axis=1)
    else:
        places = truths.astype(np.int64)
        if (places != truths).any() or places.min() < 0 or places.max() >= len(labels):
            raise DataError(
                f"targets: classes are whole numbers from 0 to {len(labels) - 1}, or texts"
            )
    return np.array([labels[place] for place in places], object)


def undo(transform: Transform, answer: Any) -> Any:
    """A layer that brings an answer back from the scale that the network was trained on."""
    if transform == "sqrt":
        return keras.layers.Multiply(name="squared")([answer, answer])
    back = keras.layers.Activation("exponential", name="back")(answer)
    if transform == "log1p":
        return keras.layers.Rescaling(1.0, offset=-1.0, name="minus_one")(back)
    return back


def other_outputs(model: keras.Model, tensors: Sequence[str]) -> tuple[Output, ...]:
    """The outputs behind the first; `tensors` are their names in the graph."""
    found = []
    for tensor, name, answer in zip(
        tensors[1:], list(model.output_names)[1:], model.outputs[1:], strict=True
    ):
        shape = tuple(answer.shape[1:])
        found.append(
            Output(
                name=input_name(name),
                label=input_name(name).replace("_", " "),
                tensor=tensor,
                shape=() if shape == (1,) else shape,
            )
        )
    return tuple(found)
