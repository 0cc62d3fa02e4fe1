"""The same photo in every kind of file that cameras, phones and programs of pictures write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from support.photos import image_file


def scene(width: int = 200, height: int = 120) -> Image.Image:
    """A picture that is another one when it is turned, with edges for a filter to blur."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float64)
    stripes = 127 + 120 * np.sign(np.sin(across / 9 + down / 23))
    pixels = np.stack([255 * across / width, 255 * down / height, stripes], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def photo_corpus() -> dict[str, bytes]:
    """By the name of a file, its bytes: what cameras, phones and programs of pictures write."""
    photo = scene()
    grey = np.asarray(photo.convert("L")).astype(np.uint16)
    clear = photo.convert("RGBA")
    clear.putalpha(photo.convert("L"))
    files = {
        f"{share.replace(':', '')}.jpg": image_file(photo, "JPEG", subsampling=share)
        for share in ("4:4:4", "4:2:2", "4:2:0", "4:1:1")
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files[f"turned-{orientation}.jpg"] = image_file(photo, "JPEG", exif=exif)
    return files | {
        "large.jpg": image_file(photo.resize((2000, 1200)), "JPEG"),
        "progressive.jpg": image_file(photo, "JPEG", progressive=True),
        "cmyk.jpg": image_file(photo.convert("CMYK"), "JPEG"),
        "grey.jpg": image_file(photo.convert("L"), "JPEG"),
        "16-bit.png": image_file(Image.fromarray(grey * 257), "PNG"),
        "palette.png": image_file(photo.quantize(64), "PNG"),
        "transparent-colour.png": image_file(photo.quantize(8), "PNG", transparency=3),
        "alpha.png": image_file(clear, "PNG"),
        "lossy.webp": image_file(photo, "WEBP", quality=80),
        "animated.gif": image_file(
            photo, "GIF", save_all=True, append_images=[Image.new("RGB", photo.size)] * 3
        ),
    }


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Puts files by their names into a new folder."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
