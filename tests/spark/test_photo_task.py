from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.broken_photos import BROKEN
from support.colours_package import colours_document, write_colours
from support.fruits import write_fruits
from support.photos import photo_bytes, write_photos
from support.quarters_package import FEATURES
from support.spark import counter, shipped
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.document import PackageDocument
from vigie.models.neighbours import Neighbours
from vigie.models.package import read_package
from vigie.registry.reference import BatchModel
from vigie.spark.photo_task import Answer, PhotoTask, schema_of
from vigie.spark.score_answer import ScoreAnswer
from vigie.spark.vector_answer import VectorAnswer

OF_THE_PLACE = ("a circle", "a link to nothing")
VECTOR = VectorAnswer("features")


def answered(predictor: Predictor, answer: Answer, **column: list[Any]) -> list[dict[str, Any]]:
    ((name, values),) = column.items()
    rows = len(values)
    key = {one: [f"{one}-{n}" for n in range(rows)] for one in ("name", "label", "stamp")}
    batch = pa.RecordBatch.from_pydict({**key, name: pa.array(values, pa.binary())})
    task = PhotoTask(shipped(predictor), answer, counter(), counter())
    (made,) = task([batch])
    assert made.schema == schema_of(answer)
    found: list[dict[str, Any]] = made.to_pylist()
    assert task.done.value == rows
    assert task.failed.value == sum(row["reason"] is not None for row in found)
    return found


def test_photos_of_a_disk_have_a_vector_each(quarters: BatchModel, tmp_path: Path) -> None:
    paths = list(map(os.fsencode, write_photos(tmp_path / "photos")))
    found = answered(quarters.predictor, VECTOR, path=paths)
    assert [len(row["vector"]) for row in found] == [FEATURES] * 3
    assert [row["name"] for row in found] == ["name-0", "name-1", "name-2"]


def test_a_vector_is_the_same_whatever_lies_beside_it(quarters: BatchModel) -> None:
    files = [photo_bytes("red", seed=seed) for seed in range(5)]
    together = answered(quarters.predictor, VECTOR, content=files)
    alone = [answered(quarters.predictor, VECTOR, content=[one])[0] for one in files]
    assert [row["vector"] for row in together] == [row["vector"] for row in alone]


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_has_the_reason_of_a_batch(
    quarters: BatchModel, tmp_path: Path, what: str
) -> None:
    make, reason = BROKEN[what]
    make(tmp_path / "broken.jpg")
    (tmp_path / "whole.jpg").write_bytes(photo_bytes("red"))
    paths = [os.fsencode(tmp_path / name) for name in ("broken.jpg", "whole.jpg")]
    found = answered(quarters.predictor, VECTOR, path=paths)
    assert [row["reason"] for row in found] == [reason, None]
    assert [row["unreadable"] for row in found] == [what in OF_THE_PLACE, False]
    assert found[0]["vector"] is None
    assert found[1]["vector"] is not None


def test_a_file_that_was_too_large_to_be_read_is_told(quarters: BatchModel) -> None:
    found = answered(quarters.predictor, VECTOR, content=[None])
    assert found[0]["reason"] == "a file of more than 200 MB"


def test_features_are_compared_with_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fruits(tmp_path / "fruits")
    predictor = open_predictor(read_package(tmp_path / "fruits", ""))
    monkeypatch.setattr(Neighbours, "nearest", None)
    answer = VectorAnswer("features", every_output=True)
    (found,) = answered(predictor, answer, content=[photo_bytes("red")])
    assert len(found["vector"]) == FEATURES


def test_the_answers_of_a_classification(tmp_path: Path) -> None:
    write_colours(tmp_path / "colours", extra=True)
    predictor = open_predictor(read_package(tmp_path / "colours", ""))
    answer = ScoreAnswer.of_photos(PackageDocument.model_validate(colours_document()))
    files = [photo_bytes("blue"), b"no photo"]
    whole, broken = answered(predictor, answer, content=files)
    assert whole["prediction_label"] == "blue"
    assert 0.3 < whole["prediction_score"] <= 1
    assert (broken["prediction_label"], broken["reason"]) == (None, "no photo")
