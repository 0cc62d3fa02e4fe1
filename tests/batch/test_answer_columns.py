from __future__ import annotations

from typing import Any

import numpy as np

from support.colours_package import colours_document
from support.fruits import COMPONENTS, fruits_document
from support.packages import housing_document, iris_document
from vigie.batch.answer_columns import AnswerColumns
from vigie.engines.predictor import Answers
from vigie.models.document import PackageDocument
from vigie.models.neighbours import Nearest, Neighbours

SCORES = Answers({"probabilities": np.array([[0.1, 0.7, 0.2], [1 / 3, 1 / 3, 1 / 3]], np.float32)})


def columns(
    document: dict[str, Any], every_score: bool = False, vectors: bool = False
) -> AnswerColumns:
    return AnswerColumns(PackageDocument.model_validate(document), every_score, vectors)


def test_a_classification_has_label_and_score() -> None:
    made = columns(colours_document())
    assert made.names == ["label", "score"]
    assert made.rows(SCORES) == [["green", "0.700000"], ["red", "0.333333"]]


def test_every_score_by_choice() -> None:
    made = columns(colours_document(), every_score=True)
    assert made.names == ["label", "score", "score_red", "score_green", "score_blue"]
    assert made.rows(SCORES)[0] == ["green", "0.700000", "0.100000", "0.700000", "0.200000"]


def test_numbers_and_intervals() -> None:
    document = housing_document() | {"interval": {"low": 0, "high": 0}}
    answers = Answers({"price_eur": np.array([1.5, 2e6])}, np.array([1.0, 2.0]), np.array([2.0, 3]))
    made = columns(document, every_score=True)
    assert made.names == ["prediction", "prediction_lower", "prediction_upper"]
    assert made.rows(answers) == [["1.5", "1.0", "2.0"], ["2000000.0", "2.0", "3.0"]]


def test_a_vector_has_a_column_per_place() -> None:
    document = iris_document() | {"task": "embedding", "labels": []}
    made = columns(document)
    assert made.names == ["prediction_0", "prediction_1", "prediction_2"]
    assert made.rows(SCORES)[0] == ["0.1", "0.7", "0.2"]
    assert made.lists == {"prediction": made.names}


def test_the_most_alike_photo_stands_behind_the_score_and_the_vector_by_choice() -> None:
    known = Neighbours(np.eye(3, dtype=np.float32), np.array([2, -1, 0]), ("a.jpg", "b", "c"))
    found = known.nearest(np.array([[0.8, 0.6, 0], [0, 2, 0.0]]), 3)
    vector = np.array([[0.5, 1, 2], [3, 4, 5]], np.float32)
    answers = Answers(SCORES.outputs | {"vector": vector}, nearest=Nearest(known, *found))
    plain = columns(fruits_document())
    nearest = ["nearest", "nearest_label", "nearest_similarity"]
    assert plain.names == ["label", "score", *nearest]
    assert plain.lists == {}
    assert plain.rows(answers) == [
        ["green", "0.700000", "a.jpg", "blue", "0.800000"],
        ["red", "0.333333", "b", "", "1.000000"],
    ]
    whole = columns(fruits_document(), vectors=True)
    assert whole.lists == {"vector": [f"vector_{place}" for place in range(COMPONENTS)]}
    assert whole.names == [*plain.names, *whole.lists["vector"]]
    assert whole.rows(answers)[1][-COMPONENTS:] == ["3.0", "4.0", "5.0"]
