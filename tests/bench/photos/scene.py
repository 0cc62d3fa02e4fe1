"""Photos drawn by code: a smooth sky, things with edges, and grain all over."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

THINGS = 150
GRAIN = 10.0
"""Standard deviation, of 255: a JPEG of 12 megapixels has 3.6 MB by it, as those of phones do."""


def draw_scene(size: tuple[int, int], seed: int) -> np.ndarray:
    """Pixels, uint8 [height, width, 3], of a photo of `size` (width, height)."""
    width, height = size
    rng = np.random.default_rng(seed)
    sky = Image.fromarray(rng.integers(40, 216, (6, 8, 3)).astype(np.uint8))
    scene = sky.resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(scene)
    for _ in range(THINGS):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        wide, high = width * rng.uniform(0.01, 0.08, 2)
        red, green, blue = rng.integers(20, 236, 3).tolist()
        pen.ellipse((x - wide, y - high, x + wide, y + high), (red, green, blue))
    grain = rng.normal(0, GRAIN, (height, width, 1)).astype(np.float32)
    drawn: np.ndarray = np.clip(np.asarray(scene) + grain, 0, 255).astype(np.uint8)
    return drawn
