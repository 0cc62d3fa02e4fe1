"""Trials: networks of other architectures, sizes and seeds, fitted to the same data, compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count as count_from
from itertools import islice
from typing import TYPE_CHECKING

import keras
import numpy as np

from vigie.models.interval import Interval
from vigie.models.model_output import best_labels
from vigie.training.encoding import network_columns, network_features
from vigie.training.evaluation import main_error, score
from vigie.training.fit import EPOCHS, FitConfig, fit_network
from vigie.training.graph.export import predict_keras
from vigie.training.networks import NetworkConfig, default_size

if TYPE_CHECKING:
    from vigie.training.dataset import Dataset
    from vigie.training.fit import Fitted
    from vigie.training.networks import Size
    from vigie.training.plan import Architecture, Plan

Advance = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Trial:
    """One network to fit."""

    architecture: Architecture
    seed: int
    size: Size
    epochs: int | None = None

    def network(self, plan: Plan, labels: tuple[str, ...]) -> NetworkConfig:
        """The network of this trial for a plan with these classes."""
        target = plan.target
        return NetworkConfig(
            self.architecture, self.size, plan.task, target.name, target.log, len(labels)
        )

    def parameters(self) -> dict[str, object]:
        """What tells this trial from another."""
        return {
            "architecture": self.architecture,
            "trial.seed": self.seed,
            "epochs": self.epochs or "default",
            "members": self.size.members,
            "folds": self.size.folds,
            "bins": self.size.bins,
            "width": self.size.width,
        }


@dataclass(frozen=True)
class FittedTrial:
    """A fitted network and its error on the rows that its members were kept from."""

    trial: Trial
    fitted: Fitted
    error: float


def trials_of(plan: Plan, rows: int, count: int) -> list[Trial]:
    """`count` different trials; the first is the recipe's own."""
    first = Trial(plan.architecture, plan.seed, default_size(plan.architecture, rows), plan.epochs)
    return [first, *islice(_variations(plan, first, rows), count - 1)]


def _variations(plan: Plan, first: Trial, rows: int) -> Iterator[Trial]:
    """The other architecture, then other sizes of the first, then other seeds, without end."""
    if plan.architecture != "linear":
        other: Architecture = "conv" if plan.architecture == "dense" else "dense"
        yield replace(first, architecture=other, size=default_size(other, rows))
        yield replace(first, size=replace(first.size, width=96))
        yield replace(first, size=replace(first.size, bins=max(8, first.size.bins // 2)))
    for offset in count_from(1):
        yield replace(first, seed=plan.seed + offset)


def fit_trial(
    plan: Plan, trial: Trial, training: Dataset, labels: tuple[str, ...], advance: Advance
) -> FittedTrial:
    """Fits one network on all training rows; `advance` is told of every epoch."""
    target = training.target
    if labels:
        index = {label: number for number, label in enumerate(labels)}
        target = np.array([index[str(label)] for label in target], np.int64)
    epochs = trial.epochs or EPOCHS[trial.architecture]

    def on_epoch(epoch: int, losses: dict[str, float]) -> None:
        advance(epoch, epochs, f"validation {losses['val_loss']:.4f}")

    config = FitConfig(trial.network(plan, labels), epochs, trial.seed)
    features = network_features(plan.inputs)
    columns = network_columns(plan.inputs, training)
    fitted = fit_network(config, features, columns, target, on_epoch)
    return FittedTrial(trial, fitted, _validation_error(plan, fitted))


def _validation_error(plan: Plan, fitted: Fitted) -> float:
    predicted = fitted.predicted
    if plan.task == "classification":
        predicted = predicted.argmax(axis=1)
    return main_error(plan.task, score(plan.task, predicted, fitted.actual))


def predict(plan: Plan, model: keras.Model, rows: Dataset, labels: tuple[str, ...]) -> np.ndarray:
    """What a fitted network answers for these rows: float64 [rows], or labels [rows]."""
    answers = predict_keras(model, network_columns(plan.inputs, rows))
    values = answers[model.output_names[0]]
    if labels:
        return np.array(best_labels(labels, values), object)
    return np.asarray(values.reshape(-1), np.float64)


def calibrate(plan: Plan, fitted: Fitted) -> Interval | None:
    """The interval from answers to rows not learnt from, where the plan asks for one."""
    if plan.task == "classification" or plan.interval_level is None:
        return None
    return Interval.calibrate(fitted.predicted, fitted.actual, plan.interval_level)
