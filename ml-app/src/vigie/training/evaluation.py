"""How good answers are on rows that were not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vigie.models.document import Task
    from vigie.models.interval import Interval
    from vigie.training.dataset import Dataset
    from vigie.training.plan import Plan

SLICES = 4
MOST_CHOICES = 10


@dataclass(frozen=True)
class Evaluation:
    """What a network answers for held-out rows, [rows] numbers or labels, and how good that is.

    `error` is the one figure by which versions are compared, NaN where none can be told; `slices`
    are rows of a table.
    """

    predicted: np.ndarray
    interval: Interval | None
    metrics: dict[str, float]
    error: float
    slices: list[dict[str, Any]]


def evaluate(
    plan: Plan, held_out: Dataset, predicted: np.ndarray, interval: Interval | None
) -> Evaluation:
    """The figures of these answers, and of the interval around them where there is one."""
    metrics = score(plan.task, predicted, held_out.target)
    if interval is not None:
        lower, upper = interval.bounds(predicted)
        metrics |= coverage(lower, upper, held_out.target)
    errors = errors_of(plan.task, predicted, held_out.target)
    slices = error_by_slice(held_out, plan.slices, errors)
    return Evaluation(predicted, interval, metrics, main_error(plan.task, metrics), slices)


def errors_of(task: Task, predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """One error per row: the absolute one, or 1 for a wrong label."""
    if task == "classification":
        wrong: np.ndarray = predicted != actual
        return wrong.astype(float)
    errors: np.ndarray = np.abs(predicted.astype(float) - actual.astype(float))
    return errors


def score(task: Task, predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """The usual figures: accuracy and macro F1, or absolute, squared and relative errors.

    A truth of 0 has no relative error: then there is none at all.
    """
    if task == "classification":
        return {
            "accuracy": float(np.mean(predicted == actual)),
            "macro_f1": _macro_f1(predicted, actual),
        }
    error = predicted - actual
    spread = float(np.sum((actual - actual.mean()) ** 2))
    figures = {
        "mae": float(np.mean(np.abs(error))),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "r2": float(1 - np.sum(error**2) / spread) if spread else 0.0,
    }
    if np.all(actual != 0):
        relative = np.abs(error) / np.abs(actual)
        figures |= {"mape": float(np.mean(relative)), "median_ape": float(np.median(relative))}
    return figures


def coverage(lower: np.ndarray, upper: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """The share of truths inside the interval, and its mean width relative to the truth."""
    inside = (lower <= actual) & (actual <= upper)
    figures = {"interval_coverage": float(inside.mean())}
    if np.all(actual != 0):
        figures["interval_relative_width"] = float(np.mean((upper - lower) / np.abs(actual)))
    return figures


def main_error(task: Task, scores: dict[str, float]) -> float:
    """The one figure by which versions are compared; smaller is better."""
    return 1 - scores["accuracy"] if task == "classification" else scores["mae"]


def main_metric(task: Task) -> str:
    """The name of the figure by which versions are compared."""
    return "error_rate" if task == "classification" else "mae"


def error_by_slice(
    dataset: Dataset, names: Sequence[str], errors: np.ndarray, parts: int = SLICES
) -> list[dict[str, Any]]:
    """The mean error per choice, or per one of `parts` of a number, for each named input."""
    table: list[dict[str, Any]] = []
    for name in names:
        values = dataset.columns.get(name)
        if values is None:
            continue
        for label, chosen in _groups(values, parts):
            if chosen.any():
                table.append(
                    {
                        "input": name,
                        "slice": label,
                        "rows": int(chosen.sum()),
                        "error": float(errors[chosen].mean()),
                    }
                )
    return table


def _groups(values: Sequence[Any], parts: int) -> list[tuple[str, np.ndarray]]:
    missing = np.array([value is None for value in values])
    groups = [("missing", missing)]
    if any(isinstance(value, str) for value in values):
        texts = np.array([str(value) for value in values])
        common, counts = np.unique(texts[~missing], return_counts=True)
        most = common[np.argsort(-counts)][:MOST_CHOICES]
        return groups + [(str(text), (texts == text) & ~missing) for text in most]
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, parts + 1)))
    for low, high in pairwise(edges):
        last = high == edges[-1]
        below = numbers <= high if last else numbers < high
        groups.append((f"{low:.4g} to {high:.4g}", (numbers >= low) & below))
    return groups


def _macro_f1(predicted: np.ndarray, actual: np.ndarray) -> float:
    scores = []
    for label in np.unique(actual):
        hit = float(np.sum((predicted == label) & (actual == label)))
        wrong = float(np.sum((predicted == label) != (actual == label)))
        scores.append(2 * hit / (2 * hit + wrong) if hit else 0.0)
    return float(np.mean(scores))
