"""What pages say of drift, by the names that people have for what moved."""

from __future__ import annotations

import pytest

from support.colours_package import colours_document
from vigie.models.document import PackageDocument
from vigie.models.photo_figures import FIGURES
from vigie.monitoring.drift import PREDICTION, Drift
from vigie.serving.web.language import Language, languages
from vigie.serving.web.quality import bars_of

EN, FR = languages()["en"], languages()["fr"]


def drifts(*features: str) -> list[Drift]:
    """So far from training that each index is smaller than the one before."""
    return [Drift("colours", "1", name, 900, 0.4 - 0.01 * at) for at, name in enumerate(features)]


@pytest.mark.parametrize(
    ("language", "brightness", "sharpness"),
    [
        (EN, "Brightness of the photo", "Sharpness of the photo"),
        (FR, "Luminosité de la photo", "Netteté de la photo"),
    ],
)
def test_figures_of_a_photo_have_names(language: Language, brightness: str, sharpness: str) -> None:
    document = PackageDocument.model_validate(colours_document(extra=True))
    features = ("photo.brightness", "photo.sharpness", "warmth", PREDICTION)
    bars = bars_of(document, drifts(*features), language)
    labels = [bar.label for bar in bars]
    assert labels[1:3] == [brightness, sharpness]
    assert labels[3] in ("Warmth", "Chaleur")


def test_every_figure_has_a_name() -> None:
    document = PackageDocument.model_validate(colours_document())
    names = [f"photo.{figure}" for figure in FIGURES]
    for language in (EN, FR):
        labels = {bar.label for bar in bars_of(document, drifts(*names), language)}
        assert len(labels) == len(FIGURES)
        assert not any("." in label or "_" in label for label in labels)


def test_photos_of_several_inputs_are_told_apart() -> None:
    document = colours_document()
    second = {**document["inputs"][0], "name": "after", "label": {"en": "After", "fr": "Après"}}
    both = PackageDocument.model_validate({**document, "inputs": [*document["inputs"], second]})
    bars = bars_of(both, drifts("photo.contrast", "after.contrast"), FR)
    assert [bar.label for bar in bars] == [
        "Contraste de la photo (Photo)",
        "Contraste de la photo (Après)",
    ]
