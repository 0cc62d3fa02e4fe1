"""Trains the last block of a base too, on the pixels, with a small step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np

from vigie.training.photos.augmentation import augment
from vigie.training.photos.dense_head import class_weights, history_of

if TYPE_CHECKING:
    from vigie.training.photos.extractor import Extractor
    from vigie.training.photos.linear_head import Fold
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan

Advance = Callable[[int, int, str], None]
BATCH = 16
PATIENCE = 2
LEARNING_RATE = 1e-5
LAST_SHARE = 0.2
"""Of the layers of a base without residual blocks."""


@dataclass(frozen=True)
class Tuned:
    """The losses per epoch, the best of unseen photos, and how many layers were trained."""

    history: tuple[dict[str, float], ...]
    error: float
    layers: int


def fine_tune(
    plan: PhotoPlan,
    extractor: Extractor,
    model: keras.Model,
    training: PhotoSet,
    target: np.ndarray,
    fold: Fold,
    advance: Advance,
) -> Tuned:
    """Changes `model` in place: its head, and the last block of the extractor's base.

    Batch normalisation stays as it was trained. The weights of the epoch at which the photos of
    `fold` that are not learnt from were answered best are kept, those of the start included.
    """
    trained = _unfreeze(extractor.base)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy")
    unseen = _Batches(plan, training, target, fold.judged, learning=False)
    before = float(model.evaluate(unseen, verbose=0))
    first = model.get_weights()
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    epochs = plan.fine_tune_epochs

    def tell(epoch: int, logs: dict[str, float]) -> None:
        advance(epoch + 1, epochs, f"validation {logs['val_loss']:.4f}")

    told = model.fit(
        _Batches(plan, training, target, fold.training, learning=True),
        epochs=epochs,
        validation_data=unseen,
        class_weight=class_weights(target[fold.training]) if plan.class_weights else None,
        callbacks=[stop, keras.callbacks.LambdaCallback(on_epoch_end=tell)],
        verbose=0,
    )
    history = history_of(told)
    error = min(entry["val_loss"] for entry in history)
    if before <= error:
        model.set_weights(first)
        error = before
    extractor.base.trainable = False
    return Tuned(history, error, trained)


def _unfreeze(base: keras.Model) -> int:
    """Makes the last block trainable but its batch normalisation; gives how many layers that is."""
    base.trainable = True
    start = _last_block(base.layers)
    trained = 0
    for place, layer in enumerate(base.layers):
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = place >= start and not normalises
        trained += bool(layer.trainable and layer.weights)
    return trained


def _last_block(layers: list[keras.layers.Layer]) -> int:
    """The place of the first layer behind the last sum with a convolution behind it."""
    convolutions = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    last = max(i for i, layer in enumerate(layers) if isinstance(layer, convolutions))
    sums = [i for i, x in enumerate(layers[:last]) if isinstance(x, keras.layers.Add)]
    return sums[-1] + 1 if sums else int(len(layers) * (1 - LAST_SHARE))


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Photos from the disk, a batch at a time; changed copies where they are learnt from."""

    def __init__(
        self,
        plan: PhotoPlan,
        photos: PhotoSet,
        target: np.ndarray,
        places: np.ndarray,
        learning: bool,
    ) -> None:
        super().__init__()
        self._plan = plan
        self._photos = photos
        self._target = target
        self._places = places.copy()
        self._learning = learning
        self._epoch = 0
        self._rng = np.random.default_rng(plan.plan.seed)

    def __len__(self) -> int:
        return math.ceil(len(self._places) / BATCH)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        places = self._places[index * BATCH : (index + 1) * BATCH]
        pixels = self._photos.pixels(places)
        if self._learning and self._epoch:
            digests = [self._photos.sha256[i] for i in places]
            how = self._plan.augmentation
            changed = [
                augment(one, digest, self._epoch + 1, how)
                for one, digest in zip(pixels, digests, strict=True)
            ]
            pixels = np.stack(changed)
        return {self._plan.photo.name: pixels}, self._target[places]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        if self._learning:
            self._rng.shuffle(self._places)
