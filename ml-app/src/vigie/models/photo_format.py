"""The formats of photos: which are taken here, and what a file is that has none of them."""

from __future__ import annotations

import contextlib
import warnings
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
PHONE_FORMATS = ("AVIF", "HEIF")
"""Taken where Pillow or pillow-heif can open them."""


@cache
def taken_formats() -> tuple[str, ...]:
    """What is opened, by Pillow's names: its other readers never see a byte."""
    # what is odd in a file that can be read is nothing for the log, a line per photo
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    with contextlib.suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    Image.init()
    return FORMATS + tuple(name for name in PHONE_FORMATS if name in Image.OPEN)


def photo_formats() -> tuple[str, ...]:
    """The formats that are taken here, as people write them."""
    return tuple({"WEBP": "WebP", "HEIF": "HEIC"}.get(name, name) for name in taken_formats())


def what_it_is(start: bytes) -> str:
    """What a file is that is no photo, by its first kilobyte; safe to show."""
    for beginning, kind in _kinds():
        if start.lstrip().lower().startswith(beginning):
            return kind
    if start[4:8] == b"ftyp":
        brand = start[8:12]
        if brand in (b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"hevx"):
            if "HEIF" in taken_formats():
                return "a broken photo"
            return "a HEIC photo, which is not taken here: send JPEG, or install pillow-heif"
        if brand in (b"avif", b"avis"):
            if "AVIF" in taken_formats():
                return "a broken photo"
            return "an AVIF photo, which is not taken here: send JPEG"
        return "a film"
    return "an empty file" if not start else "no photo"


def _kinds() -> Iterator[tuple[bytes, str]]:
    yield b"version https://git-lfs", "a Git LFS pointer, not the photo: run git lfs pull"
    yield b"<!doctype html", "an HTML page"
    yield b"<html", "an HTML page"
    yield b"<svg", "a drawing (SVG)"
    yield b"<?xml", "an XML file"
    yield b"%pdf", "a PDF"
    yield b"%!ps", "a PostScript file"
    yield b"simple  =", "a FITS file"
