"""What the log keeps of a request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from support.colours_package import colours_document
from support.fruits import COMPONENTS, fruits_document
from support.packages import housing_document
from support.photos import LABELS, in_base64, photo_bytes
from support.worker import HOME
from vigie.engines.predictor import Answers
from vigie.models.decoding import RowDecoder
from vigie.models.document import PackageDocument
from vigie.models.photo_figures import FIGURES
from vigie.predictionlog.entry import Entry


def test_of_a_photo_the_log_keeps_figures_and_no_pixels() -> None:
    document = PackageDocument.model_validate(colours_document(extra=True))
    rows = [{"photo": in_base64(photo_bytes(colour)), "warmth": 2} for colour in LABELS]
    decoded = RowDecoder(document.inputs).decode(rows)
    decoded.columns.pop("photo")
    answers = Answers({"probabilities": np.eye(3)}, None, None)
    logged = Entry(1, "id", document, "1", decoded, answers).rows(with_inputs=True)
    assert [row["label"] for row in logged] == list(LABELS)
    for row in logged:
        inputs = orjson.loads(row["inputs"])
        assert inputs["warmth"] == 2
        assert list(inputs["photo"]) == list(FIGURES)
        assert inputs["photo"]["megapixels"] == 0.006144
        assert inputs["photo"]["aspect"] == 1.5
        assert len(row["inputs"]) < 300


def test_of_an_answer_the_log_keeps_scores_and_no_vectors() -> None:
    document = PackageDocument.model_validate(fruits_document())
    decoded = RowDecoder(document.inputs).decode([{"photo": in_base64(photo_bytes("green"))}])
    answers = Answers({"probabilities": np.eye(3)[1:2], "vector": np.zeros((1, COMPONENTS))})
    (row,) = Entry(1, "id", document, "1", decoded, answers).rows(with_inputs=True)
    assert row["label"] == "green"
    assert orjson.loads(row["outputs"]) == {"probabilities": [0.0, 1.0, 0.0]}


def test_the_vector_of_a_model_that_answers_nothing_else_is_kept() -> None:
    content = fruits_document()
    content["outputs"] = [content["outputs"][1], content["outputs"][2]]
    content |= {"task": "embedding", "label_notes": {}}
    document = PackageDocument.model_validate(content)
    assert document.kept_outputs == ("vector",)


def test_columns_that_are_arrays_are_logged_as_lists_are() -> None:
    document = PackageDocument.model_validate(housing_document())
    rows = [{**HOME, "land_m2": None}, {**HOME, "surface_m2": 20.25, "land_m2": 60.5}]
    decoded = RowDecoder(document.inputs).decode(rows)
    answers = Answers({"price_eur": np.array([1.0, 2.0])})
    logged = Entry(1, "id", document, "1", decoded, answers).rows(with_inputs=True)
    names = ("surface_m2", "rooms", "land_m2", "land_m2__missing")
    arrays: dict[str, Any] = {n: np.array(decoded.columns[n], np.float32) for n in names}
    other = replace(decoded, columns=decoded.columns | arrays)
    assert Entry(1, "id", document, "1", other, answers).rows(with_inputs=True) == logged
