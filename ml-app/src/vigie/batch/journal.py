"""What a run has done so far, beside its output: enough to go on after any stop, and no more.

Lines of a checksum and JSON, only ever appended. The first says what the run is about, then come
the names of its photos, then a mark for every part of the table that is written.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vigie.errors import DataError

_FORMAT = 1
_NAMES_A_LINE = 500

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """The table up to a line: its photos, those that failed, its bytes and their CRC-32."""

    photos: int
    failed: int
    end: int
    checksum: int


@dataclass(slots=True)
class Record:
    """What a journal says: what the run is about, its photos in their order, how far it came."""

    facts: Facts
    names: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


class Journal:
    """The journal of one output, held by one process: another is told so by a `DataError`.

    Raises `OSError` where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # whoever held it may have just removed it
            held = os.path.samestat(os.fstat(self._file), path.stat())
        except (BlockingIOError, FileNotFoundError):
            held = False
        if not held:
            os.close(self._file)
            raise DataError("another run writes this output now; wait for it, or name another")

    def read(self) -> Record | None:
        """What it says; `None` where it is new or was not whole when its run was stopped.

        A last line that was torn is taken away. `DataError` for what no run here wrote.
        """
        try:
            return self._read()
        except (ValueError, TypeError, KeyError):
            raise DataError(f"{self.path.name} is of another release; give --restart") from None

    def _read(self) -> Record | None:
        record: Record | None = None
        end = wanted = 0
        for size, entry in self._entries():
            if "facts" in entry:
                if entry["format"] != _FORMAT:
                    raise ValueError
                record, wanted = Record(dict(entry["facts"])), int(entry["names"])
            elif record is None:
                raise ValueError
            elif "names" in entry:
                record.names += entry["names"]
            else:
                record.marks.append(Mark(**entry))
            end += size
        os.ftruncate(self._file, end)
        return record if record is not None and len(record.names) >= wanted else None

    def _entries(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The size and content of each line up to the first that is not whole."""
        with open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            for line in file:
                checksum, _, content = line[:-1].partition(b" ")
                if line[-1:] != b"\n" or checksum != _checksum(content):
                    return
                yield len(line), json.loads(content)

    def begin(self, facts: Facts, names: Sequence[str]) -> None:
        """Forgets what it said, and says what the run is about; on the disk when this returns."""
        os.ftruncate(self._file, 0)
        self._write({"format": _FORMAT, "facts": dict(facts), "names": len(names)})
        self.add(names)
        self.sync()

    def add(self, names: Sequence[str]) -> None:
        """More photos of this run, behind those that it has."""
        for start in range(0, len(names), _NAMES_A_LINE):
            self._write({"names": list(names[start : start + _NAMES_A_LINE])})

    def mark(self, mark: Mark) -> None:
        """The table is written up to here."""
        self._write(asdict(mark))

    def sync(self) -> None:
        """Brings it to the disk."""
        os.fsync(self._file)

    def remove(self) -> None:
        """Ends it: the run is done."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets others have it; one that says nothing goes."""
        if not os.fstat(self._file).st_size:
            self.remove()
        os.close(self._file)

    def _write(self, entry: Mapping[str, Any]) -> None:
        # ASCII: a name that is no text has escapes in it, and comes back as it was
        content = json.dumps(entry, separators=(",", ":")).encode()
        write_whole(self._file, _checksum(content) + b" " + content + b"\n")


def write_whole(file: int, content: bytes) -> None:
    """Writes all of it, or raises `OSError`: a full disk takes a part."""
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _checksum(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)
