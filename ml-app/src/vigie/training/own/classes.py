"""Which classes a caller's own model tells apart, and in which order its scores are theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from vigie.errors import DataError

if TYPE_CHECKING:
    from vigie.models.document import Task


def classes_of(
    model: keras.Model,
    truths: np.ndarray,
    loss: Any,
    task: Task | None,
    labels: Sequence[str] | None,
    said: Sequence[str] = (),
) -> tuple[str, ...] | None:
    """The labels in the order of the first output, or `None` where it answers numbers.

    `loss` is the model's, `said` are labels in the order of the caller's categories or columns.
    Raises `DataError` where they do not fit.
    """
    size = tuple(model.outputs[0].shape[1:])
    texts = truths.dtype.kind in "OUS"
    if task in ("regression", "embedding"):
        if labels or texts:
            given = "labels= are for a classification" if labels else "targets are texts"
            raise DataError(f"{given}, and task= says {task}")
        return None
    if truths.ndim > 1 and not _one_label_a_row(truths):
        if labels is not None or task == "classification":
            raise DataError(
                "targets: there are rows of several labels or of none, and a classification has "
                "one; leave labels= and task= out, so that the model's numbers are served"
            )
        return None
    count = 2 if size == (1,) else size[0] if len(size) == 1 else 0
    if labels is not None:
        return _stated_classes(tuple(map(str, labels)), count, size)
    if texts:
        return _seen_classes(sorted({str(value) for value in truths}), said, count)
    if task != "classification" and not _classifies(model, size, truths, loss):
        return None
    return _numbered_classes(truths, said, count, size)


def _numbered_classes(
    truths: np.ndarray, said: Sequence[str], count: int, size: tuple[int, ...]
) -> tuple[str, ...]:
    if not count:
        raise DataError("a classification answers one score per class; this output is no vector")
    if truths.ndim == 2 and len(said) == count:
        return tuple(said)
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


def _one_label_a_row(truths: np.ndarray) -> bool:
    if truths.ndim != 2:
        return False
    return bool((truths >= 0).all() and np.allclose(truths.sum(axis=1), 1, atol=1e-3))


def _seen_classes(seen: Sequence[str], said: Sequence[str], count: int) -> tuple[str, ...]:
    if said:
        # categories that no row has may have scores all the same
        seen = said if len(said) == count else [label for label in said if label in seen]
    if len(seen) != count:
        raise DataError(
            f"targets: there are {len(seen)} different texts and {count} scores; say with labels= "
            "which score is whose"
        )
    return tuple(seen)


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
    while True:
        if isinstance(layer, keras.layers.Identity):
            layer = layer.input._keras_history.operation
        elif isinstance(layer, keras.Model) and getattr(layer, "outputs", None):
            layer = layer.outputs[0]._keras_history.operation
        else:
            break
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _loss_name(loss: Any) -> str:
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    return str(name).lower().replace("_", "")


def loss_of(model: Any, output: str = "") -> Any:
    """The loss that a model was compiled with, if it was: that of `output`, else of the first."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, Mapping):
        loss = loss.get(output, next(iter(loss.values()), None))
    return loss[0] if isinstance(loss, list | tuple) and loss else loss


def answers_logits(loss: Any) -> bool:
    """True where the loss that a model was trained with takes scores before softmax."""
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    return bool(config.get("from_logits"))
