"""The frozen part: from the pixels of photos to their features, scaling included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras

from vigie.training.photos.scaling import scale
from vigie.training.photos.weights import load_base

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.training.photos.plan import PhotoPlan

_POOLINGS = {
    "avg": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}


@dataclass(frozen=True)
class Extractor:
    """`model` maps photos, uint8 [rows, height, width, 3], to features float32 [rows, width].

    `base` is the part of it that was trained before; `sha256` that of its weights, `origin` where
    they come from.
    """

    model: keras.Model
    base: keras.Model
    origin: str
    sha256: str
    random: bool


def build_extractor(plan: PhotoPlan, weights: str | None, given: Path | None) -> Extractor:
    """The plan's base behind its scaling; `weights` and `given` as in `load_base`."""
    item = plan.photo
    height, width = item.shape[:2]
    loaded = load_base(plan.base, (height, width), weights, given, plan.plan.seed)
    loaded.model.trainable = False
    photo = keras.Input(item.shape, name=item.name, dtype="uint8")
    seen = loaded.model(scale(plan.base, photo))
    features = _POOLINGS[plan.pooling](name="features")(seen)
    model = keras.Model(photo, features, name="extractor")
    return Extractor(model, loaded.model, loaded.origin, loaded.sha256, loaded.random)
