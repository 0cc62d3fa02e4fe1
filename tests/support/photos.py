"""Photos of one colour each, as pixels and as files; and the input of a model that takes photos."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vigie.models.model_input import Input, Resize

LABELS = ("red", "green", "blue")


def photo_pixels(colour: str, size: tuple[int, int] = (96, 64), seed: int = 7) -> np.ndarray:
    """Pixels, uint8 [height, width, 3], of mostly one colour of `LABELS`; `size` is width, height.

    They are smooth, so that a JPEG of them differs little from them.
    """
    width, height = size
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 110, (4, 6, 3)).astype(np.uint8)
    coarse[:, :, LABELS.index(colour)] += 120
    grown = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(grown)


def photo_bytes(
    colour: str, size: tuple[int, int] = (96, 64), kind: str = "JPEG", seed: int = 7, **how: Any
) -> bytes:
    """The file of such a photo, in any format of Pillow; `how` goes to its writer."""
    return image_file(Image.fromarray(photo_pixels(colour, size, seed)), kind, **how)


def image_file(image: Image.Image, kind: str = "JPEG", **how: Any) -> bytes:
    """The file of any picture, in any format of Pillow; `how` goes to its writer."""
    made = BytesIO()
    image.save(made, kind, **how)
    return made.getvalue()


def large_photo(colour: str, size: int, pixels: tuple[int, int] = (4000, 3000)) -> bytes:
    """A JPEG of so many pixels and so many bytes: behind its end stand bytes that no reader wants.

    A photo of noise would have as many by itself, and take a second to make.
    """
    made = photo_bytes(colour, pixels, quality=70)
    if len(made) > size:
        raise ValueError(f"a photo of {pixels} has {len(made)} bytes")
    # nothing of it repeats, so that no transport makes it smaller
    return made + np.random.default_rng(11).bytes(size - len(made))


def grainy_photo(colour: str, pixels: tuple[int, int] = (4000, 3000), quality: int = 90) -> bytes:
    """A JPEG with the grain of a camera: 6 MB at these 12 megapixels, all of it to be decoded."""
    smooth = photo_pixels(colour, pixels).astype(np.float32)
    grain = np.random.default_rng(3).normal(0, 22, (*smooth.shape[:2], 1)).astype(np.float32)
    seen = np.clip(smooth + grain, 0, 255).astype(np.uint8)
    return image_file(Image.fromarray(seen), quality=quality)


def in_base64(photo: bytes) -> dict[str, str]:
    """A photo as JSON carries it."""
    return {"b64": base64.b64encode(photo).decode()}


def write_photos(folder: Path, each: int = 1, kind: str = "JPEG") -> list[Path]:
    """Files of photos, so many of each colour: `red-0.jpg` and so on, in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for colour in LABELS:
        for number in range(each):
            path = folder / f"{colour}-{number}.{'jpg' if kind == 'JPEG' else kind.lower()}"
            path.write_bytes(photo_bytes(colour, kind=kind, seed=number))
            written.append(path)
    return written


def write_labelled(root: Path, each: int) -> None:
    """Photos in a folder per label of `LABELS`, `0.jpg` and so on in each."""
    for label in LABELS:
        (root / label).mkdir(parents=True)
        for number in range(each):
            (root / label / f"{number}.jpg").write_bytes(photo_bytes(label, seed=number))


def photo_input(height: int = 96, width: int | None = None, **resize: Any) -> Input:
    """The input of a network of photos, square where no width is given."""
    shape = (height, width or height, 3)
    return Input(
        name="photo", label="Photo", dtype="image", tensor="uint8", shape=shape,
        resize=Resize(**resize), example=None,
    )  # fmt: skip
