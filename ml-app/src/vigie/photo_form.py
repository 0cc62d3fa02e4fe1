"""Photos as callers have them, paths, bytes or open files, and the forms that carry them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from urllib3.filepost import encode_multipart_formdata

from vigie.errors import DataError

PhotoFile = str | os.PathLike[str] | bytes | bytearray | IO[bytes]
"""A path, the bytes of a file, or an open file."""
_PART = "photo"


def are_photos(table: Any) -> bool:
    """True for a list of photos; it says nothing of what they hold."""
    return isinstance(table, list | tuple) and bool(table) and all(map(is_photo_file, table))


def is_photo_file(value: Any) -> bool:
    """True for a `PhotoFile`; it says nothing of what it holds."""
    return isinstance(value, str | os.PathLike | bytes | bytearray) or hasattr(value, "read")


class Photos:
    """Photos in their order, read when they are sent: never more than go at once are in memory."""

    def __init__(self, photos: Sequence[PhotoFile]) -> None:
        self._photos = photos
        self._read: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._photos)

    def take(self, start: int, most: int, most_bytes: int) -> list[bytes]:
        """The next photos from `start` on: one at least, else as many as fit."""
        self._read = {place: content for place, content in self._read.items() if place >= start}
        taken: list[bytes] = []
        size = 0
        for place in range(start, min(start + most, len(self))):
            content = self._content(place)
            size += len(content)
            if taken and size > most_bytes:
                break
            taken.append(content)
        return taken

    def _content(self, place: int) -> bytes:
        # what is asked for again in smaller parts was read, and an open file gives it once
        if place not in self._read:
            self._read[place] = content_of(self._photos[place], place)
        return self._read[place]


def content_of(photo: PhotoFile, place: int) -> bytes:
    """The bytes of a photo; `DataError` names the place of one that cannot be read."""
    if isinstance(photo, bytes | bytearray):
        return bytes(photo)
    try:
        content = Path(photo).read_bytes() if isinstance(photo, str | os.PathLike) else photo.read()
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise DataError(f"photo {place} cannot be read: {reason}") from None
    if not isinstance(content, bytes):
        raise DataError(f'photo {place} is a file of text; open it with mode "rb"')
    return content


def form_of(photos: Sequence[bytes], values: Mapping[str, Any]) -> tuple[bytes, str]:
    """A form with a part for each photo and a field for each value, and its media type."""
    parts: list[tuple[str, Any]] = [(name, _text(value)) for name, value in values.items()]
    parts += [(_PART, (_PART, content, "application/octet-stream")) for content in photos]
    return encode_multipart_formdata(parts)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)
