from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import DataError
from vigie.models.photo_folder import PhotoFolder


def test_photos_are_told_by_their_endings_below_every_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/c.png", "a/.hidden.jpg", ".away/d.jpg", "notes.txt", "a/_e.webp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert PhotoFolder(tmp_path).names() == ["b.JPG"]
    assert PhotoFolder(tmp_path, recursive=True).names() == ["a/_e.webp", "a/c.png", "b.JPG"]
    assert PhotoFolder(tmp_path, ("*.txt",)).names() == ["notes.txt"]


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be listed"):
        PhotoFolder(tmp_path / "absent").names()
