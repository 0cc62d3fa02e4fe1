from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.drawn_photos import draw_folder
from support.photos import photo_input
from vigie.recipes.photos.files import find_photos
from vigie.recipes.photos.spec import PhotosSpec
from vigie.training.photos.extractor import Extractor, build_extractor
from vigie.training.photos.features import FeatureStore
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoSet
from vigie.training.photos.plan import Augmentation, PhotoPlan
from vigie.training.plan import Plan, Target

PLAN = PhotoPlan(
    Plan("drawn", "Drawn", "classification", (photo_input(),), Target("probabilities", "Label")),
    "MobileNetV2",
    augmentation=Augmentation(copies=2),
)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return build_extractor(PLAN, "random", None)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    folder = tmp_path_factory.mktemp("drawn")
    files = find_photos(PhotosSpec(), (draw_folder(folder / "photos", 3),), lambda text: None)
    return read_photos(files, PLAN.photo, "drawn", folder, lambda text: None)


class Counted:
    """An extractor's model that counts the photos it is asked for."""

    def __init__(self, extractor: Extractor) -> None:
        self.model = extractor.model
        self.calls = 0

    def predict_on_batch(self, pixels: np.ndarray) -> np.ndarray:
        self.calls += 1
        return np.asarray(self.model.predict_on_batch(pixels))


def counted(extractor: Extractor) -> tuple[Extractor, Counted]:
    model = Counted(extractor)
    return replace(extractor, model=model), model


def test_features_are_those_of_the_model_and_copies_have_their_own(
    extractor: Extractor, photos: PhotoSet, tmp_path: Path
) -> None:
    found = FeatureStore(PLAN, extractor, tmp_path).features(photos, 2)
    assert found.shape == (3, 9, 1280)
    assert found.dtype == np.float32
    own = extractor.model.predict_on_batch(photos.pixels(np.arange(9)))
    assert found[0] == pytest.approx(own, rel=1e-3)
    mirrored = extractor.model.predict_on_batch(photos.pixels(np.arange(9))[:, :, ::-1])
    assert found[1] == pytest.approx(mirrored, rel=1e-3)
    assert not np.array_equal(found[2], found[0])


def test_what_was_computed_once_is_not_computed_again(
    extractor: Extractor, photos: PhotoSet, tmp_path: Path
) -> None:
    first, asked = counted(extractor)
    before = FeatureStore(PLAN, first, tmp_path).features(photos, 1)
    assert asked.calls == 1
    again, asked = counted(extractor)
    store = FeatureStore(PLAN, again, tmp_path)
    assert np.array_equal(store.features(photos.take(np.array([4, 2])), 1), before[:, [4, 2]])
    assert asked.calls == 0
    store.features(photos, 2)
    assert asked.calls == 1


def test_another_base_size_or_augmentation_has_features_of_its_own(
    extractor: Extractor, photos: PhotoSet, tmp_path: Path
) -> None:
    FeatureStore(PLAN, extractor, tmp_path).features(photos)
    others = (
        (replace(PLAN, pooling="max"), extractor),
        (PLAN, replace(extractor, sha256="0" * 64)),
        (replace(PLAN, augmentation=Augmentation(crop=0.3)), extractor),
    )
    for plan, other in others:
        again, asked = counted(other)
        FeatureStore(plan, again, tmp_path).features(photos)
        assert asked.calls == 1


def test_a_torn_file_is_computed_again(
    extractor: Extractor, photos: PhotoSet, tmp_path: Path
) -> None:
    found = FeatureStore(PLAN, extractor, tmp_path).features(photos)
    (kept,) = tmp_path.rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert np.array_equal(FeatureStore(PLAN, extractor, tmp_path).features(photos), found)
