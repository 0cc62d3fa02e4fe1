"""Changed copies of photos, the same ones in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from vigie.training.photos.plan import Augmentation


def augment(pixels: np.ndarray, sha256: str, copy: int, plan: Augmentation) -> np.ndarray:
    """Copy number `copy` of a photo, uint8 [height, width, 3]; number 0 is the photo itself.

    What changes is drawn from `sha256`, that of the photo's file, and the number.
    """
    if copy == 0:
        return pixels
    if plan.flip and copy == 1:
        return pixels[:, ::-1]
    rng = np.random.default_rng([copy, *bytes.fromhex(sha256[:32])])
    changed = _crop(pixels, plan.crop, rng)
    if plan.flip and copy % 2:
        changed = changed[:, ::-1]
    factor = 1 + plan.brightness * rng.uniform(-1, 1)
    return np.clip(np.rint(changed * np.float32(factor)), 0, 255).astype(np.uint8)


def _crop(pixels: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """A part of the photo, drawn to its size."""
    height, width = pixels.shape[:2]
    kept = 1 - most * rng.random()
    left, top = rng.random(2) * (1 - kept) * (width, height)
    box = (left, top, left + kept * width, top + kept * height)
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box))
