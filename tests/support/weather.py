"""The real photos of the weather and real weights, where VIGIE_TEST_DATA has them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from vigie.recipes.catalogue import PhotoRecipe, find_recipe
from vigie.recipes.photos.files import find_photos
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoSet
from vigie.training.photos.plan import PhotoPlan


def weather_plan() -> PhotoPlan:
    """The recipe that ships, on the base whose weights are there."""
    recipe = find_recipe("weather")
    assert isinstance(recipe, PhotoRecipe)
    return replace(recipe.spec.plan(), base="MobileNetV2")


def weather_photos(folder: Path) -> PhotoSet:
    """All 100 photos, decoded in `folder`; skips where they are not there."""
    recipe, root = find_recipe("weather"), _real("weather")
    assert isinstance(recipe, PhotoRecipe)
    files = find_photos(recipe.spec.photos, (root,), lambda text: None)
    return read_photos(files, weather_plan().photo, "weather", folder, lambda text: None)


def real_weights() -> Path:
    """The folder of real weights; skips where it is not there."""
    return _real("weights")


def _real(name: str) -> Path:
    folder = os.environ.get("VIGIE_TEST_DATA")
    if not folder or not (Path(folder) / name).is_dir():
        pytest.skip(f"VIGIE_TEST_DATA has no data for {name}")
    return Path(folder) / name
