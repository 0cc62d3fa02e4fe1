from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.drawn_photos import draw_folder
from support.photos import photo_input
from vigie.recipes.photos.files import find_photos
from vigie.recipes.photos.spec import PhotosSpec
from vigie.training.photos.extractor import build_extractor
from vigie.training.photos.features import FeatureStore
from vigie.training.photos.network import FittedPhotos, fit_photos
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoSet
from vigie.training.photos.plan import HeadPlan, PhotoPlan
from vigie.training.plan import Plan, Target

PLAN = PhotoPlan(
    Plan("drawn", "Drawn", "classification", (photo_input(64),), Target("probabilities", "Label")),
    "MobileNetV2",
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    folder = tmp_path_factory.mktemp("drawn")
    files = find_photos(PhotosSpec(), (draw_folder(folder / "photos", 12),), lambda text: None)
    return read_photos(files, PLAN.photo, "drawn", folder, lambda text: None)


def fit(plan: PhotoPlan, photos: PhotoSet, folder: Path) -> tuple[FittedPhotos, FeatureStore]:
    extractor = build_extractor(plan, "random", None)
    store = FeatureStore(plan, extractor, folder)
    return fit_photos(plan, extractor, store, photos, np.arange(len(photos))), store


def answers(fitted: FittedPhotos, photos: PhotoSet) -> np.ndarray:
    pixels = photos.pixels(np.arange(len(photos)))
    return np.asarray(fitted.model.predict_on_batch({"photo": pixels}))


@pytest.mark.parametrize("kind", ["linear", "dense"])
def test_the_whole_network_answers_as_its_head_does(
    kind: str, photos: PhotoSet, tmp_path: Path
) -> None:
    plan = replace(PLAN, head=HeadPlan(kind, units=8, epochs=3))  # type: ignore[arg-type]
    fitted, store = fit(plan, photos, tmp_path)
    scores = fitted.scores(photos, store, lambda done, total, note: None)
    assert scores == pytest.approx(answers(fitted, photos), abs=2e-3)
    assert fitted.model.output_names == ["probabilities"]
    assert fitted.labels == ("bars", "dots", "lines")
    assert f"a {kind} head" in fitted.kind
    assert bool(fitted.history) == (kind == "dense")


def test_fine_tuning_trains_the_last_block_and_its_answers_are_the_models(
    photos: PhotoSet, tmp_path: Path
) -> None:
    plan = replace(PLAN, fine_tune=True, fine_tune_epochs=1)
    before = build_extractor(plan, "random", None).base.get_weights()
    fitted, store = fit(plan, photos, tmp_path)
    scores = fitted.scores(photos, store, lambda done, total, note: None)
    assert scores == pytest.approx(answers(fitted, photos), abs=1e-5)
    assert fitted.tuned
    assert len(fitted.history) == 1
    layers = fitted.chosen["fine_tuned_layers"]
    assert isinstance(layers, int)
    assert 0 < layers < 10
    after = fitted.model.get_layer(fitted.model.layers[2].name).get_weights()
    assert np.array_equal(before[0], after[0]), "the first layers stay as they were"
