from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from vigie.batch.journal import Journal, Mark, Record
from vigie.errors import DataError

FACTS = {"model": ["colours", "abc"], "input": "/photos"}
NAMES = ["a.jpg", "line\nbreak.jpg", os.fsdecode(b"\xff.jpg")]
MARKS = [Mark(0, 0, 10, 1), Mark(2, 1, 30, 2)]


def written(path: Path, names: list[str] = NAMES) -> Record:
    journal = Journal(path)
    journal.begin(FACTS, names)
    for mark in MARKS:
        journal.mark(mark)
    journal.close()
    return Record(FACTS, names, MARKS)


def reread(path: Path) -> Record | None:
    journal = Journal(path)
    try:
        return journal.read()
    finally:
        journal.close()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert written(tmp_path / "j") == reread(tmp_path / "j")
    many = [f"{number}.jpg" for number in range(1201)]
    assert written(tmp_path / "k", many) == reread(tmp_path / "k")


@pytest.mark.parametrize(
    "content",
    [
        b'{"facts": {}}',
        b"[1]",
        b"nothing",
        b'{"format": 2, "facts": {}, "names": 0}',
        b'{"format": 1, "facts": [1], "names": 0}',
        b'{"format": 1, "facts": {}, "names": "a"}',
    ],
)
def test_what_no_run_has_written_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "j").write_bytes(b"%08x %b\n" % (zlib.crc32(content), content))
    with pytest.raises(DataError, match="j is of another release; give --restart"):
        reread(tmp_path / "j")


def test_every_cut_leaves_what_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = written(path)
    content = path.read_bytes()
    ends = [end + 1 for end, byte in enumerate(content) if byte == ord("\n")]
    for size in range(1, len(content)):
        path.write_bytes(content[:size])
        lines = sum(end <= size for end in ends)
        record = reread(path)
        if lines < 2:
            assert record is None
        else:
            assert record == Record(FACTS, NAMES, whole.marks[: lines - 2])
            assert path.stat().st_size == max(end for end in ends if end <= size)


def test_a_line_that_was_spoilt_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert reread(path) == Record(FACTS, NAMES, MARKS[:1])


def test_one_process_has_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    with pytest.raises(DataError, match="another run writes this output"):
        Journal(tmp_path / "j")
    journal.begin(FACTS, NAMES)
    journal.close()
    assert reread(tmp_path / "j") == Record(FACTS, NAMES)


def test_an_empty_one_goes(tmp_path: Path) -> None:
    Journal(tmp_path / "j").close()
    assert list(tmp_path.iterdir()) == []


def test_one_of_another_release_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "j")
    monkeypatch.setattr("vigie.batch.journal._FORMAT", 2)
    with pytest.raises(DataError, match="another release; give --restart"):
        reread(tmp_path / "j")
