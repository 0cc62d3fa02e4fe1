from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.broken_photos import BROKEN
from vigie.models.photo import BrokenPhoto
from vigie.models.photo_file import UnreadablePhoto, read_photo_file

NO_FILE = ("a folder", "a pipe", "a circle", "a link to nothing", "a device", "a huge file")


@pytest.mark.parametrize("way", NO_FILE)
def test_what_is_no_file_is_named_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    make, words = BROKEN[way]
    make(tmp_path / "x.jpg")
    opened: list[object] = []
    monkeypatch.setattr(os, "open", lambda *given: opened.append(given))
    with pytest.raises(BrokenPhoto, match=words):
        read_photo_file(tmp_path / "x.jpg")
    assert opened == []


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "x.jpg").symlink_to("a")
    assert read_photo_file(tmp_path / "x.jpg") == b"content"


@pytest.mark.parametrize(
    ("name", "words"),
    [("a" * 300, "its name is too long"), ("a\0b", "no name of a file"), ("a/b", "no such file")],
)
def test_names_of_no_file(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(BrokenPhoto, match=words):
        read_photo_file(tmp_path / name)


@pytest.mark.parametrize(
    ("error", "words"),
    [(PermissionError(13, "Permission denied"), "no right to read it"),
     (OSError(5, "Input/output error"), r"it cannot be read \(Input/output error\)")],
)  # fmt: skip
def test_a_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    (tmp_path / "x.jpg").touch()

    def fail(*_: object) -> int:
        raise error

    # root, whom tests may run as, may read every file
    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(UnreadablePhoto, match=words):
        read_photo_file(tmp_path / "x.jpg")


def test_a_machine_without_open_files_is_no_fault_of_the_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.jpg").touch()

    def fail(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Too many"):
        read_photo_file(tmp_path / "x.jpg")
