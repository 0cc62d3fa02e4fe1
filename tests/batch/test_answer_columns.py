from __future__ import annotations

from typing import Any

import numpy as np

from support.colours_package import colours_document
from support.packages import housing_document, iris_document
from vigie.batch.answer_columns import AnswerColumns
from vigie.engines.predictor import Answers
from vigie.models.document import PackageDocument

SCORES = Answers({"probabilities": np.array([[0.1, 0.7, 0.2], [1 / 3, 1 / 3, 1 / 3]], np.float32)})


def columns(document: dict[str, Any], every_score: bool = False) -> AnswerColumns:
    return AnswerColumns(PackageDocument.model_validate(document), every_score)


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
