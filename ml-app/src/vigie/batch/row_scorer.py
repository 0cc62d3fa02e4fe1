"""Columns of a table to answers, and in words why a row has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vigie.batch.table_answers import AnswerTable
from vigie.engines.array_scorer import ArrayScorer
from vigie.errors import InvalidInput, told_in_a_line

if TYPE_CHECKING:
    from vigie.engines.array_scorer import Errors
    from vigie.engines.predictor import Predictor
    from vigie.models.array_decoding import Values


class RowScorer:
    """Answers rows by one model. Several threads may share it."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._document = predictor.package.document
        self._scorer = ArrayScorer(predictor, neighbours=False)

    def answer(
        self,
        values: Mapping[str, Values],
        rows: int,
        given_at: Callable[[int], Mapping[str, Any]],
    ) -> AnswerTable:
        """The answers to so many rows; `given_at` tells one of them as a caller would send it."""
        found: Errors = {}
        pieces = self._scorer.score(values, rows, found)
        errors = {
            row: self._why(given_at(row)) if why is None else why for row, why in found.items()
        }
        return AnswerTable.of(self._document, pieces, errors, rows)

    def _why(self, given: Mapping[str, Any]) -> str:
        """What a request of this row alone would be told."""
        row = {name: value for name, value in given.items() if value is not None}
        try:
            self._predictor.decoder.decode([row])
        except InvalidInput as invalid:
            return told_in_a_line(invalid)
        raise AssertionError("a row that was refused among others is taken alone")
