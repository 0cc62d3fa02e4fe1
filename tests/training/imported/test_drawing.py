"""Made-up photos look like photos: all levels, each another, the same every time."""

from __future__ import annotations

import numpy as np

from vigie.training.imported.drawing import drawn_photo


def test_drawn_photos_differ_and_stay() -> None:
    first, second = drawn_photo(40, 60, 0), drawn_photo(40, 60, 1)
    assert first.shape == (40, 60, 3)
    assert first.dtype == np.uint8
    assert (first == drawn_photo(40, 60, 0)).all()
    assert np.abs(first.astype(int) - second).mean() > 10
    assert first.std() > 15
