"""A caller's own targets and what a model answers: the task, the labels, one truth per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import keras
import numpy as np
import pandas as pd

from vigie.errors import DataError
from vigie.frames import input_name
from vigie.models.model_output import Output
from vigie.models.number_limits import FLOAT32_MAX
from vigie.training.own.classes import classes_of

if TYPE_CHECKING:
    from vigie.models.document import Task

Transform = Literal["log", "log1p", "sqrt"]
TRANSFORMS: tuple[Transform, ...] = get_args(Transform)


@dataclass(frozen=True)
class OwnTarget:
    """What the first output of a model is judged by.

    `truths` is float64 [rows] or [rows, …] for numbers, text [rows] for labels. `guessed`: nobody
    said in which order the scores of the labels are.
    """

    name: str
    task: Task
    truths: np.ndarray
    labels: tuple[str, ...] = ()
    guessed: bool = False

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
    classes = classes_of(model, truths, loss, task, labels, _said_labels(given))
    called = input_name(name) if name else "prediction"
    if classes is None:
        return OwnTarget(called, _number_task(task, size), _as_numbers(truths, size))
    guessed = labels is None and truths.dtype.kind in "OUS"
    return OwnTarget(called, "classification", _as_labels(truths, classes), classes, guessed)


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
    truths = _of_one_kind(truths)
    if truths.dtype.kind not in "iuf":
        return truths
    if wrong := int((~np.isfinite(truths)).sum()):
        raise DataError(f"targets: {wrong} are NaN or infinite; leave those rows out")
    if truths.size and np.abs(truths.astype(float)).max() > FLOAT32_MAX:
        raise DataError("targets hold a number that float32 has not; scale them")
    return truths


def _of_one_kind(truths: np.ndarray) -> np.ndarray:
    """Numbers, booleans or texts, whatever type they came in."""
    if truths.dtype.kind in "mMc":
        kind = "complex numbers" if truths.dtype.kind == "c" else "dates"
        raise DataError(f"targets are {kind}; give numbers, such as days since a day")
    if truths.ndim > 1:
        # columns of a DataFrame that are one-hot, or of several types
        return _numbers_in(truths) if truths.dtype.kind in "bO" else truths
    if truths.dtype != object:
        return truths
    if absent := int(pd.isna(truths).sum()):
        raise DataError(f"targets: {absent} are absent; leave those rows out")
    if all(isinstance(value, bool | np.bool_) for value in truths):
        return truths.astype(bool)
    return truths if all(isinstance(value, str) for value in truths) else _numbers_in(truths)


def _said_labels(given: Any) -> tuple[str, ...]:
    """Labels in an order of the caller's: his categories, or the names of one-hot columns."""
    if isinstance(given, pd.DataFrame):
        return tuple(map(str, given.columns))
    dtype = getattr(given, "dtype", None)
    return tuple(map(str, dtype.categories)) if isinstance(dtype, pd.CategoricalDtype) else ()


def _numbers_in(truths: np.ndarray) -> np.ndarray:
    try:
        numbers = truths.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError("targets: give numbers or texts, of one kind") from None
    whole = all(isinstance(value, int | np.integer | np.bool_) for value in truths.flat)
    return numbers.astype(np.int64) if whole else numbers


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
            f"targets are of the shape {[*truths.shape[1:]]} a row, the model answers {[*size]}; "
            "if these are scores of classes, say so with labels= or task='classification'"
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
