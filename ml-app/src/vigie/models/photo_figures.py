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
_STEP = 2
_RED, _GREEN, _BLUE, _HALF = map(np.float32, (0.299, 0.587, 0.114, 0.5))
_LEAST = 1.0
"""Of 255: below it a photo is black or plain, and a ratio to it would mean nothing."""


def photo_figures(pixels: np.ndarray, size: tuple[int, int]) -> tuple[float, ...]:
    """One number per name of `FIGURES`, from pixels uint8 [height, width, 3].

    `size` is (width, height) of the photo as it came, turned upright. Brightness and contrast are
    mean and standard deviation of the luma (ITU-R BT.601), 0 to 1; colourfulness is that of Hasler
    and Süsstrunk (2003, eq. 3 to 8), sharpness the mean absolute Laplacian of the green levels, the
    one relative to brightness and the other to the contrast of green. A quarter of the pixels, of
    every second row and column, is looked at, with the neighbours that each has.
    """
    red, green, blue = (pixels[::_STEP, ::_STEP, place].astype(np.float32) for place in range(3))
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
        _edges(pixels[:, :, 1]) / max(float(green.std()), _LEAST),
    )


def _edges(levels: np.ndarray) -> float:
    """The mean absolute Laplacian; 0 where there is no pixel with four neighbours."""
    levels = levels.astype(np.int16)
    middle = levels[1:-1:_STEP, 1:-1:_STEP]
    if not middle.size:
        return 0.0
    around = levels[:-2:_STEP, 1:-1:_STEP] + levels[2::_STEP, 1:-1:_STEP]
    around += levels[1:-1:_STEP, :-2:_STEP] + levels[1:-1:_STEP, 2::_STEP]
    around -= 4 * middle
    return float(np.abs(around).mean())
