"""Cross-validation against the baselines, paired: every model sees the same rows of every fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.training.baselines import BOOSTING, predict_baselines
from vigie.training.evaluation import main_error, score
from vigie.training.trials import calibrate, fit_trial, predict, trials_of

if TYPE_CHECKING:
    from vigie.training.dataset import Dataset
    from vigie.training.plan import Plan

SIZE_GROUPS = 3


@dataclass(frozen=True)
class FoldResult:
    """One fold: the error of the network and of each baseline, and how often intervals hold.

    `coverage` is the share of truths inside the interval, `coverage_by_size` the same in each
    third of the predicted value; both are absent without an interval.
    """

    error: float
    baselines: dict[str, float]
    coverage: float | None = None
    coverage_by_size: tuple[float, ...] = ()

    @property
    def gap(self) -> float:
        """The network's error relative to gradient boosting's: 0.03 is 3 % worse."""
        reference = self.baselines[BOOSTING]
        return self.error / reference - 1 if reference else self.error


def cross_validate(
    plan: Plan, dataset: Dataset, folds: int, repeats: int, on_fold: Callable[[int, int], object]
) -> list[FoldResult]:
    """One result per fold and repeat; `on_fold` is told how many of how many are done."""
    results: list[FoldResult] = []
    for training, test in _splits(dataset, folds, repeats, plan.seed):
        results.append(_run_fold(plan, training, test))
        on_fold(len(results), folds * repeats)
    return results


def _splits(
    dataset: Dataset, folds: int, repeats: int, seed: int
) -> Iterator[tuple[Dataset, Dataset]]:
    """Rows of one id are never on both sides."""
    groups = np.unique(np.array(dataset.ids, object).astype(str), return_inverse=True)[1]
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        fold_of_group = rng.permutation(groups.max() + 1) % folds
        fold = fold_of_group[groups]
        for number in range(folds):
            inside = fold == number
            yield dataset.take(np.flatnonzero(~inside)), dataset.take(np.flatnonzero(inside))


def _run_fold(plan: Plan, training: Dataset, test: Dataset) -> FoldResult:
    plan = plan.fitted_to(training)
    labels = plan.labels(training)
    baselines = {
        name: _error(plan, predicted, test)
        for name, predicted in predict_baselines(plan, training, test).items()
    }
    trial = trials_of(plan, len(training), 1)[0]
    fitted = fit_trial(plan, trial, training, labels, lambda done, total, note: None).fitted
    predicted = predict(plan, fitted.model, test, labels)
    error, interval = _error(plan, predicted, test), calibrate(plan, fitted)
    if interval is None:
        return FoldResult(error, baselines)
    lower, upper = interval.bounds(predicted)
    inside = (lower <= test.target) & (test.target <= upper)
    thirds = np.array_split(np.argsort(predicted, kind="stable"), SIZE_GROUPS)
    by_size = tuple(float(inside[rows].mean()) for rows in thirds)
    return FoldResult(error, baselines, float(inside.mean()), by_size)


def _error(plan: Plan, predicted: np.ndarray, test: Dataset) -> float:
    return main_error(plan.task, score(plan.task, predicted, test.target))


def summarise(results: list[FoldResult]) -> dict[str, float]:
    """The means over all folds, and the spread of the gap between them."""
    gaps = np.array([result.gap for result in results])
    figures = {"folds": float(len(results))}
    figures["error"] = float(np.mean([result.error for result in results]))
    for name in results[0].baselines:
        figures[f"error of {name}"] = float(np.mean([r.baselines[name] for r in results]))
    figures["gap to gradient boosting"] = float(gaps.mean())
    figures["spread of the gap"] = float(gaps.std())
    if results[0].coverage is not None:
        figures["coverage"] = float(np.mean([r.coverage for r in results]))
        by_size = np.mean([r.coverage_by_size for r in results], axis=0)
        for name, share in zip(("low", "middle", "high"), by_size, strict=True):
            figures[f"coverage, {name} third of the predicted value"] = float(share)
    return figures
