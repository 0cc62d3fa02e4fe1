"""A CSV file in parts: lines that are rows as they stand, or the cells of rows with quotes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from vigie.errors import DataError

PART_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows in whose cells nothing is quoted, ended by `\\n`; `first` is the number of the first."""

    text: bytes
    first: int


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of rows, as many in each as there are columns."""

    rows: list[list[str]]


Part = Lines | Cells


class TableParts:
    """The rows of a CSV file, a part at a time; its first row names the `columns`.

    With `whole_lines` they are `Lines` wherever they can be. Raises `csv.Error` and
    `UnicodeDecodeError` for what is no CSV or not UTF-8, `DataError` for a row of other cells.
    """

    def __init__(self, file: BinaryIO, *, whole_lines: bool) -> None:
        self._file, self._whole_lines = file, whole_lines
        self._lines_before = 0
        self._rest = file.read(len(_BOM)).removeprefix(_BOM)
        self.columns = self._first_row()

    def __iter__(self) -> Iterator[Part]:
        while text := self._next_lines():
            plain = _plain_lines(text) if self._whole_lines else None
            if plain is None:
                yield Cells(self._rows_of(text))
            else:
                yield Lines(plain, self._lines_before + 1)
                self._lines_before += plain.count(b"\n")

    def _first_row(self) -> list[str]:
        text = self._next_lines()
        lines = io.StringIO(text.decode(), newline="")
        reader = csv.reader(lines, strict=True)
        row = next(reader, [])
        self._lines_before = reader.line_num
        self._rest = lines.read().encode() + self._rest
        return row

    def _next_lines(self) -> bytes:
        """What is read up to the end of its last line; nothing at the end of the file."""
        text = self._rest
        while more := self._file.read(PART_BYTES):
            text += more
            end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
            if end:
                self._rest = text[end:]
                return text[:end]
        self._rest = b""
        return text

    def _rows_of(self, text: bytes) -> list[list[str]]:
        """The rows that begin in some lines; the last one may end in those behind them."""
        while True:
            lines = io.StringIO(text.decode(), newline="").readlines()
            reader = csv.reader(lines, strict=True)
            try:
                rows = list(self._checked(reader))
            except csv.Error:
                more = self._next_lines() if reader.line_num == len(lines) else b""
                if not more:
                    raise
                text += more
            else:
                self._lines_before += len(lines)
                return rows

    def _checked(self, reader: Any) -> Iterator[list[str]]:
        for row in reader:
            if row and len(row) != len(self.columns):
                raise other_cells(self._lines_before + reader.line_num)
            if row:
                yield row


def other_cells(line: int) -> DataError:
    """What is said of a row that has more cells than there are columns, or fewer."""
    return DataError(f"line {line} or one before it has not as many cells")


def _plain_lines(text: bytes) -> bytes | None:
    """Lines that mean what they say: no quote in them, no end of a line but `\\n`, no huge cell."""
    if b'"' in text:
        return None
    text.decode()
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
        if b"\r" in text:
            return None
    if not text.endswith(b"\n"):
        text += b"\n"
    return None if _has_longer_line(text, csv.field_size_limit()) else text


def _has_longer_line(text: bytes, most: int) -> bool:
    start = 0
    while len(text) - start > most + 1:
        end = text.rfind(b"\n", start, start + most + 1)
        if end < 0:
            return True
        start = end + 1
    return False
