"""The features of photos, computed once: a folder keeps them for the next training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import DataError
from vigie.files import replacing
from vigie.training.photos.augmentation import augment

if TYPE_CHECKING:
    from vigie.training.photos.extractor import Extractor
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan

Advance = Callable[[int, int, str], None]
AUGMENTATION = 1
"""Counts up when `augment` makes other copies of the same photos."""
KEPT_TOGETHER = 256
MOST_NUMBERS = 2_000_000


class FeatureStore:
    """Features by photo and copy, for one base, its weights, size, resize and augmentation."""

    def __init__(self, plan: PhotoPlan, extractor: Extractor, folder: Path) -> None:
        self._plan = plan
        self._model = extractor.model
        self._folder = folder / _key(plan, extractor)
        self._known: dict[str, np.ndarray] = {}
        self._read()

    def features(
        self, photos: PhotoSet, copies: int = 0, advance: Advance = lambda done, total, note: None
    ) -> np.ndarray:
        """Float32 [1 + copies, photos, width]: of the photos themselves, then of each copy."""
        wanted = [(copy, place) for copy in range(copies + 1) for place in range(len(photos))]
        new = [one for one in wanted if _name(photos, *one) not in self._known]
        for start in range(0, len(new), KEPT_TOGETHER):
            part = new[start : start + KEPT_TOGETHER]
            self._compute(photos, part)
            advance(start + len(part), len(new), "")
        found = np.stack([self._known[_name(photos, *one)] for one in wanted])
        return found.reshape(copies + 1, len(photos), -1)

    def _compute(self, photos: PhotoSet, part: Sequence[tuple[int, int]]) -> None:
        most = max(MOST_NUMBERS // int(np.prod(photos.item.shape)), 1)
        rows = []
        for start in range(0, len(part), most):
            pixels = [
                augment(photos.pixels([i])[0], photos.sha256[i], copy, self._plan.augmentation)
                for copy, i in part[start : start + most]
            ]
            # of one size, so that TensorFlow compiles the base once
            padded = np.zeros((most, *photos.item.shape), np.uint8)
            padded[: len(pixels)] = pixels
            rows.append(np.asarray(self._model.predict_on_batch(padded))[: len(pixels)])
        names = [_name(photos, *one) for one in part]
        found = np.concatenate(rows)
        self._known.update(zip(names, found, strict=True))
        self._write(names, found)

    def _write(self, names: Sequence[str], found: np.ndarray) -> None:
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._folder / f"{digest}.npz") as file:
                np.savez(file, names=np.array(names), features=found)
        except OSError as failure:
            raise DataError(f"the data folder cannot be written ({failure.strerror})") from None

    def _read(self) -> None:
        for path in sorted(self._folder.glob("*.npz")):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                    self._known.update(zip(kept["names"].tolist(), kept["features"], strict=True))
            # what a full disk left is computed again
            except Exception:
                path.unlink(missing_ok=True)


def _name(photos: PhotoSet, copy: int, place: int) -> str:
    return f"{photos.sha256[place]} {copy}"


def _key(plan: PhotoPlan, extractor: Extractor) -> str:
    item, how = plan.photo, plan.augmentation
    parts = (
        plan.base, plan.pooling, extractor.sha256, item.shape, item.resize, AUGMENTATION,
        how.flip, how.crop, how.brightness,
    )  # fmt: skip
    return f"{plan.base}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"
