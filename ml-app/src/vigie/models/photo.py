"""Photos: from the bytes of a file to the pixels that a graph takes, or a reason why not.

The one decoder of training, online answers, batch and Spark.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING, cast

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from vigie.models.bounded_file import BoundedFile, TooBusy
from vigie.models.photo_figures import photo_figures
from vigie.models.photo_format import taken_formats, what_it_is

if TYPE_CHECKING:
    from vigie.models.model_input import Input, Resize

MOST_PIXELS = 50_000_000
"""Looked at before anything is decoded: what a phone's largest mode writes."""
LARGE_PIXELS = 12_500_000
"""Photos of which more would be held at once are decoded one at a time."""
_DRAFT = 2
"""A JPEG is opened at a reduced scale that leaves at least so many times the target."""
_MOST_TILE_PIXELS = 2**20
_TILE = (0x0142, 0x0143)
"""The tags of a TIFF that say how wide and high its tiles are."""
_FAXES = frozenset({"tiff_ccitt", "group3", "group4"})
"""No photos; and libtiff writes a line to the log for each line of one that is broken."""
_ORIENTATION = 0x0112
_TURNS = dict(enumerate((
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
), 2))  # fmt: skip
"""What undoes each EXIF orientation, 2 to 8."""
_SIDEWAYS = frozenset(_TURNS[turned] for turned in (5, 6, 7, 8))
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_large = threading.Lock()


class BrokenPhoto(Exception):
    """A file that is no photo, or none that is taken; `str` is what it is, safe to show."""


@dataclass(frozen=True, slots=True)
class Photo:
    """Pixels, uint8 [height, width, 3], of a photo that came upright in `size` (width, height)."""

    pixels: np.ndarray
    size: tuple[int, int]

    @property
    def figures(self) -> tuple[float, ...]:
        """One number per name of `FIGURES`; computed at each call, a third of the decoding."""
        return photo_figures(self.pixels, self.size)


def read_photo(data: bytes | memoryview, item: Input) -> Photo:
    """The photo of a file's bytes at the size of `item`; `BrokenPhoto` says what it is instead."""
    file = BoundedFile(data)
    try:
        with Image.open(cast("IO[bytes]", file), formats=taken_formats()) as image:
            file.opened = True
            return _read(image, item)
    except BrokenPhoto:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BrokenPhoto(_too_large()) from None
    except UnidentifiedImageError:
        raise BrokenPhoto(what_it_is(bytes(data[:1024]))) from None
    # Pillow's readers raise whatever their parsing runs into
    except Exception as broken:
        what = "a photo that ends too early" if "truncated" in str(broken) else "a broken photo"
        raise BrokenPhoto(what) from None


def photo_of(pixels: np.ndarray, item: Input) -> Photo:
    """The photo of pixels, uint8 [height, width, 3], at the size of `item`."""
    height, width = pixels.shape[:2]
    if pixels.shape != item.shape:
        pixels = _pixels(Image.fromarray(pixels), item)
    return Photo(pixels, (width, height))


def photo_file(pixels: np.ndarray, side: int | None = None) -> bytes:
    """A JPEG of pixels, uint8 [height, width, 3]; with `side`, its longer side at most so long."""
    image = Image.fromarray(pixels)
    if side is not None:
        image.thumbnail((side, side))
    made = BytesIO()
    image.save(made, "JPEG", quality=85)
    return made.getvalue()


def _read(image: Image.Image, item: Input) -> Photo:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BrokenPhoto(_too_large())
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiff(image)
    if width * height > LARGE_PIXELS:
        with _large:
            return _decode(image, item)
    return _decode(image, item)


def _check_tiff(image: TiffImagePlugin.TiffImageFile) -> None:
    if image.info.get("compression") in _FAXES:
        raise BrokenPhoto("a fax")
    # a tile is decoded whole, however small the picture
    wide, high = (int(image.tag_v2.get(tag, 0)) for tag in _TILE)
    if wide * high > max(image.width * image.height, _MOST_TILE_PIXELS):
        raise BrokenPhoto("a broken photo")


def _decode(image: Image.Image, item: Input) -> Photo:
    size, turn = image.size, _turn_of(image)
    sideways = turn in _SIDEWAYS
    upright = (size[1], size[0]) if sideways else size
    wide, high = _scaled(item, upright)
    if sideways:
        wide, high = high, wide
    image.draft(image.mode, (_DRAFT * wide, _DRAFT * high))
    image.load()
    pixels = _as_rgb(image, (_DRAFT * wide, _DRAFT * high))
    # upright first and of the target's size then: a filter of two passes is not quite symmetrical
    pixels = pixels if turn is None else pixels.transpose(turn)
    return Photo(_pixels(pixels, item), upright)


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    """What makes a photo upright, by its EXIF block; nothing where that block is broken."""
    if image.format == "TIFF":
        # Pillow turns these itself
        return None
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except TooBusy:
        raise
    except Exception:
        return None


def _as_rgb(image: Image.Image, least: tuple[int, int]) -> Image.Image:
    """As RGB: 16 bits to 8 by their upper half, what is transparent on white.

    What is far larger than `least` is first made smaller by whole numbers, as JPEG's reader does:
    copies of 50 megapixels would else stand beside each other.
    """
    if image.mode.startswith("I"):
        levels = np.asarray(image)
        levels = levels if levels.itemsize == 2 else np.clip(levels, 0, 65535).astype(np.uint16)
        image = Image.fromarray((levels >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise BrokenPhoto("a picture of floating-point numbers")
    transparent = image.has_transparency_data
    if image.mode in ("1", "P", "PA") or (transparent and image.mode != "RGBA"):
        image = image.convert("RGBA" if transparent else "RGB")
    factors = [max(have // want, 1) for have, want in zip(image.size, least, strict=True)]
    if min(factors) > 1:
        image = image.reduce(min(factors))
    if transparent:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")


def _pixels(image: Image.Image, item: Input) -> np.ndarray:
    """The pixels of an upright RGB image, at the size of `item`, uint8 [height, width, 3]."""
    resize = _resize_of(item)
    height, width = item.shape[:2]
    method = _FILTERS[resize.filter]
    if resize.fit == "pad":
        image = ImageOps.pad(image, (width, height), method)
    elif image.size != (width, height):
        box = _middle(image.size, width / height) if resize.fit == "crop" else None
        image = image.resize((width, height), method, box)
    return np.asarray(image)


def _middle(size: tuple[int, int], aspect: float) -> tuple[float, float, float, float]:
    """The largest box of an aspect in the middle of a photo."""
    width, height = size
    wide, high = min(width, height * aspect), min(height, width / aspect)
    left, top = (width - wide) / 2, (height - high) / 2
    return left, top, left + wide, top + high


def _scaled(item: Input, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height that the whole of an upright photo takes at the scale of the target."""
    height, width = item.shape[:2]
    resize = _resize_of(item)
    if resize.fit == "stretch":
        return width, height
    ratios = width / size[0], height / size[1]
    ratio = max(ratios) if resize.fit == "crop" else min(ratios)
    return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)


def _resize_of(item: Input) -> Resize:
    if item.resize is None:
        raise ValueError(f"input {item.name} takes no photos")
    return item.resize


def _too_large() -> str:
    return f"a photo of more than {MOST_PIXELS // 1_000_000} megapixels"
