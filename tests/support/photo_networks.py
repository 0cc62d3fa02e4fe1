"""Networks of `keras.applications` with random weights under which photos get scores far apart."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from support.photos import photo_input
from vigie.models.photo import read_photo

CLASSES = ("red", "green", "blue")
_SPREAD = 0.5


def photo_network(
    kind: str, side: int, files: dict[str, bytes]
) -> tuple[keras.Model, dict[str, list[float]]]:
    """A network of three classes that takes pixels from -1 to 1, and its scores of these files."""
    keras.utils.set_random_seed(2)
    model = getattr(keras.applications, kind)(
        weights=None, input_shape=(side, side, 3), classes=len(CLASSES)
    )
    item = photo_input(side)
    pixels = {name: read_photo(content, item).pixels for name, content in files.items()}
    photos = [pixel[np.newaxis] / np.float32(127.5) - 1 for pixel in pixels.values()]
    _tell_apart(model, photos)
    # one at a time, as memory has room for
    scores = [model(photo, training=False).numpy()[0].tolist() for photo in photos]
    return model, dict(zip(pixels, scores, strict=True))


def _tell_apart(model: keras.Model, photos: list[np.ndarray]) -> None:
    """Gives the last layer weights by which what it is given of these photos differs."""
    *_, before, last = model.layers
    features = keras.Model(model.input, before.output)
    seen = np.concatenate([features(photo, training=False).numpy() for photo in photos])
    # random weights differ in size from network to network, and what they make of a photo too
    _, sizes, directions = np.linalg.svd(seen - seen.mean(axis=0), full_matrices=False)
    most = len(CLASSES)
    kernel = _SPREAD * len(photos) ** 0.5 * (directions[:most].T / sizes[:most])
    last.set_weights([kernel, -seen.mean(axis=0) @ kernel])


def save_network(model: keras.Model, path: Path) -> Path:
    """Writes a `.keras` or `.h5` file; a SavedModel where the name has no ending. Gives `path`."""
    if path.suffix:
        model.save(path)
    else:
        model.export(path, verbose=False)
    return path
