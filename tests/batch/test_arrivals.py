from __future__ import annotations

from pathlib import Path

from vigie.batch.arrivals import Arrivals
from vigie.models.photo_folder import PhotoFolder


def test_a_file_is_taken_once_it_rests(tmp_path: Path) -> None:
    arrivals = Arrivals(PhotoFolder(tmp_path), ["known.jpg"])
    for name in ("known.jpg", "b.jpg", "a.jpg"):
        (tmp_path / name).write_bytes(b"1")
    assert arrivals.look() == []
    (tmp_path / "b.jpg").write_bytes(b"12")
    assert arrivals.look() == ["a.jpg"]
    assert arrivals.look() == ["b.jpg"]
    assert arrivals.look() == []


def test_what_goes_again_is_not_taken(tmp_path: Path) -> None:
    arrivals = Arrivals(PhotoFolder(tmp_path), [])
    (tmp_path / "a.jpg").touch()
    assert arrivals.look() == []
    (tmp_path / "a.jpg").unlink()
    assert arrivals.look() == []
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    assert arrivals.look() == []
    assert arrivals.look() == ["circle.jpg"]
