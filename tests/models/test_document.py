"""`package.json`: what is refused, and that the refusal names the place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from support.fruits import fruits_document
from support.packages import housing_document, iris_document
from vigie.models.document import PackageDocument
from vigie.models.model_input import Input
from vigie.models.number_limits import FLOAT32_MAX, INT64_MAX
from vigie.models.text import text_in


def test_the_test_packages_are_good_documents() -> None:
    housing = PackageDocument.model_validate(housing_document())
    assert housing.example == {
        "surface_m2": 54.0,
        "rooms": 3,
        "property_type": "apartment",
        "district": 2,
    }
    assert list(housing.answer_names()) == ["price_eur"]
    assert PackageDocument.model_validate(iris_document()).labels[0] == "setosa"


def _set(path: str, value: Any) -> dict[str, Any]:
    """The housing document with one value changed, `path` as in `inputs.0.dtype`."""
    document = deepcopy(housing_document())
    at: Any = document
    *parents, last = path.split(".")
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at[part]
    at[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("surprise", 1, "surprise"),
        ("inputs.0.surprise", 1, "surprise"),
        ("outputs.0.surprise", 1, "surprise"),
        ("provenance.surprise", 1, "surprise"),
        ("format", 2, "format"),
        ("name", "../housing", "name"),
        ("name", "Housing", "name"),
        ("task", "guess", "task"),
        ("inputs", [], "inputs"),
        ("outputs", [], "outputs"),
        ("inputs.0.name", "a b", "name"),
        ("inputs.0.dtype", "float64", "dtype"),
        ("inputs.0.limits", [float("nan"), 1], "limits"),
        ("inputs.0.shape", [0], "at least 1"),
        ("inputs.0.tensor", "int64", "no int64"),
        ("inputs.0.required", False, "needs a fill"),
        ("inputs.0.name", "rooms", "same name"),
        ("inputs.0.name", "land_m2__missing", "same name"),
        ("inputs.2.tensor", "int64", "a text stays a text"),
        ("inputs.2.shape", [2], "single values"),
        ("inputs.3.missing", {"fill": "median"}, "fill is not of"),
        ("inputs.4.missing", {"fill": 0}, "fill is not of"),
        ("inputs.4.tensor", "int64", "a choice is a text"),
        ("inputs.4.choices", {"values": []}, "choices"),
        ("outputs.0.decimals", 13, "decimals"),
    ],
)
def test_a_wrong_document_is_refused_by_name(path: str, value: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        PackageDocument.model_validate(_set(path, value))


@pytest.mark.parametrize("labels", [[], ["one"], ["a", "b"], ["a", "b", "c", "d"]])
def test_a_classification_has_a_label_per_class(labels: list[str]) -> None:
    with pytest.raises(ValidationError, match="one label per class"):
        PackageDocument.model_validate({**iris_document(), "labels": labels})


@pytest.mark.parametrize(
    ("limits", "tensor", "bounds"),
    [
        (None, "float32", (-FLOAT32_MAX, FLOAT32_MAX)),
        (None, "int64", (-INT64_MAX, INT64_MAX)),
        ([0, None], "float32", (0.0, FLOAT32_MAX)),
        ([-1e300, 1e300], "float32", (-FLOAT32_MAX, FLOAT32_MAX)),
        ([1, 10**400], "int64", (1.0, INT64_MAX)),
    ],
)
def test_bounds_are_the_limits_and_what_the_tensor_holds(
    limits: Any, tensor: Any, bounds: tuple[float, float]
) -> None:
    item = Input(name="x", label="x", dtype="int64", tensor=tensor, limits=limits, example=1)
    assert item.bounds == bounds


def test_a_text_is_shown_in_the_nearest_language() -> None:
    assert text_in("plain", "fr") == "plain"
    assert text_in({"en": "Rooms", "fr": "Pièces"}, "fr") == "Pièces"
    assert text_in({"en": "Rooms", "fr": "Pièces"}, "de") == "Rooms"
    assert text_in({"fr": "Pièces"}, "de") == "Pièces"


def test_what_a_document_says_of_vectors_and_labels_agrees_with_its_outputs() -> None:
    document = PackageDocument.model_validate(fruits_document())
    assert [output.name for output in document.shown_outputs] == ["probabilities", "vector"]
    assert document.label_notes["red"].link == "https://en.wikipedia.org/wiki/Apple"
    assert document.reduction is not None
    assert document.reduction.centred
    assert 0.9 < document.reduction.share <= 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"label_notes": {"mauve": {"text": "?"}}}, "there is no label mauve"),
        ({"label_notes": {"red": {"text": "?", "link": "http://a.b"}}}, "link"),
        ({"label_notes": {"red": {"text": "?", "link": "https://a b"}}}, "link"),
        ({"label_notes": {"red": {"link": "https://a.b"}}}, "text"),
        ({"neighbours": {"output": "scores"}}, "no vector scores"),
        ({"neighbours": {"output": "vector", "count": 0}}, "count"),
    ],
)
def test_notes_and_neighbours_that_do_not_fit_are_refused(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        PackageDocument.model_validate(fruits_document() | changes)


@pytest.mark.parametrize(
    ("entry", "value", "told"),
    [
        ("of", "pixels", "no vector of its components"),
        ("output", "features", "no vector of its components"),
        ("components", 2, "one share of the variance per component"),
    ],
)
def test_a_reduction_that_does_not_fit_is_refused(entry: str, value: Any, told: str) -> None:
    document = fruits_document()
    document["reduction"][entry] = value
    with pytest.raises(ValidationError, match=told):
        PackageDocument.model_validate(document)


def test_the_first_output_is_shown() -> None:
    document = fruits_document()
    document["outputs"][0]["shown"] = False
    with pytest.raises(ValidationError, match="the first output is shown"):
        PackageDocument.model_validate(document)
