"""Made-up photos, to try models on."""

from __future__ import annotations

import numpy as np


def drawn_photo(height: int, width: int, number: int) -> np.ndarray:
    """A made-up photo, uint8 [height, width, 3], another for every number: soft areas and grain."""
    rng = np.random.default_rng(number)
    down, across = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[None, :, None]
    corners = rng.uniform(20, 235, (4, 3))
    area = (corners[0] * (1 - across) + corners[1] * across) * (1 - down)
    area = area + (corners[2] * (1 - across) + corners[3] * across) * down
    waves = rng.uniform(1, 9, (2, 3))
    area = area + 30 * np.sin(6.28 * (waves[0] * down + waves[1] * across))
    grain = rng.normal(0, 12, (height, width, 3))
    pixels: np.ndarray = np.clip(area + grain, 0, 255).astype(np.uint8)
    return pixels
