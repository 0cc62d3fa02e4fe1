"""Real packages of the shipped recipes, trained briefly: quality is not their point, parity is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.models import Model

from support.real_data import find_data
from vigie.errors import DataError
from vigie.recipes.catalogue import find_table
from vigie.recipes.housing.sales import generated_sales
from vigie.settings import load_settings
from vigie.training.dataset import Dataset, split
from vigie.training.network import KerasNetwork
from vigie.training.packaging import Trained, write_package
from vigie.training.plan import Plan
from vigie.training.trials import calibrate, fit_trial, trials_of

REAL_FILES = {
    "housing": "housing/dvf_hendaye_2019_2023_train.csv",
    "king_county": "housing/king_county_train.csv",
    "california": "housing/california_housing_train.csv",
}
EPOCHS = 2


@dataclass(frozen=True)
class TrainedPackage:
    """A package on disk, its digest, and the rows it was made from."""

    name: str
    root: Path
    digest: str
    plan: Plan
    training: Dataset
    held_out: Dataset


def real_file(name: str) -> Path | None:
    """The real data of a recipe, where VIGIE_TEST_DATA has it."""
    return find_data(REAL_FILES[name]) if name in REAL_FILES else None


def load_data(name: str) -> Dataset:
    """The rows of a recipe: real where they are; else housing is generated and others skip."""
    recipe = find_table(name)
    path = real_file(name)
    if path is not None:
        return recipe.load((path,), load_settings(), lambda _: None)
    if name == "housing":
        return generated_sales(recipe.spec)
    try:
        return recipe.load((), load_settings(), lambda _: None)
    except DataError:
        pytest.skip(f"VIGIE_TEST_DATA has no data for {name}")


def train_package(
    name: str, root: Path, parts: tuple[Dataset, Dataset] | None = None
) -> TrainedPackage:
    """Trains a recipe for a moment and writes its package. `parts`: for training, and held out."""
    training, held_out = parts or split(load_data(name))
    plan = find_table(name).spec.plan().fitted_to(training)
    labels = plan.labels(training)
    trial = trials_of(plan, len(training), 1)[0]
    epochs = trial.epochs or (60 if plan.architecture == "linear" else EPOCHS)
    trial = type(trial)(trial.architecture, trial.seed, trial.size, epochs)
    fitted = fit_trial(plan, trial, training, labels, lambda *_: None).fitted
    trained = Trained(
        plan, KerasNetwork(fitted.model, plan.inputs), training, held_out,
        calibrate(plan, fitted), labels, {"mae": 1.0}, None, "2026-01-01T00:00:00",
    )  # fmt: skip
    digest = write_package(trained, root, Model()).digest
    return TrainedPackage(name, root, digest, plan, training, held_out)
