"""Photos that callers send, from a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from load.failure import LoadError

MEDIA_TYPES = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
    ".gif": "image/gif", ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff",
}  # fmt: skip
MOST_PHOTOS = 200
"""So many are kept in memory, spread over the folder."""


@dataclass(frozen=True)
class Photo:
    """A file as it is."""

    media_type: str
    content: bytes


def photos_of(folder: Path) -> list[Photo]:
    """Photos of a folder and of those in it; `LoadError` where there is none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_TYPES)
    if not found:
        raise LoadError(f"{folder} has no photos; known are {', '.join(MEDIA_TYPES)}")
    spread = found[:: -(-len(found) // MOST_PHOTOS)]
    return [Photo(MEDIA_TYPES[path.suffix.lower()], path.read_bytes()) for path in spread]
