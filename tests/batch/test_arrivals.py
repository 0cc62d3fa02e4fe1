from __future__ import annotations

from pathlib import Path

from vigie.batch.arrivals import Arrivals
from vigie.models.photo_folder import PhotoFolder


def quiet(text: str) -> None:
    raise AssertionError(text)


def test_a_file_is_taken_once_it_rests(tmp_path: Path) -> None:
    arrivals = Arrivals(PhotoFolder(tmp_path), ["known.jpg"], quiet)
    for name in ("known.jpg", "b.jpg", "a.jpg"):
        (tmp_path / name).write_bytes(b"1")
    assert arrivals.look() == []
    (tmp_path / "b.jpg").write_bytes(b"12")
    assert arrivals.look() == ["a.jpg"]
    assert arrivals.look() == ["b.jpg"]
    assert arrivals.look() == []


def test_what_goes_again_is_not_taken(tmp_path: Path) -> None:
    arrivals = Arrivals(PhotoFolder(tmp_path), [], quiet)
    (tmp_path / "a.jpg").touch()
    assert arrivals.look() == []
    (tmp_path / "a.jpg").unlink()
    assert arrivals.look() == []
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    assert arrivals.look() == []
    assert arrivals.look() == ["circle.jpg"]


def test_a_folder_that_is_away_is_waited_for(tmp_path: Path) -> None:
    folder, away = tmp_path / "photos", tmp_path / "away"
    folder.mkdir()
    said: list[str] = []
    arrivals = Arrivals(PhotoFolder(folder), ["known.jpg"], said.append)
    (folder / "known.jpg").touch()
    (folder / "a.jpg").touch()
    assert arrivals.look() == []
    folder.rename(away)
    assert [arrivals.look() for _ in range(3)] == [[], [], []]
    (line,) = said
    assert line.startswith("the input cannot be listed")
    away.rename(folder)
    assert arrivals.look() == []
    assert said[1:] == ["the input can be listed again"]
    assert arrivals.look() == ["a.jpg"]
