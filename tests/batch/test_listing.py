from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from vigie.batch.listing import open_listing
from vigie.errors import DataError
from vigie.models.photo_folder import PhotoFolder


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_gives_its_photos_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.jpeg", "c.txt", ".hidden.jpg", "d.png", "below/e.jpg")
    assert open_listing(str(tmp_path)).names() == ["a.jpeg", "b.JPG", "d.png"]


def test_recursive_and_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "below/a.jpg", "below/deep/c.jpg", "below/n.png", ".git/d.jpg")
    (tmp_path / "below" / "up").symlink_to(tmp_path)
    found = open_listing(str(tmp_path), ("*.JPG",), recursive=True).names()
    assert found == ["b.jpg", "below/a.jpg", "below/deep/c.jpg"]


def test_a_folder_that_is_called_as_a_photo_is_listed_and_entered(tmp_path: Path) -> None:
    touch(tmp_path, "x.jpg/y.jpg")
    assert open_listing(str(tmp_path)).names() == ["x.jpg"]
    assert open_listing(str(tmp_path), recursive=True).names() == ["x.jpg", "x.jpg/y.jpg"]


def test_a_folder_that_cannot_be_looked_into_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    scan = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    # root, whom tests may run as, may look into every folder
    monkeypatch.setattr(os, "scandir", refuse)
    assert PhotoFolder(tmp_path, recursive=True).names() == ["a.jpg", "closed"]


@pytest.mark.parametrize(
    "content",
    [b"b.jpg\na b.jpg\n\nb.jpg\n", b"b.jpg\r\na b.jpg", b"\xef\xbb\xbfa b.jpg\nb.jpg\n"],
)
def test_a_list_of_lines(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    listing = open_listing(str(tmp_path / "list.txt"))
    assert listing.names() == ["a b.jpg", "b.jpg"]
    assert listing.root == Path()


def test_standard_input_with_zero_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(b"x\ny.jpg\0a\xff.jpg\0"))
    monkeypatch.setattr(sys, "stdin", given)
    assert open_listing("-").names() == [os.fsdecode(b"a\xff.jpg"), "x\ny.jpg"]


@pytest.mark.parametrize(
    ("header", "column"), [("id,path", None), ("id,Where", "Where"), ("photo", None), ("any", None)]
)
def test_a_table_of_paths(tmp_path: Path, header: str, column: str | None) -> None:
    cells = "1,b.jpg\n2,a.jpg\n" if "," in header else "b.jpg\na.jpg\n"
    (tmp_path / "table.csv").write_text(f"{header}\n{cells}")
    listing = open_listing(str(tmp_path / "table.csv"), column=column)
    assert listing.names() == ["a.jpg", "b.jpg"]
    assert listing.root == tmp_path


@pytest.mark.parametrize(
    ("content", "column", "words"),
    [
        ("id,where\n1,a.jpg\n", None, "Give --column, one of id, where"),
        ("path,file\na,b\n", None, "Give --column, one of path, file"),
        ("path\na\n", "where", "no column where; it has path"),
        ("id,path\n1,\n", None, "line 2 has no path"),
        ('path\n"a\n', None, "is not CSV"),
    ],
)
def test_a_table_without_paths(
    tmp_path: Path, content: str, column: str | None, words: str
) -> None:
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        open_listing(str(tmp_path / "table.csv"), column=column).names()


def test_an_input_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give a folder, a list"):
        open_listing(str(tmp_path / "absent"))


def test_a_photo_is_a_list_of_one(tmp_path: Path) -> None:
    (tmp_path / "a.JPG").write_bytes(b"x\ny")
    assert open_listing(str(tmp_path / "a.JPG")).names() == [str(tmp_path / "a.JPG")]


def test_a_table_without_columns_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match="no columns"):
        open_listing(str(tmp_path / "empty.csv"))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_that_of_the_first_line(tmp_path: Path, separator: str) -> None:
    lines = (("path", "note"), ("a, b.jpg" if separator != "," else "a.jpg", "x"))
    text = "\n".join(map(separator.join, lines))
    (tmp_path / "photos.csv").write_text(text, encoding="utf-8-sig")
    assert open_listing(str(tmp_path / "photos.csv")).names() == [lines[1][0]]
