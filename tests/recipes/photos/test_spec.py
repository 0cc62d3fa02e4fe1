from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import ConfigurationError, DataError
from vigie.recipes.catalogue import PhotoRecipe, find_recipe, find_table
from vigie.recipes.photos.spec import PhotoSpec
from vigie.recipes.recipe_file import read_spec

GOOD = """
name: drawn
title: Drawn
photos: {size: [96, 128], fit: crop}
network: {base: MobileNetV2}
augmentation: {copies: 2}
head: {kind: dense, units: 16}
"""


def read(folder: Path, text: str) -> PhotoSpec:
    path = folder / "drawn.yaml"
    path.write_text(text)
    spec = read_spec(path)
    assert isinstance(spec, PhotoSpec)
    return spec


def test_the_plan_says_what_the_file_does(tmp_path: Path) -> None:
    plan = read(tmp_path, GOOD).plan()
    assert plan.photo.shape == (96, 128, 3)
    assert plan.photo.resize is not None
    assert plan.photo.resize.fit == "crop"
    assert (plan.base, plan.augmentation.copies, plan.head.units) == ("MobileNetV2", 2, 16)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("size: [96, 128]", "size: 8"), "photos.size"),
        (("fit: crop", "fit: squeeze"), "photos.fit"),
        (("copies: 2", "copies: -1"), "augmentation.copies"),
        (("units: 16", "unit: 16"), "head.unit"),
        (("title: Drawn", "title: Drawn\ntask: regression"), "task"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    with pytest.raises(DataError, match=named.replace(".", r"\.")):
        read(tmp_path, GOOD.replace(*change))


def test_weather_is_an_instance_on_resnet152v2() -> None:
    recipe = find_recipe("weather")
    assert isinstance(recipe, PhotoRecipe)
    assert recipe.spec.network.base == "ResNet152V2"
    assert set(recipe.spec.target.labels) == {"cloudy", "rain", "shine", "sunrise"}
    with pytest.raises(ConfigurationError, match="photos"):
        find_table("weather")
