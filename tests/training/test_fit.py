"""A network is fitted as its configuration says, and the same one comes twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vigie.models.document import Task
from vigie.training.encoding import Feature
from vigie.training.fit import FitConfig, fit_network
from vigie.training.networks import NetworkConfig, Size
from vigie.training.plan import Architecture

ROWS = 120
SIZE = Size(members=4, folds=2, bins=4, width=8)
RNG = np.random.default_rng(3)
COLUMNS = {"a": RNG.uniform(0, 1, ROWS), "b": RNG.uniform(0, 1, ROWS)}
FEATURES = (Feature("a", "numeric"), Feature("b", "numeric"))
PRICE = np.exp(COLUMNS["a"] + 2 * COLUMNS["b"])


def config(architecture: Architecture, classes: int = 0, log: bool = False) -> FitConfig:
    task: Task = "classification" if classes else "regression"
    network = NetworkConfig(architecture, SIZE, task, "answer", log, classes)
    return FitConfig(network, epochs=2)


@pytest.mark.parametrize("architecture", ["linear", "dense", "conv"])
def test_a_regression_answers_one_number_per_row(architecture: Architecture) -> None:
    fitted = fit_network(config(architecture, log=True), FEATURES, COLUMNS, PRICE)
    assert fitted.model.output_names == ["answer"]
    assert fitted.predicted.shape == PRICE.shape
    assert fitted.predicted.min() > 0
    assert len(fitted.history) == 2
    assert fitted.history[0].keys() == {"loss", "val_loss"}


def test_a_classification_answers_shares_that_sum_to_one() -> None:
    target = (np.median(PRICE) < PRICE).astype(np.int64)
    fitted = fit_network(config("dense", classes=2), FEATURES, COLUMNS, target)
    assert fitted.predicted.shape == (ROWS, 2)
    np.testing.assert_allclose(fitted.predicted.sum(axis=1), 1)


def test_the_same_seed_gives_the_same_answers_and_another_one_others() -> None:
    wanted = config("dense")
    first, second, other = (
        fit_network(one, FEATURES, COLUMNS, PRICE).predicted
        for one in (wanted, wanted, replace(wanted, seed=8))
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 0


def test_every_epoch_is_told() -> None:
    told: list[int] = []
    fit_network(config("linear"), FEATURES, COLUMNS, PRICE, lambda epoch, _: told.append(epoch))
    assert told == [1, 2]


def test_a_logarithm_needs_targets_above_zero() -> None:
    with pytest.raises(ValueError, match="above zero"):
        fit_network(config("dense", log=True), FEATURES, COLUMNS, PRICE - PRICE.min())
