"""How good a caller's own model is on rows held out, beside simple models and by its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from vigie.errors import DataError
from vigie.models.interval import FEWEST_ROWS, Interval
from vigie.models.model_output import best_labels
from vigie.registry.gate.accuracy import discriminates
from vigie.training.evaluation import Evaluation, coverage, evaluate, main_error, score

if TYPE_CHECKING:
    from vigie.models.document import Task
    from vigie.training.dataset import Dataset
    from vigie.training.own.model import OwnModel
    from vigie.training.plan import Plan

SHARE_TOLERANCE = 1e-3
FEWEST_ORDERED = 30
CLEAR = 0.75
"""Of each label's rows, the mean share that another order of the labels gets right."""


@dataclass(frozen=True)
class OwnEvaluation(Evaluation):
    """An evaluation with what is to be said of it.

    `discriminates`: its scores rank the classes better than chance does.
    """

    discriminates: bool = False
    notes: tuple[str, ...] = ()


def evaluate_own(plan: Plan, own: OwnModel, held_out: Dataset) -> OwnEvaluation:
    """The figures on the held-out rows; the interval from one half of them, tried on the other."""
    values = own.network.answer(held_out)[own.network.tensors[0]]
    values = values.reshape(
        -1, *((len(own.target.labels),) if own.target.labels else own.target.shape)
    )
    if not np.isfinite(values).all():
        raise DataError("the model answers some of these rows with NaN or infinity")
    if plan.task == "classification":
        labels = own.target.labels
        _check_shares(values)
        predicted = np.array(best_labels(labels, values), object)
        if own.target.guessed:
            _check_order(labels, predicted, held_out.target)
        found = evaluate(plan, held_out, predicted, None)
        ranks = discriminates(values, held_out.target, labels)
        return OwnEvaluation(**vars(found), discriminates=ranks)
    if values.ndim > 1:
        return _of_vectors(values, held_out)
    predicted = values.astype(np.float64)
    found = evaluate(plan, held_out, predicted, None)
    if plan.interval_level is None:
        return OwnEvaluation(**vars(found))
    return _with_interval(found, predicted, held_out.target, plan.interval_level)


def _check_shares(values: np.ndarray) -> None:
    if values.min() < -SHARE_TOLERANCE or values.max() > 1 + SHARE_TOLERANCE:
        raise DataError(
            "the model's scores are no shares from 0 to 1: end it with softmax (sigmoid where it "
            "has one score), or compile it with a loss of from_logits=True"
        )


def _check_order(labels: tuple[str, ...], predicted: np.ndarray, actual: np.ndarray) -> None:
    """Raises `DataError` where the scores fit the labels well, and in another order."""
    if len(actual) < FEWEST_ORDERED:
        return
    found = [label for label in labels if (actual == label).any()]
    shares = np.array([[(predicted[actual == a] == p).mean() for p in labels] for a in found])
    own = np.mean([shares[row, labels.index(label)] for row, label in enumerate(found)])
    rows, places = linear_sum_assignment(-shares)
    if len(found) < len(labels) or own >= 1 / len(labels) or shares[rows, places].mean() < CLEAR:
        return
    better = [found[row] for row in np.argsort(places)]
    raise DataError(
        f"targets: the scores fit the labels in the order {', '.join(better)} and not "
        f"{', '.join(labels)}; say with labels= which score is whose"
    )


def _of_vectors(values: np.ndarray, held_out: Dataset) -> OwnEvaluation:
    error = float(np.mean(np.abs(values - held_out.target)))
    note = "vectors have no interval, and the gate compares none"
    return OwnEvaluation(values, None, {"mae": error}, error, [], notes=(note,))


def _with_interval(
    found: Evaluation, predicted: np.ndarray, actual: np.ndarray, level: float
) -> OwnEvaluation:
    # by turns, so that rows in the order of time are on both sides
    half = np.arange(len(predicted)) % 2 == 0
    if half.sum() < FEWEST_ROWS:
        note = f"no interval: {2 * FEWEST_ROWS} held-out rows are needed, there are {len(half)}"
        return OwnEvaluation(**vars(found), notes=(note,))
    interval = Interval.calibrate(predicted[half], actual[half], level)
    lower, upper = interval.bounds(predicted[~half])
    metrics = found.metrics | coverage(lower, upper, actual[~half])
    return OwnEvaluation(predicted, interval, metrics, found.error, found.slices)


def simple_errors(task: Task, training: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """The error of one answer for every row: the most frequent label, or the median."""
    if task == "classification":
        labels, counts = np.unique(training.astype(str), return_counts=True)
        answer = np.full(len(held_out), labels[counts.argmax()], object)
        return {"majority": main_error(task, score(task, answer, held_out))}
    median = np.median(training, axis=0)
    return {"median": float(np.mean(np.abs(held_out - median)))}
