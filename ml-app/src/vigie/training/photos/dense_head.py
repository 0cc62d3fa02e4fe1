"""A dense head: a hidden layer with dropout on features, stopped when unseen photos say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np

from vigie.training.photos.linear_head import cross_entropy

if TYPE_CHECKING:
    from vigie.training.photos.linear_head import Fold
    from vigie.training.photos.plan import HeadPlan

BATCH = 64
PATIENCE = 8
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class DenseHead:
    """`model` maps features to scores; `history` has the losses per epoch, `error` the last kept.

    `error` is the cross-entropy of the photos of the fold that were not learnt from.
    """

    model: keras.Model
    history: tuple[dict[str, float], ...]
    error: float

    def scores(self, features: np.ndarray) -> np.ndarray:
        """[photos, labels] of features [photos, width]."""
        return np.asarray(self.model.predict(features, batch_size=4096, verbose=0))


def fit_dense_head(
    plan: HeadPlan,
    features: np.ndarray,
    target: np.ndarray,
    labels: int,
    fold: Fold,
    balanced: bool,
    seed: int,
) -> DenseHead:
    """A head fitted to the training photos of `fold`, `features` as in `fit_linear_head`."""
    keras.utils.set_random_seed(seed)
    learnt = features[:, fold.training]
    copies = len(learnt)
    truth = target[fold.training]
    model = keras.Sequential(
        [
            keras.Input((features.shape[-1],)),
            _standard(learnt.reshape(-1, learnt.shape[-1])),
            keras.layers.Dropout(plan.dropout),
            keras.layers.Dense(plan.units, activation="relu"),
            keras.layers.Dropout(plan.dropout),
            keras.layers.Dense(labels, activation="softmax", name="scores"),
        ]
    )
    model.compile(keras.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy")
    unseen = features[0, fold.judged], target[fold.judged]
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    told = model.fit(
        learnt.reshape(-1, learnt.shape[-1]),
        np.tile(truth, copies),
        batch_size=BATCH,
        epochs=plan.epochs,
        validation_data=unseen,
        class_weight=class_weights(truth) if balanced else None,
        callbacks=[stop],
        verbose=0,
    )
    history = history_of(told)
    head = DenseHead(model, history, 0.0)
    return DenseHead(model, history, cross_entropy(head.scores(unseen[0]), unseen[1]))


def class_weights(target: np.ndarray) -> dict[int, float]:
    """What makes every label count alike, however many photos it has."""
    places, counts = np.unique(target, return_counts=True)
    weights = len(target) / (len(places) * counts)
    return {int(place): float(weight) for place, weight in zip(places, weights, strict=True)}


def history_of(told: keras.callbacks.History) -> tuple[dict[str, float], ...]:
    """The losses of each epoch."""
    kept = {key: told.history[key] for key in ("loss", "val_loss")}
    return tuple(
        {key: float(values[epoch]) for key, values in kept.items()}
        for epoch in range(len(kept["loss"]))
    )


def _standard(features: np.ndarray) -> keras.layers.Layer:
    variance = features.var(axis=0)
    return keras.layers.Normalization(
        mean=features.mean(axis=0).tolist(),
        variance=np.where(variance > 0, variance, 1.0).tolist(),
    )
