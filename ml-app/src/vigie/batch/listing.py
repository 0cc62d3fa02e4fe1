"""Which photos an input names: a folder, a list of paths, or a table with a column of them."""

from __future__ import annotations

import csv
import fnmatch
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigie.errors import DataError
from vigie.models.photo_folder import PATTERNS, PhotoFolder
from vigie.models.photo_names import by_bytes

STANDARD_INPUT = "-"
_COLUMNS = ("path", "file", "filename", "name", "photo", "image")
"""Names of a column of paths that are known without being told."""


@dataclass(frozen=True, slots=True)
class PhotoList:
    """The photos of a list or table, by their paths as they are written there."""

    root: Path
    paths: tuple[str, ...]

    def names(self) -> list[str]:
        """The paths, each once, sorted by their bytes."""
        return sorted(set(self.paths), key=by_bytes)


Listing = PhotoFolder | PhotoList


def open_listing(
    source: str, patterns: Sequence[str] = (), recursive: bool = False, column: str | None = None
) -> Listing:
    """What `source` names, a photo itself too; `-` is a list on standard input.

    `DataError` where it names nothing.

    Paths in a list are taken from the folder that the command was started in, paths in a table from
    the folder of the table.
    """
    path = Path(source)
    if source == STANDARD_INPUT:
        return PhotoList(Path(), _lines(sys.stdin.buffer.read()))
    if path.is_dir():
        return PhotoFolder(path, tuple(patterns) or PATTERNS, recursive)
    if not path.is_file():
        raise DataError(f"there is no {source}: give a folder, a list (.txt), .csv or .parquet")
    if any(fnmatch.fnmatch(path.name.lower(), pattern) for pattern in PATTERNS):
        return PhotoList(Path(), (source,))
    try:
        if path.suffix.lower() == ".csv":
            return PhotoList(path.parent, tuple(_csv_paths(path, column)))
        if path.suffix.lower() == ".parquet":
            from vigie.batch.parquet import read_column

            return PhotoList(path.parent, tuple(read_column(path, lambda n: _chosen(n, column))))
        return PhotoList(Path(), _lines(path.read_bytes()))
    except OSError as failure:
        raise DataError(f"{path.name} cannot be read ({failure.strerror})") from None


def _lines(content: bytes) -> tuple[str, ...]:
    # `find -print0` ends names with a zero byte, so that they may hold line breaks
    separator = b"\0" if b"\0" in content else b"\n"
    lines = content.removeprefix(b"\xef\xbb\xbf").split(separator)
    ended = (line.removesuffix(b"\r") if separator == b"\n" else line for line in lines)
    return tuple(os.fsdecode(line) for line in ended if line)


def _csv_paths(path: Path, column: str | None) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        start = file.readline()
        file.seek(0)
        # Excel writes semicolons where the comma is for numbers
        separator = max(",;\t", key=start.count)
        reader = csv.DictReader(file, strict=True, delimiter=separator)
        try:
            name = _chosen(reader.fieldnames or (), column)
            for row in reader:
                if not row[name]:
                    raise DataError(f"line {reader.line_num} has no {name}")
                yield row[name]
        except csv.Error as broken:
            raise DataError(f"{path.name} is not CSV: {broken}") from None


def _chosen(names: Iterable[str], column: str | None) -> str:
    """The column of paths: the one that was asked for, one of a known name, or the only one."""
    given = list(names)
    if not given:
        raise DataError("the table has no columns; its first line names them")
    if column is not None and column not in given:
        raise DataError(f"the table has no column {column}; it has {', '.join(given)}")
    known = [name for name in given if name.lower() in _COLUMNS]
    for candidates in ([column] if column else [], known, given):
        if len(candidates) == 1:
            return str(candidates[0])
    raise DataError(f"which column has the paths? Give --column, one of {', '.join(given)}")
