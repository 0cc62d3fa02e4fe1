from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import ConfigurationError, DataError
from vigie.recipes.catalogue import find_recipe, recipe_names
from vigie.recipes.recipe_file import read_spec
from vigie.training.photos.plan import PhotoPlan

GOOD = """
name: flats
title: Flats
task: regression
target: {column: price, name: price_eur, label: Price, scale: log}
inputs:
  size: {column: sqft, type: number, factor: 0.09290304, limits: [5, 500], label: Size}
"""


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_is_whole(name: str) -> None:
    spec = find_recipe(name).spec
    assert spec.name == name
    plan = spec.plan()
    for item in plan.plan.inputs if isinstance(plan, PhotoPlan) else plan.inputs:
        assert isinstance(item.label, dict)
        assert {"en", "fr"} <= item.label.keys()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("task: regression", "task: guess"), "task"),
        (("limits: [5, 500]", "limit: [5, 500]"), "inputs.size.limit"),
        (("type: number", "type: choice"), "inputs.size"),
        (("title: Flats", "title: Flats\nslices: [rooms]"), "rooms"),
        (("factor: 0.09290304", "factor: 0"), "inputs.size.factor"),
        (("name: flats", "name: Flats!"), "name"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(DataError, match=named.replace(".", r"\.")):
        read_spec(path)


def test_a_file_that_is_not_yaml_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text("name: [")
    with pytest.raises(DataError, match="not YAML"):
        read_spec(path)


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="housing"):
        find_recipe("castles")
