"""What can be told of a photo in numbers: size, aspect, brightness, contrast and the like.

They are what the drift of photos is measured by. Each but brightness and contrast is relative, so
that light alone moves no other: a photo at half the light has half the brightness and contrast, the
same colourfulness and the same sharpness.
"""

from __future__ import annotations

import numpy as np

FIGURES = (
    "megapixels", "aspect", "brightness", "contrast", "colourfulness", "sharpness",
)  # fmt: skip
_LEAST_STEP, _SAMPLES = 2, 56
"""Of the shorter side about so many rows or columns are looked at, and never each of them."""
_RED, _GREEN, _BLUE, _HALF = map(np.float32, (0.299, 0.587, 0.114, 0.5))
_LEAST = 1.0
"""Of 255: below it a photo is black or plain, and a ratio to it would mean nothing."""


def photo_figures(pixels: np.ndarray, size: tuple[int, int]) -> tuple[float, ...]:
    """One number per name of `FIGURES`, from pixels uint8 [height, width, 3].

    `size` is (width, height) of the photo as it came, turned upright. Brightness and contrast are
    mean and standard deviation of the luma (ITU-R BT.601), 0 to 1; colourfulness is that of Hasler
    and Süsstrunk (2003, eq. 3 to 8), sharpness the mean absolute Laplacian of the green levels, the
    one relative to brightness and the other to the contrast of green. The pixels of some rows and
    columns are looked at, evenly spread, with the neighbours that each has: they are computed for
    every photo that is answered, and more of them would tell the same.
    """
    step = max(min(pixels.shape[:2]) // _SAMPLES, _LEAST_STEP)
    red, green, blue = (pixels[::step, ::step, place].astype(np.float32) for place in range(3))
    luma = red * _RED + green * _GREEN + blue * _BLUE
    brightness, contrast = float(luma.mean()), float(luma.std())
    red_green = red - green
    yellow_blue = (red + green) * _HALF - blue
    colour = float(np.hypot(red_green.std(), yellow_blue.std()))
    colour += 0.3 * float(np.hypot(red_green.mean(), yellow_blue.mean()))
    width, height = size
    return (
        width * height / 1e6,
        width / height,
        brightness / 255,
        contrast / 255,
        colour / max(brightness, _LEAST),
        _edges(pixels[:, :, 1], step) / max(float(green.std()), _LEAST),
    )


def _edges(levels: np.ndarray, step: int) -> float:
    """The mean absolute Laplacian; 0 where there is no pixel with four neighbours."""
    before, middle, after = slice(None, -2, step), slice(1, -1, step), slice(2, None, step)
    own, *around = (
        levels[rows, columns].astype(np.int16)
        for rows, columns in (
            (middle, middle), (before, middle), (after, middle), (middle, before), (middle, after)
        )
    )  # fmt: skip
    return float(np.abs(sum(around) - 4 * own).mean()) if own.size else 0.0
