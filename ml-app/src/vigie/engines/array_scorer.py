"""Whole columns to answers, where some rows may be wrong: none costs another its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import ModelFailure
from vigie.models.array_decoding import ArrayDecoder

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers, Predictor
    from vigie.models.array_decoding import Values

Errors = dict[int, str | None]
"""By its place, why a row has no answer; `None` where it breaks the signature."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that were answered together, by their places.

    `outside` holds, per input, which of these rows have a value that was not seen in training.
    """

    places: np.ndarray
    answers: Answers
    outside: Mapping[str, np.ndarray]


class ArrayScorer:
    """Answers the rows of tables by one model, as requests of these rows would be answered."""

    def __init__(self, predictor: Predictor, *, neighbours: bool = True) -> None:
        self._predictor, self._neighbours = predictor, neighbours
        self._decoder = ArrayDecoder(predictor.package.document.inputs)

    def score(self, columns: Mapping[str, Values], rows: int, errors: Errors) -> list[Piece]:
        """The answers to so many rows, without those that have one of `errors` already.

        A row that gets no answer is added to these.
        """
        places = np.arange(rows)
        if errors:
            places = np.delete(places, list(errors))
            columns = _at(columns, places)
        return list(self._pieces(columns, places, errors))

    def _pieces(
        self, columns: Mapping[str, Values], places: np.ndarray, errors: Errors
    ) -> Iterator[Piece]:
        if not len(places):
            return
        decoded = self._decoder.decode(columns, len(places))
        if decoded.refused.any():
            errors |= dict.fromkeys(places[decoded.refused].tolist())
            good = np.flatnonzero(~decoded.refused)
            yield from self._pieces(_at(columns, good), places[good], errors)
            return
        try:
            answers = self._predictor.predict(decoded.columns, neighbours=self._neighbours)
        except ModelFailure as failure:
            if len(places) == 1:
                errors[int(places[0])] = str(failure)
                return
            for part in np.array_split(np.arange(len(places)), 2):
                yield from self._pieces(_at(columns, part), places[part], errors)
        else:
            yield Piece(places, answers, decoded.outside)


def _at(columns: Mapping[str, Values], rows: np.ndarray) -> dict[str, Values]:
    return {name: values.at(rows) for name, values in columns.items()}
