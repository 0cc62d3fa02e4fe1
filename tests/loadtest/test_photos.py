"""Photos of a folder are sent as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from load.failure import LoadError
from load.photos import MOST_PHOTOS, photos_of


def test_photos_of_folders_within_are_found_with_their_kind(tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "one.JPG").write_bytes(b"1")
    (tmp_path / "two.png").write_bytes(b"2")
    (tmp_path / "notes.txt").write_bytes(b"3")
    found = {photo.content: photo.media_type for photo in photos_of(tmp_path)}
    assert found == {b"1": "image/jpeg", b"2": "image/png"}


def test_of_a_large_folder_some_are_kept_from_all_of_it(tmp_path: Path) -> None:
    for number in range(2 * MOST_PHOTOS + 1):
        (tmp_path / f"{number:04}.png").write_bytes(b"%d" % number)
    found = [int(photo.content) for photo in photos_of(tmp_path)]
    assert len(found) <= MOST_PHOTOS
    assert found[0] == 0
    assert found[-1] >= 2 * MOST_PHOTOS - 3


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="has no photos"):
        photos_of(tmp_path)
