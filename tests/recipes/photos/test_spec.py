from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import ConfigurationError, DataError
from vigie.recipes.catalogue import PhotoRecipe, find_recipe, find_table
from vigie.recipes.photos.spec import PhotoSpec
from vigie.recipes.recipe_file import read_spec
from vigie.training.photos.plan import NeighboursPlan, ReductionPlan

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


VECTORS = """
reduction: {variance: 0.9}
neighbours: {count: 3, most: 20, thumbnails: true}
"""


def test_a_reduction_and_neighbours_are_planned(tmp_path: Path) -> None:
    plan = read(tmp_path, GOOD + VECTORS).plan()
    assert plan.reduction == ReductionPlan(variance=0.9)
    assert plan.neighbours == NeighboursPlan(3, 20, thumbnails=True)
    assert plan.has_vectors
    assert not read(tmp_path, GOOD).plan().has_vectors


def test_an_embedding_is_called_vector_where_it_has_no_other_name(tmp_path: Path) -> None:
    target = read(tmp_path, GOOD + "task: embedding\n").plan().plan.target
    assert (target.name, target.label) == ("vector", "Vector")
    named = "task: embedding\ntarget: {name: look, label: Look}\n"
    target = read(tmp_path, GOOD + named).plan().plan.target
    assert (target.name, target.label) == ("look", "Look")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("reduction: {}", "components or variance, one of both"),
        ("reduction: {components: 5, variance: 0.5}", "components or variance, one of both"),
        ("reduction: {components: 0}", "reduction.components"),
        ("reduction: {variance: 1.0}", "reduction.variance"),
        ("neighbours: {most: 0}", "neighbours.most"),
        ("neighbours: {count: 101}", "neighbours.count"),
        ("target: {name: vector}", "vector is the name of an answer already"),
        ("task: embedding\ntarget: {name: features}", "features is the name of an answer"),
        ("target: {notes: {dots: {text: Round, link: 'http://a.b'}}}", "target.notes.dots.link"),
        ("target: {notes: {dots: Round}}", "target.notes.dots"),
    ],
)
def test_a_wrong_entry_of_vectors_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told.replace(".", r"\.")):
        read(tmp_path, f"{GOOD}{text}\n")


@pytest.mark.parametrize(
    "entry", ["reduction: {components: 2}", "neighbours: {}", "task: embedding"]
)
def test_vectors_are_of_a_base_as_it_is(tmp_path: Path, entry: str) -> None:
    tuned = GOOD.replace("{base: MobileNetV2}", "{base: MobileNetV2, fine_tune: true}")
    with pytest.raises(DataError, match=r"leave network\.fine_tune out"):
        read(tmp_path, f"{tuned}{entry}\n")


def test_fruits_have_a_vector_neighbours_and_words_on_each() -> None:
    recipe = find_recipe("fruits")
    assert isinstance(recipe, PhotoRecipe)
    plan, target = recipe.spec.plan(), recipe.spec.target
    assert plan.base == "MobileNetV2"
    assert plan.reduction == ReductionPlan(components=50)
    assert plan.neighbours is not None
    assert plan.neighbours.thumbnails
    assert set(target.labels) == set(target.notes)
    for note in target.notes.values():
        assert isinstance(note.text, dict)
        assert set(note.text) == {"en", "fr"}
        assert note.link is not None


def test_weather_is_an_instance_on_resnet152v2() -> None:
    recipe = find_recipe("weather")
    assert isinstance(recipe, PhotoRecipe)
    assert recipe.spec.network.base == "ResNet152V2"
    assert set(recipe.spec.target.labels) == {"cloudy", "rain", "shine", "sunrise"}
    with pytest.raises(ConfigurationError, match="photos"):
        find_table("weather")
