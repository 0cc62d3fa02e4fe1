"""The photos that a package keeps: as many of each label as may be, with names of their own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.drawn_photos import LABELS, draw_folder, draw_photo
from support.photos import photo_input
from vigie.models.neighbours import LONGEST_NAME, MOST_NUMBERS, MOST_THUMBNAIL_BYTES
from vigie.recipes.photos.files import find_photos
from vigie.recipes.photos.spec import PhotosSpec
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoSet
from vigie.training.photos.plan import NeighboursPlan
from vigie.training.photos.reference_photos import (
    THUMBNAIL_SIDE,
    build_references,
    choose_references,
    most_references,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    folder = tmp_path_factory.mktemp("drawn")
    root = draw_folder(folder / "photos", 4)
    for number in range(5):
        draw_photo("dots", 100 + number, (60, 120)).save(root / "dots" / f"more {number}.png")
    files = find_photos(PhotosSpec(), (root,), lambda text: None)
    return read_photos(files, photo_input(64), "drawn", folder, lambda text: None)


def test_every_label_has_its_part_and_the_rest_goes_to_those_with_more(photos: PhotoSet) -> None:
    def counts(most: int) -> dict[str, int]:
        return dict(Counter(photos.labels[choose_references(photos, most)].tolist()))

    assert counts(6) == {"bars": 2, "dots": 2, "lines": 2}
    assert counts(14) == {"bars": 4, "dots": 6, "lines": 4}
    assert counts(100) == {"bars": 4, "dots": 9, "lines": 4}
    assert list(counts(1).values()) == [1]


def test_the_same_photos_are_chosen_whatever_their_order(photos: PhotoSet) -> None:
    turned = photos.take(np.arange(len(photos))[::-1])
    chosen = {photos.files[i].name for i in choose_references(photos, 7)}
    assert {turned.files[i].name for i in choose_references(turned, 7)} == chosen


def test_long_vectors_are_kept_of_fewer_photos() -> None:
    assert most_references(NeighboursPlan(most=500), 50) == 500
    assert most_references(NeighboursPlan(most=20_000), 2048) == MOST_NUMBERS // 2048


def test_names_are_those_of_files_each_its_own(photos: PhotoSet) -> None:
    def names(plan: NeighboursPlan, photos: PhotoSet) -> tuple[str, ...]:
        vectors = np.zeros((len(photos), 3), np.float32)
        return build_references(plan, "vector", photos, vectors, LABELS).neighbours.names

    assert names(NeighboursPlan(), photos)[0] == "bars/000.jpg"
    assert names(NeighboursPlan(names=False), photos)[:2] == ("0", "1")
    one = photos.files[0]
    odd = [replace(one, name="a\nb.jpg"), replace(one, name="x" * 250), replace(one, name="same")]
    three = replace(photos.take(np.arange(4)), files=(*odd, replace(one, name="same")))
    assert names(NeighboursPlan(), three) == ("a?b.jpg", "x" * LONGEST_NAME, "2", "3")


def test_labels_have_their_places_and_what_has_none_has_none(photos: PhotoSet) -> None:
    nameless = replace(photos.files[-1], label="")
    few = replace(photos.take(np.array([0, 4, 5])), files=(*photos.files[:2], nameless))
    kept = build_references(NeighboursPlan(count=2), "vector", few, np.eye(3), LABELS)
    assert kept.neighbours.labels.tolist() == [0, 0, -1]
    assert (kept.described.output, kept.described.count) == ("vector", 2)
    assert list(kept.thumbnails) == []


def test_thumbnails_are_small_and_of_the_aspect_of_the_photo(photos: PhotoSet) -> None:
    vectors = np.zeros((len(photos), 3))
    kept = build_references(NeighboursPlan(thumbnails=True), "vector", photos, vectors, LABELS)
    assert kept.described.thumbnails
    sizes = {}
    for name, content in zip(kept.neighbours.names, kept.thumbnails, strict=True):
        assert len(content) < MOST_THUMBNAIL_BYTES
        with Image.open(BytesIO(content)) as image:
            assert image.format == "JPEG"
            sizes[name] = image.size
    width, height = sizes["bars/000.jpg"]
    assert width / height == pytest.approx(120 / 90, abs=0.05)
    width, height = sizes["dots/more 0.png"]
    assert width / height == pytest.approx(0.5, abs=0.05)
    assert max(*sizes["bars/000.jpg"]) <= THUMBNAIL_SIDE


def test_what_is_written_lies_in_the_package(photos: PhotoSet, tmp_path: Path) -> None:
    (tmp_path / "vigie").mkdir()
    vectors = np.ones((len(photos), 3))
    kept = build_references(NeighboursPlan(thumbnails=True), "vector", photos, vectors, LABELS)
    kept.write(tmp_path)
    assert (tmp_path / "vigie/neighbours.npz").is_file()
    assert len(list((tmp_path / "vigie/thumbnails").iterdir())) == len(photos)
