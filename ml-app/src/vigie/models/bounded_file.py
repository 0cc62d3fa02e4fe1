"""The bytes of a photo as a file that a reader cannot be kept busy with.

A photo of a few megabytes may hold a million empty blocks, or a thousand passes over all pixels:
minutes and gigabytes for a reader that takes each of them.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_MOST_READS = 10_000
"""Before the first pixel: some three a block of what is not pixels."""
_LEAST_BYTES = 256
"""A read of pixels takes so many on the average at least."""
_MOST_SCANS = 100
"""Passes of a JPEG; a progressive one has a dozen. libtiff has the same limit."""
_JPEG, _SCAN = b"\xff\xd8", b"\xff\xda"


class TooBusy(Exception):
    """What was read has more blocks or passes than any photo."""


class BoundedFile(BytesIO):
    """A file in memory; `read` raises `TooBusy` where it has more parts than any photo.

    `opened` says that the reader is through with what stands before the pixels.
    """

    def __init__(self, content: ReadableBuffer = b"") -> None:
        super().__init__(content)
        self.opened = False
        self._reads = self._bytes = self._scans = 0
        self._is_jpeg = False

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file."""
        piece = super().read(size)
        if not self._reads:
            self._is_jpeg = piece.startswith(_JPEG)
        self._reads += 1
        self._bytes += len(piece)
        most = _MOST_READS + (self._bytes // _LEAST_BYTES if self.opened else 0)
        if self.opened and self._is_jpeg:
            # between pixels these two bytes never come by chance
            self._scans += piece.count(_SCAN)
        if self._reads > most or self._scans > _MOST_SCANS:
            raise TooBusy
        return piece
