from __future__ import annotations

from pathlib import Path

from support.real_data import data_for
from support.real_photos import weather_photos, weather_plan
from vigie.settings import load_settings
from vigie.training.photos.crossval import (
    PhotoFold,
    cross_validate_photos,
    summarise_photos,
)


def test_real_photos_of_the_weather_are_told_apart(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path, weights=data_for("weights"))
    photos = weather_photos(tmp_path)
    told: list[tuple[int, int]] = []
    results = cross_validate_photos(
        weather_plan(), photos, settings, 5, 1, lambda done, total, note: told.append((done, total))
    )
    assert told == [(done, 5) for done in range(1, 6)]
    figures = summarise_photos(results)
    assert figures["accuracy"] >= 0.88
    assert figures["accuracy"] > figures["accuracy of colour_histogram"]
    assert figures["accuracy of majority"] == 0.25


def test_the_summary_has_means_and_the_spread() -> None:
    folds = [PhotoFold(0.8, {"majority": 0.2}), PhotoFold(1.0, {"majority": 0.4})]
    figures = summarise_photos(folds)
    assert figures["accuracy"] == 0.9
    assert round(figures["spread of the accuracy"], 6) == 0.1
    assert figures["lowest accuracy of a fold"] == 0.8
    assert round(figures["accuracy of majority"], 6) == 0.3
