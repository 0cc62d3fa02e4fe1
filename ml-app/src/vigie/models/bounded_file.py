"""The bytes of a photo as a file that a reader cannot be kept busy with.

A photo of a few megabytes may hold a million empty blocks, or a thousand passes over all pixels:
minutes and gigabytes for a reader that takes each of them.
"""

from __future__ import annotations

from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedIOBase

_MOST_READS = 10_000
"""Before the first pixel: some three a block of what is not pixels."""
_LEAST_BYTES = 256
"""A read of pixels takes so many on the average at least."""
_MOST_SCANS = 100
"""Passes of a JPEG; a progressive one has a dozen. libtiff has the same limit."""
_JPEG, _SCAN = b"\xff\xd8", b"\xff\xda"


class TooBusy(Exception):
    """What was read has more blocks or passes than any photo."""


class BoundedFile(BufferedIOBase):
    """A file in memory; `read` raises `TooBusy` where it has more parts than any photo.

    `opened` says that the reader is through with what stands before the pixels. The content is read
    where it lies: tens of megabytes are not copied first.
    """

    def __init__(self, content: bytes | memoryview) -> None:
        self._content, self._view, self._place = content, memoryview(content), 0
        self.opened = False
        self._reads = self._bytes = self._scans = 0
        self._is_jpeg = False

    def seekable(self) -> bool:
        """As of any file."""
        return True

    def tell(self) -> int:
        """As of any file."""
        return self._place

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        """As of any file."""
        start = {SEEK_SET: 0, SEEK_CUR: self._place, SEEK_END: len(self._view)}[whence]
        if start + offset < 0:
            raise ValueError("there is nothing before the start of a file")
        self._place = start + offset
        return self._place

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file."""
        start, end = self._place, len(self._view)
        if size is not None and size >= 0:
            end = min(end, start + size)
        if end - start == len(self._view) and isinstance(self._content, bytes):
            piece = self._content
        else:
            piece = bytes(self._view[start:end])
        self._place = max(start, end)
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
