"""Files that are called as photos and are none, in every way that a folder of them has shown."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from support.photos import photo_bytes


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def html_page(path: Path) -> None:
    path.write_bytes(b"<!DOCTYPE html><html><body>404</body></html>")


def cut_off(path: Path) -> None:
    whole = photo_bytes("red", (300, 200))
    path.write_bytes(whole[: len(whole) // 2])


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)


def folder(path: Path) -> None:
    path.mkdir()


def vast_png(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and has a few."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def bomb(path: Path) -> None:
    path.write_bytes(vast_png(60_000, 60_000))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def circle(path: Path) -> None:
    path.symlink_to(path.name)


def leads_nowhere(path: Path) -> None:
    path.symlink_to("absent")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    """A file of 10 GB without a byte on the disk."""
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


def line_of_pixels(path: Path) -> None:
    """50,000 x 1 pixels: odd, and a photo."""
    Image.new("RGB", (50_000, 1), "red").save(path, "PNG")


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "zero bytes": (zero_bytes, "an empty file"),
    "an HTML page": (html_page, "an HTML page"),
    "cut off": (cut_off, "a photo that ends too early"),
    "noise": (noise, "no photo"),
    "a folder": (folder, "a folder, no file"),
    "a bomb": (bomb, "a photo of more than 50 megapixels"),
    "a pipe": (pipe, "a pipe, no file"),
    "a circle": (circle, "a link that leads in a circle"),
    "a link to nothing": (leads_nowhere, "there is no such file, or it is gone"),
    "a device": (device, "a device, no file"),
    "a huge file": (huge, "a file of more than 200 MB"),
}
"""What makes each, and what is said of it."""


def write_many(folder_: Path, count: int, broken_each: int = 33) -> int:
    """So many photos of a few bytes each, every so manieth broken; gives how many are.

    Names have what names of files have: line breaks, commas, quotes, and bytes that are no text.
    """
    folder_.mkdir(parents=True, exist_ok=True)
    whole = [
        photo_bytes(colour, size, seed=seed)
        for colour in ("red", "green", "blue")
        for seed, size in enumerate(((900, 700), (40, 50), (33, 31)))
    ]
    ways = [make for make, _ in BROKEN.values()]
    odd = (b"", b"\n", b",", b'"', b"\xff\xfe", b"\\n", b" ", "é".encode())
    broken = 0
    for number in range(count):
        name = b"%05d%s.jpg" % (number, odd[number % len(odd)])
        path = folder_ / os.fsdecode(name)
        if number % broken_each == broken_each // 2:
            ways[broken % len(ways)](path)
            broken += 1
        else:
            path.write_bytes(whole[number % len(whole)])
    return broken
