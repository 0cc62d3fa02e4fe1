"""What is written of an answer: the columns of a model, and their texts row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument
    from vigie.models.model_output import Output

LABEL, SCORE, PREDICTION = "label", "score", "prediction"
LOWER, UPPER = "prediction_lower", "prediction_upper"
NEAREST, NEAREST_LABEL = "nearest", "nearest_label"
NEAREST_SIMILARITY = "nearest_similarity"


def score_column(label: str) -> str:
    """The column of one label's score."""
    return f"score_{label}"


class AnswerColumns:
    """The columns of one model's answers; `every_score` adds one per label.

    `vectors` adds one per place of each vector behind the first output. `lists` are the columns
    that are the places of one vector, by its name.
    """

    def __init__(
        self, document: PackageDocument, every_score: bool = False, vectors: bool = False
    ) -> None:
        self._document = document
        self._every_score = every_score and document.task == "classification"
        self._vectors = [one for one in document.shown_outputs[1:] if vectors and one.shape]
        self.lists = {one.name: _places(one.name, one) for one in self._vectors}
        first = document.outputs[0]
        if document.task != "classification" and first.shape:
            self.lists = {PREDICTION: _places(PREDICTION, first), **self.lists}
        self.names = [
            *self._names(),
            *([NEAREST, NEAREST_LABEL, NEAREST_SIMILARITY] if document.neighbours else []),
            *(name for one in self._vectors for name in self.lists[one.name]),
        ]

    def _names(self) -> list[str]:
        if self._document.task == "classification":
            scores = map(score_column, self._document.labels) if self._every_score else ()
            return [LABEL, SCORE, *scores]
        names = self.lists.get(PREDICTION, [PREDICTION])
        return [*names, LOWER, UPPER] if self._document.interval else [*names]

    def rows(self, answers: Answers) -> list[list[str]]:
        """The texts of each row, in the order of `names`: scores with six decimals."""
        rows = self._first(answers)
        if answers.nearest is not None:
            for row, found in zip(rows, answers.nearest.told(self._document.labels), strict=True):
                best = found[0]
                row += [best["photo"], best["label"] or "", f"{best['similarity']:.6f}"]
        for output in self._vectors:
            for row, values in zip(rows, answers.outputs[output.name], strict=True):
                row.extend(map(str, values.ravel()))
        return rows

    def _first(self, answers: Answers) -> list[list[str]]:
        """What is written of the first output."""
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


def _places(name: str, output: Output) -> list[str]:
    return [f"{name}_{place}" for place in range(int(np.prod(output.shape)))]
