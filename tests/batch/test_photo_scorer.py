from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from support.broken_photos import BROKEN, line_of_pixels
from support.colours_package import write_colours
from support.packages import open_housing
from support.photos import LABELS, photo_bytes, write_photos
from vigie.batch.photo_scorer import PhotoScorer, Scored
from vigie.engines.base import Feeds
from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import DataError, ModelFailure
from vigie.models.package import read_package


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    digest = write_colours(tmp_path / "package", extra=True)
    return open_predictor(read_package(tmp_path / "package", digest))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_photos(tmp_path / "photos")
    return tmp_path / "photos"


def rows(scorer: PhotoScorer, scored: Scored) -> list[dict[str, str]]:
    text = (scorer.header() + scored.lines).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_photos_get_the_answers_of_the_service(predictor: Predictor, photos: Path) -> None:
    scorer = PhotoScorer(predictor, photos, every_score=True)
    names = [f"{colour}-0.jpg" for colour in LABELS]
    found = rows(scorer, scorer.score(names))
    decoded = predictor.decoder.decode([{"photo": (photos / name).read_bytes()} for name in names])
    scores = predictor.predict(decoded.columns).outputs["probabilities"]
    assert [row["name"] for row in found] == names
    assert [row["label"] for row in found] == list(LABELS)
    for row, expected in zip(found, scores, strict=True):
        assert [float(row[f"score_{label}"]) for label in LABELS] == pytest.approx(
            expected.tolist()
        )
        assert row["error"] == ""


@pytest.mark.parametrize("way", BROKEN)
def test_what_is_broken_is_named_and_costs_no_other_its_line(
    predictor: Predictor, photos: Path, way: str
) -> None:
    make, words = BROKEN[way]
    make(photos / "x.jpg")
    scorer = PhotoScorer(predictor, photos)
    scored = scorer.score(["red-0.jpg", "x.jpg", "blue-0.jpg"])
    assert (scored.photos, scored.failed) == (3, 1)
    red, broken, blue = rows(scorer, scored)
    assert (red["label"], blue["label"]) == ("red", "blue")
    assert broken == {"name": "x.jpg", "label": "", "score": "", "error": words}


def test_a_line_of_pixels_is_a_photo(predictor: Predictor, photos: Path) -> None:
    line_of_pixels(photos / "x.jpg")
    scorer = PhotoScorer(predictor, photos)
    assert rows(scorer, scorer.score(["x.jpg"]))[0]["label"] == "red"


class Refuses:
    """An engine that fails on what is blue."""

    name, in_caller = "refuses", True

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def run(self, feeds: Feeds, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        mean = feeds["photo"].mean(axis=(1, 2))
        if (mean.argmax(axis=1) == 2).any():
            raise ModelFailure("The model failed on this input.", self.reason)
        return {"probabilities": mean / 255}


def test_what_the_model_fails_on_costs_no_other_its_answer(
    predictor: Predictor, photos: Path
) -> None:
    scorer = PhotoScorer(Predictor(predictor.package, Refuses("engine")), photos)
    found = rows(scorer, scorer.score([f"{colour}-0.jpg" for colour in LABELS]))
    assert [row["label"] for row in found] == ["red", "green", ""]
    assert found[2]["error"] == "The model failed on this input."


def test_want_of_memory_stops_the_run(predictor: Predictor, photos: Path) -> None:
    scorer = PhotoScorer(Predictor(predictor.package, Refuses("memory")), photos)
    with pytest.raises(DataError, match="Give fewer --workers"):
        scorer.score(["blue-0.jpg"])


def test_a_model_of_rows_takes_no_photos(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="housing takes 0 photos a row"):
        PhotoScorer(open_housing(tmp_path / "housing"), tmp_path)


def test_no_name_is_a_path_of_another_kind(predictor: Predictor, photos: Path) -> None:
    (photos.parent / "up.jpg").write_bytes(photo_bytes("green"))
    scorer = PhotoScorer(predictor, photos)
    assert rows(scorer, scorer.score(["../up.jpg"]))[0]["label"] == "green"
