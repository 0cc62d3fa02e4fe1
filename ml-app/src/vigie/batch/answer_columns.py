"""What is written of an answer: the columns of a model, and their texts row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument

LABEL, SCORE, PREDICTION = "label", "score", "prediction"
LOWER, UPPER = "prediction_lower", "prediction_upper"


def score_column(label: str) -> str:
    """The column of one label's score."""
    return f"score_{label}"


class AnswerColumns:
    """The columns of one model's answers; `every_score` adds one per label."""

    def __init__(self, document: PackageDocument, every_score: bool = False) -> None:
        self._document = document
        self._every_score = every_score and document.task == "classification"
        self.names = self._names()

    def _names(self) -> list[str]:
        first = self._document.outputs[0]
        if self._document.task == "classification":
            scores = map(score_column, self._document.labels) if self._every_score else ()
            return [LABEL, SCORE, *scores]
        size = int(np.prod(first.shape))
        names = [f"{PREDICTION}_{n}" for n in range(size)] if first.shape else [PREDICTION]
        return [*names, LOWER, UPPER] if self._document.interval else names

    def rows(self, answers: Answers) -> list[list[str]]:
        """The texts of each row, in the order of `names`: scores with six decimals."""
        values = answers.outputs[self._document.outputs[0].name]
        if self._document.task == "classification":
            best = answers.labels(self._document)
            highest = values.max(axis=1).tolist()
            rows = [[one, f"{score:.6f}"] for one, score in zip(best, highest, strict=True)]
            if self._every_score:
                for row, scores in zip(rows, values.tolist(), strict=True):
                    row += [f"{score:.6f}" for score in scores]
            return rows
        rows = [[str(value) for value in row.ravel()] for row in values]
        if answers.lower is not None and answers.upper is not None:
            for row, low, high in zip(rows, answers.lower, answers.upper, strict=True):
                row += [str(low), str(high)]
        return rows
