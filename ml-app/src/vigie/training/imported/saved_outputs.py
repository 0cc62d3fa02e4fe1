"""Which outputs of a SavedModel are served, and what the others are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import DataError
from vigie.models.original import LONGEST_NAME, Original, OriginalOutput
from vigie.training.imported.inputs import safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vigie.models.original import Part

Answers = dict[str, np.ndarray]


@dataclass(frozen=True)
class ServedOutputs:
    """The outputs of numbers by their own name, the scores of labels first, and as the package's.

    `original` has those that can be made again of the package's answer, and names the others.
    """

    names: Mapping[str, str]
    labels: tuple[str, ...]
    original: Original


def choose_outputs(answers: Answers, labels: tuple[str, ...], signature: str) -> ServedOutputs:
    """Settles which outputs are served, and the labels where the model answers them as text.

    `answers` are what it gives for some rows. Raises `DataError` where nothing can be served.
    """
    numbers = {n: v for n, v in answers.items() if np.issubdtype(v.dtype, np.floating)}
    labels = labels or _told_labels(answers, numbers)
    if labels:
        numbers = _scores_first(numbers, len(labels))
    if not numbers:
        raise DataError("the model gives no numbers that could be served")
    names = _safe_names(numbers)
    scores = next(iter(numbers.values())) if labels else None
    found = {n: _original(n, answers[n], names, labels, scores) for n in sorted(answers)}
    original = Original(
        signature=signature,
        outputs=tuple(one for one in found.values() if one),
        left_out=tuple(name[:LONGEST_NAME] for name, one in found.items() if one is None),
    )
    return ServedOutputs(names, labels, original)


def _told_labels(answers: Answers, numbers: Answers) -> tuple[str, ...]:
    """The labels that an output of texts has for each row, as many as another has numbers."""
    shapes = {values.shape for values in numbers.values()}
    for values in answers.values():
        if values.dtype != object or values.ndim != 2 or values.shape[1] < 2:
            continue
        if values.shape in shapes:
            if (values != values[0]).any():
                raise DataError("the model gives its labels in another order from row to row")
            return tuple(_text(value) for value in values[0])
    return ()


def _scores_first(numbers: Answers, count: int) -> Answers:
    """The numbers with the scores of so many labels first, probabilities before any other."""
    scores = [name for name, values in numbers.items() if values.shape[1:] == (count,)]
    if not scores:
        return {}
    best = min(scores, key=lambda name: ("prob" not in name, name))
    return {best: numbers[best]} | numbers


def _safe_names(names: Mapping[str, object]) -> dict[str, str]:
    """The names as callers can write them, each another."""
    safe: dict[str, str] = {}
    for name in names:
        wanted, count = safe_name(name), 2
        while wanted in safe.values():
            wanted, count = f"{safe_name(name)}_{count}", count + 1
        safe[name] = wanted
    return safe


def _original(
    name: str,
    values: np.ndarray,
    names: Mapping[str, str],
    labels: tuple[str, ...],
    scores: np.ndarray | None,
) -> OriginalOutput | None:
    """How an output is made of the package's answer; `None` where it cannot be."""
    shape = tuple(int(size) for size in values.shape[1:])
    if name in names:
        return OriginalOutput(name=name, part="values", output=names[name], shape=shape)
    if scores is None:
        return None
    part = _part(values, labels, scores)
    return OriginalOutput(name=name, part=part, shape=shape) if part else None


def _part(values: np.ndarray, labels: tuple[str, ...], scores: np.ndarray) -> Part | None:
    best, size = scores.argmax(axis=1), math.prod(values.shape[1:])
    flat = values.reshape(len(values), -1)
    if values.dtype == object:
        texts = np.vectorize(_text, otypes=[object])(flat)
        if size == 1 and (texts[:, 0] == np.array(labels, object)[best]).all():
            return "label"
        return "labels" if size == len(labels) and (texts == np.array(labels)).all() else None
    if not np.issubdtype(values.dtype, np.integer):
        return None
    # one and the same number in all rows may be anything: a count, a version
    if size == 1 and len(set(best.tolist())) > 1 and (flat[:, 0] == best).all():
        return "place"
    return "places" if size == len(labels) and (flat == np.arange(size)).all() else None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
