from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.drawn_photos import LABELS, draw_folder
from support.photos import photo_input
from vigie.errors import DataError
from vigie.models.photo import read_photo
from vigie.recipes.photos.files import find_photos
from vigie.recipes.photos.spec import PhotosSpec
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoSet

ITEM = photo_input(32)


def load(root: Path, folder: Path, said: list[str] | None = None) -> PhotoSet:
    say = (said if said is not None else []).append
    files = find_photos(PhotosSpec(), (root,), say)
    return read_photos(files, ITEM, "drawn", folder, say)


def test_photos_are_those_of_the_one_decoder_and_lie_on_the_disk(tmp_path: Path) -> None:
    photos = load(draw_folder(tmp_path / "photos", 3), tmp_path / "data")
    assert len(photos) == 9
    assert isinstance(photos.store, np.memmap)
    for place, file in enumerate(photos.files):
        own = read_photo(file.path.read_bytes(), ITEM)
        assert np.array_equal(photos.pixels([place])[0], own.pixels)
        assert photos.figures[place].tolist() == list(own.figures)
    assert not list((tmp_path / "data").iterdir()), "no file may be left behind"


def test_broken_files_are_named_counted_and_left_out(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "photos", 3)
    (root / "dots" / "pointer.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (root / "dots" / "page.jpg").write_text("<!DOCTYPE html><p>404")
    (root / "dots" / "nothing.jpg").write_bytes(b"")
    said: list[str] = []
    photos = load(root, tmp_path / "data", said)
    assert len(photos) == 9
    (line,) = said
    for name, reason in (("pointer", "Git LFS"), ("page", "HTML"), ("nothing", "empty")):
        assert f"dots/{name}.jpg" in line
        assert reason in line
    broken = [rule for rule in photos.rules if rule.name.startswith("broken: ")]
    assert sum(rule.dropped for rule in broken) == 3


def test_nothing_but_a_plain_file_is_opened(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "photos", 3)
    os.mkfifo(root / "dots" / "pipe.jpg")
    (root / "dots" / "device.jpg").symlink_to("/dev/zero")
    files = find_photos(PhotosSpec(), (root,), lambda _: None)
    files.append(replace(files[0], path=root / "a\0.jpg", name="zero.jpg"))
    said: list[str] = []
    photos = read_photos(files, ITEM, "drawn", tmp_path / "data", said.append)
    assert len(photos) == 9
    for told in ("pipe.jpg (no plain file)", "device.jpg (no plain file)", "zero.jpg (not there)"):
        assert told in said[0]


def test_a_copy_is_left_out_and_a_contradiction_altogether(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "photos", 3)
    shutil.copy(root / "dots" / "000.jpg", root / "dots" / "again.jpg")
    shutil.copy(root / "bars" / "001.jpg", root / "lines" / "torn.jpg")
    photos = load(root, tmp_path / "data")
    dropped = {rule.name: rule.dropped for rule in photos.rules}
    assert dropped == {"exact copy": 1, "same photo under two labels": 2}
    names = {file.name for file in photos.files}
    assert "dots/000.jpg" in names
    assert not names & {"dots/again.jpg", "bars/001.jpg", "lines/torn.jpg"}


def test_a_label_of_one_photo_is_an_error_that_names_it(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "photos", 2)
    (root / "bars" / "001.jpg").write_bytes(b"no photo")
    with pytest.raises(DataError, match=r"bars \(1\)"):
        load(root, tmp_path / "data")


def test_one_label_alone_is_an_error(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "photos", 2)
    for label in LABELS[1:]:
        shutil.rmtree(root / label)
    with pytest.raises(DataError, match="one label only"):
        load(root, tmp_path / "data")


def test_the_digest_is_of_photos_and_labels_and_not_of_names(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "photos", 3)
    before = load(root, tmp_path / "data").digest()
    (root / "dots" / "000.jpg").rename(root / "dots" / "zzz.jpg")
    assert load(root, tmp_path / "data").digest() == before
    (root / "dots" / "zzz.jpg").rename(root / "bars" / "zzz.jpg")
    assert load(root, tmp_path / "data").digest() != before
