"""Real photos of weather and of fruits, where `VIGIE_TEST_DATA` has them; without, tests skip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.real_data import data_for
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
    """All 100 photos, decoded in `folder`."""
    recipe, root = find_recipe("weather"), data_for("weather")
    assert isinstance(recipe, PhotoRecipe)
    files = find_photos(recipe.spec.photos, (root,), lambda text: None)
    return read_photos(files, weather_plan().photo, "weather", folder, lambda text: None)


def fruit_photos(most: int) -> list[Path]:
    """So many photos of fruits, of as many kinds as there are."""
    kinds = sorted(path for path in data_for("fruits").iterdir() if path.is_dir())
    return [min(kind.glob("*.jpg")) for kind in kinds][:most]
