from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.drawn_photos import LABELS, draw_folder
from support.photos import photo_input
from vigie.errors import DataError
from vigie.recipes.photos.files import find_photos
from vigie.recipes.photos.spec import PhotosSpec
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoSet
from vigie.training.photos.split import split_photos


def load(root: Path, folder: Path) -> PhotoSet:
    files = find_photos(PhotosSpec(), (root,), lambda text: None)
    return read_photos(files, photo_input(32), "drawn", folder, lambda text: None)


def test_a_fifth_of_each_label_is_held_out_and_the_same_one_whatever_the_names(
    tmp_path: Path,
) -> None:
    root = draw_folder(tmp_path / "photos", 20)
    first = split_photos(load(root, tmp_path / "data"))
    assert Counter(first.held_out.labels.tolist()) == dict.fromkeys(LABELS, 4)
    for number, path in enumerate(sorted((root / "dots").iterdir(), reverse=True)):
        path.rename(path.with_name(f"other{number}.jpg"))
    again = split_photos(load(root, tmp_path / "data"))
    assert set(again.held_out.sha256) == set(first.held_out.sha256)
    assert not set(first.training.sha256) & set(first.held_out.sha256)


def test_near_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "photos", 20)
    for path in sorted(root.rglob("*.jpg")):
        with Image.open(path) as image:
            image.resize((240, 180)).save(path.with_suffix(".png"))
    photos = load(root, tmp_path / "data")
    split = split_photos(photos)
    assert split.near_duplicates == len(photos) == 120
    for side in (split.training, split.held_out):
        stems = Counter(Path(file.name).with_suffix("") for file in side.files)
        assert set(stems.values()) == {2}
    assert len(np.unique(split.groups)) * 2 == len(split.training)


def test_a_given_split_is_taken_and_what_leaks_is_counted(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    draw_folder(root / "Training", 10)
    draw_folder(root / "Test", 6, seed=100)
    with Image.open(root / "Training" / "dots" / "003.jpg") as image:
        image.resize((240, 180)).save(root / "Test" / "dots" / "leak.png")
    split = split_photos(load(root, tmp_path / "data"))
    assert len(split.training) == 30
    assert len(split.held_out) == 19
    assert (split.near_duplicates, split.leaked) == (2, 1)


def test_too_few_to_judge_by_is_an_error(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "photos", 3)
    with pytest.raises(DataError, match="about 50 photos"):
        split_photos(load(root, tmp_path / "data"))
