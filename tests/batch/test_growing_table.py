from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vigie.batch.growing_table import GrowingTable
from vigie.batch.journal import Journal
from vigie.batch.photo_scorer import Scored

HEADER = b"name,label\n"
PARTS = [Scored(b"a,red\nb,red\n", 2, 0), Scored(b"c,\n", 1, 1), Scored(b"d,blue\n", 1, 0)]


def grown(folder: Path) -> tuple[Journal, GrowingTable]:
    journal = Journal(folder / "t.journal")
    journal.begin({}, list("abcd"))
    table = GrowingTable(folder / "t.csv", journal)
    table.begin(HEADER)
    for part in PARTS:
        table.append(part)
    return journal, table


def test_it_grows_by_whole_lines(tmp_path: Path) -> None:
    _, table = grown(tmp_path)
    assert (tmp_path / "t.csv").read_bytes() == HEADER + b"a,red\nb,red\nc,\nd,blue\n"
    assert (table.mark.photos, table.mark.failed) == (4, 1)


def test_a_cut_table_goes_on_at_the_last_mark(tmp_path: Path) -> None:
    journal, table = grown(tmp_path)
    record = journal.read()
    assert record is not None
    whole = (tmp_path / "t.csv").read_bytes()
    ends = [mark.end for mark in record.marks]
    for size in range(len(whole) + 1):
        os.truncate(tmp_path / "t.csv", size)
        found = table.resume(record.marks)
        kept = [end for end in ends if end <= size]
        assert found == bool(kept)
        if kept:
            assert (tmp_path / "t.csv").read_bytes() == whole[: kept[-1]]
        (tmp_path / "t.csv").write_bytes(whole)


def test_bytes_that_are_not_those_marked_are_written_anew(tmp_path: Path) -> None:
    journal, table = grown(tmp_path)
    record = journal.read()
    assert record is not None
    content = (tmp_path / "t.csv").read_bytes().replace(b"c,", b"x,")
    (tmp_path / "t.csv").write_bytes(content)
    assert table.resume(record.marks)
    assert (tmp_path / "t.csv").read_bytes() == HEADER + PARTS[0].lines
    table.append(PARTS[1])
    assert table.mark == record.marks[2]


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, table = grown(tmp_path)
    before, write = (tmp_path / "t.csv").read_bytes(), os.write

    def half(file: int, content: bytes) -> int:
        if len(content) < 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[:4])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        table.append(Scored(b"e,red\n", 1, 0))
    assert (tmp_path / "t.csv").read_bytes() == before
