"""A table that grows by whole lines, and goes on after a stop where its journal says."""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.batch.journal import Mark, write_whole

if TYPE_CHECKING:
    from vigie.batch.journal import Journal
    from vigie.batch.photo_scorer import Scored

_SYNC_SECONDS = 5.0
_CHUNK = 1 << 20


class GrowingTable:
    """The file of a table and its journal: what is marked in the one is written in the other.

    Raises `OSError` where it cannot be written; then it ends with a whole line nevertheless.
    """

    def __init__(self, path: Path, journal: Journal) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._journal = journal
        self._synced = time.monotonic()
        self.mark = Mark(0, 0, 0, 0)

    def begin(self, header: bytes) -> None:
        """Makes it empty but for this first line."""
        os.ftruncate(self._file, 0)
        self.mark = Mark(0, 0, 0, 0)
        self._append(header, 0, 0)

    def resume(self, marks: Sequence[Mark]) -> bool:
        """Cuts it after the last mark that its bytes bear out; false where none does."""
        found: Mark | None = None
        size, checksum = os.fstat(self._file).st_size, 0
        for mark in marks:
            if mark.end > size:
                break
            checksum = self._checksum(found.end if found else 0, mark.end, checksum)
            if checksum != mark.checksum:
                break
            found = mark
        if found is None:
            return False
        self.mark = found
        os.ftruncate(self._file, found.end)
        return True

    def append(self, scored: Scored) -> None:
        """Adds lines; readers see them when this returns."""
        self._append(scored.lines, scored.photos, scored.failed)
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Brings it to the disk, and then what the journal says of it."""
        os.fsync(self._file)
        self._journal.sync()
        self._synced = time.monotonic()

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _append(self, lines: bytes, photos: int, failed: int) -> None:
        last = self.mark
        os.lseek(self._file, last.end, os.SEEK_SET)
        try:
            write_whole(self._file, lines)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, last.end)
            raise
        self.mark = Mark(
            last.photos + photos, last.failed + failed, last.end + len(lines),
            zlib.crc32(lines, last.checksum),
        )  # fmt: skip
        self._journal.mark(self.mark)

    def _checksum(self, start: int, end: int, checksum: int) -> int:
        while start < end:
            part = os.pread(self._file, min(_CHUNK, end - start), start)
            if not part:
                return -1
            checksum, start = zlib.crc32(part, checksum), start + len(part)
        return checksum
