"""Photos that are drawn: bars, dots and lines of any size, as files in a folder per label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

LABELS = ("bars", "dots", "lines")
_STEP = 12


def draw_photo(label: str, seed: int, size: tuple[int, int] = (120, 90)) -> Image.Image:
    """A pattern in any colour on a ground that fades from one colour to another.

    The colours say nothing of the label.
    """
    rng = np.random.default_rng([LABELS.index(label), seed])
    corners = Image.fromarray(rng.integers(40, 216, (2, 2, 3), dtype=np.uint8))
    ground = np.asarray(corners.resize(size, Image.Resampling.BILINEAR), np.int16)
    noisy = ground + rng.integers(-15, 16, ground.shape)
    image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    # far from the middle, so that the pattern is seen on any ground
    ink = tuple(
        int(level) for level in rng.choice([rng.integers(0, 30), rng.integers(226, 256)], 3)
    )
    left, top = (int(start) for start in rng.integers(0, _STEP, 2))
    if label == "bars":
        for x in range(left, size[0], _STEP):
            draw.rectangle((x, 0, x + 4, size[1]), ink)
    elif label == "lines":
        for y in range(top, size[1], _STEP):
            draw.rectangle((0, y, size[0], y + 4), ink)
    else:
        for x in range(left, size[0], _STEP):
            for y in range(top, size[1], _STEP):
                draw.ellipse((x, y, x + 6, y + 6), ink)
    return image


def draw_folder(root: Path, each: int, seed: int = 0) -> Path:
    """`each` photos of every label below `root`, a folder per label; gives `root`."""
    for label in LABELS:
        folder = root / label
        folder.mkdir(parents=True)
        for number in range(each):
            draw_photo(label, seed + number).save(folder / f"{number:03}.jpg", quality=92)
    return root
