"""Every change that breaks a caller is named with its field; every other one is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from support.fruits import fruits_document
from support.packages import housing_document, iris_document
from vigie.models.document import PackageDocument
from vigie.registry.gate.compatibility import breaking_changes, harmless_changes

Change = Callable[[dict[str, Any]], object]

SURFACE, ROOMS, KIND, LAND, DISTRICT = range(5)


def on_input(index: int, **changes: Any) -> Change:
    return lambda document: document["inputs"][index].update(changes)


def on_output(**changes: Any) -> Change:
    return lambda document: document["outputs"][0].update(changes)


def rename(document: dict[str, Any]) -> None:
    document["inputs"][SURFACE]["name"] = "area_m2"


def new_input(required: bool) -> Change:
    new = {
        "name": "garden", "label": "Garden", "dtype": "float32", "tensor": "float32",
        "required": required, "missing": {"fill": 0.0}, "example": 1.0,
    }  # fmt: skip
    return lambda document: document["inputs"].append(new)


def choices(policy: str, *values: str) -> dict[str, Any]:
    return {"choices": {"values": list(values), "policy": policy}}


BREAKING: dict[str, tuple[Change, list[str]]] = {
    "input removed": (lambda d: d["inputs"].pop(ROOMS), ["input rooms is gone"]),
    "input renamed": (rename, ["input surface_m2 is gone", "input area_m2 is new and required"]),
    "required input added": (new_input(True), ["input garden is new and required"]),
    "input became required": (on_input(LAND, required=True), ["input land_m2 became required"]),
    "dtype": (on_input(ROOMS, dtype="float32"), ["input rooms: int64 became float32"]),
    "shape": (on_input(SURFACE, shape=[2]), ["input surface_m2: shape single became 2"]),
    "unit": (on_input(SURFACE, unit="sqft"), ["input surface_m2: unit m² became sqft"]),
    "upper limit": (
        on_input(ROOMS, limits=[1, 20]),
        ["input rooms: limits 1 to 50 became 1 to 20"],
    ),
    "lower limit": (
        on_input(ROOMS, limits=[2, 50]),
        ["input rooms: limits 1 to 50 became 2 to 50"],
    ),
    "choice removed": (
        on_input(KIND, **choices("closed", "apartment")),
        ["input property_type takes house no more"],
    ),
    "open choices closed": (
        on_input(DISTRICT, **choices("closed", "1", "2", "3", "4")),
        ["input district takes nothing but its choices now"],
    ),
    "output renamed": (on_output(name="price"), ["output price_eur is gone"]),
    "output shape": (on_output(shape=[2]), ["output price_eur: shape single became 2"]),
    "output unit": (on_output(unit="kEUR"), ["output price_eur: unit EUR became kEUR"]),
}  # fmt: skip

HARMLESS: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda d: None, []),
    "optional input added": (new_input(False), ["input garden is new and optional"]),
    "input became optional": (
        on_input(SURFACE, required=False, missing={"fill": 1.0}),
        ["input surface_m2 became optional"],
    ),
    "wider limits": (
        on_input(ROOMS, limits=[1, None]),
        ["input rooms: limits 1 to 50 became 1 to any"],
    ),
    "choice added": (
        on_input(KIND, **choices("closed", "apartment", "house", "castle")),
        ["input property_type knows castle too"],
    ),
    "choices opened": (on_input(KIND, **choices("open", "apartment")), []),
    "range": (on_input(ROOMS, range=[1, 7]), ["input rooms: range 1 to 9 became 1 to 7"]),
    "other texts": (on_input(ROOMS, label="Number of rooms", help="All."), []),
    "other order": (lambda d: d["inputs"].reverse(), []),
}


def compared(document: dict[str, Any], change: Change) -> tuple[PackageDocument, PackageDocument]:
    new = copy.deepcopy(document)
    change(new)
    return PackageDocument.model_validate(document), PackageDocument.model_validate(new)


@pytest.mark.parametrize("case", BREAKING)
def test_a_change_that_breaks_callers_is_named(case: str) -> None:
    change, expected = BREAKING[case]
    assert breaking_changes(*compared(housing_document(), change)) == expected


@pytest.mark.parametrize("case", HARMLESS)
def test_a_change_that_breaks_nobody_is_not_held_against_a_version(case: str) -> None:
    change, expected = HARMLESS[case]
    old, new = compared(housing_document(), change)
    assert breaking_changes(old, new) == []
    assert harmless_changes(old, new) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["setosa", "versicolor"], ["label virginica is gone"]),
        (["versicolor", "setosa", "virginica"], ["the labels changed their order"]),
        (["setosa", "versicolor", "virginica", "ensata"], []),
    ],
)
def test_labels_may_be_added_at_the_end_only(labels: list[str], expected: list[str]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["labels"] = labels
        document["outputs"][0]["shape"] = [len(labels)]

    assert breaking_changes(*compared(iris_document(), change)) == expected


def test_another_task_and_a_lost_interval_are_named() -> None:
    old = PackageDocument.model_validate({**housing_document(), "interval": {"level": 0.9}})
    new = PackageDocument.model_validate({**housing_document(), "task": "embedding"})
    assert breaking_changes(old, new) == [
        "the task regression became embedding",
        "the answers have no interval any more",
    ]
    assert harmless_changes(new, old) == ["the answers have an interval now"]


def test_what_is_hidden_and_neighbours_that_are_lost_are_named() -> None:
    old = PackageDocument.model_validate(fruits_document())
    hidden = fruits_document() | {"neighbours": None}
    hidden["outputs"][1]["shown"] = False
    new = PackageDocument.model_validate(hidden)
    assert breaking_changes(old, new) == [
        "output vector is gone",
        "the answers have no neighbours any more",
    ]
    assert harmless_changes(new, old) == [
        "output vector is new",
        "the answers have neighbours now",
    ]
