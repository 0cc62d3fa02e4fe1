from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from vigie.training.dataset import Dataset
from vigie.training.evaluation import coverage, error_by_slice, errors_of, main_error, score


def test_regression_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    actual = rng.uniform(1, 9, 200)
    predicted = actual + rng.normal(0, 1, 200)
    figures = score("regression", predicted, actual)
    assert figures["mae"] == pytest.approx(metrics.mean_absolute_error(actual, predicted))
    assert figures["rmse"] == pytest.approx(metrics.root_mean_squared_error(actual, predicted))
    assert figures["r2"] == pytest.approx(metrics.r2_score(actual, predicted))
    assert figures["mape"] == pytest.approx(
        metrics.mean_absolute_percentage_error(actual, predicted)
    )
    assert main_error("regression", figures) == figures["mae"]


def test_classification_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    labels = np.array(["a", "b", "c"], object)
    actual = labels[rng.integers(0, 3, 100)]
    predicted = np.where(rng.random(100) < 0.7, actual, "a").astype(object)
    figures = score("classification", predicted, actual)
    expected = metrics.f1_score(actual.astype(str), predicted.astype(str), average="macro")
    assert figures["macro_f1"] == pytest.approx(expected)
    assert main_error("classification", figures) == pytest.approx(1 - figures["accuracy"])


def test_coverage_counts_both_ends() -> None:
    figures = coverage(
        np.array([1.0, 1, 1, 1]), np.array([2.0, 2, 2, 2]), np.array([1.0, 2, 3, 0.5])
    )
    assert figures["interval_coverage"] == 0.5


def test_slices_cover_every_row_once_per_input() -> None:
    data = Dataset(
        {"size": [1.0, 2.0, 3.0, 4.0, None, 6.0], "kind": ["a", "b", "a", None, "a", "b"]},
        np.ones(6),
        list("abcdef"),
        "test",
        "",
    )
    errors = errors_of("regression", np.arange(6.0), np.zeros(6))
    table = error_by_slice(data, ["size", "kind", "absent"], errors)
    for name in ("size", "kind"):
        rows = [entry for entry in table if entry["input"] == name]
        assert sum(entry["rows"] for entry in rows) == 6
        total = sum(entry["rows"] * entry["error"] for entry in rows)
        assert total == pytest.approx(errors.sum())
