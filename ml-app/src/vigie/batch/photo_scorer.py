"""Photos to the lines of a table: read, decoded and answered, a few at a time, in any thread."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.batch.answer_columns import AnswerColumns
from vigie.errors import DataError, ModelFailure
from vigie.models.photo import BrokenPhoto, read_photo
from vigie.models.photo_file import read_photo_file
from vigie.models.photo_input import photo_input
from vigie.models.photo_names import written_name

if TYPE_CHECKING:
    import numpy as np

    from vigie.engines.predictor import Predictor

NAME, ERROR = "name", "error"
BATCH_PHOTOS = 4
"""Measured with MobileNetV2: of 1, 4, 8 and 13 in a call of one thread a core, 1 and 4 take the
least processor time a photo, 13 a third more: what they compute stays in the core's cache."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Lines of the table, and how many of them say what is wrong."""

    lines: bytes
    photos: int
    failed: int


class PhotoScorer:
    """A model and the columns of its table. Several threads may share it.

    Raises `DataError` for a model that takes no photo, or more than one photo.
    """

    def __init__(
        self,
        predictor: Predictor,
        root: Path,
        every_score: bool = False,
        vectors: bool = False,
    ) -> None:
        document = predictor.package.document
        self._item, self._others = photo_input(document)
        self._predictor = predictor
        self._root = root
        self._answers = AnswerColumns(document, every_score, vectors)
        self.lists = self._answers.lists
        self.columns = [NAME, *self._answers.names, ERROR]
        self.at_once = min(BATCH_PHOTOS, document.rows_at_once)

    def header(self) -> bytes:
        """The first line of the table."""
        return _lines([self.columns])

    def score(self, names: Sequence[str]) -> Scored:
        """The lines of these photos, in their order; what is broken is named in its line.

        The same names give the same bytes, whatever runs beside: a call of the graph is one thread,
        and what is in it is what is in `names`. Raises `DataError` where the machine fails.
        """
        read = [self._read(name) for name in names]
        answered = iter(self._answer([found for found in read if not isinstance(found, str)]))
        told = [found if isinstance(found, str) else next(answered) for found in read]
        empty = [""] * len(self._answers.names)
        rows = [
            [written_name(name), *empty, cells]
            if isinstance(cells, str)
            else [written_name(name), *cells, ""]
            for name, cells in zip(names, told, strict=True)
        ]
        return Scored(_lines(rows), len(rows), sum(isinstance(cells, str) for cells in told))

    def _read(self, name: str) -> np.ndarray | str:
        """The pixels of a photo, or what it is instead."""
        try:
            return read_photo(read_photo_file(self._root / name), self._item).pixels
        except BrokenPhoto as broken:
            return str(broken)
        except (OSError, MemoryError):
            raise DataError(
                "the machine has no more memory or open files; give fewer --workers"
            ) from None

    def _answer(self, photos: Sequence[np.ndarray]) -> list[list[str] | str]:
        """The cells of each photo, or why the model has no answer to it."""
        if not photos:
            return []
        try:
            return list(self._predict(photos))
        except ModelFailure as failure:
            if failure.reason == "memory":
                raise DataError(f"{failure} Give fewer --workers, or more memory") from None
            if len(photos) == 1:
                return [str(failure)]
        return [cells for photo in photos for cells in self._answer([photo])]

    def _predict(self, photos: Sequence[np.ndarray]) -> list[list[str]]:
        columns: dict[str, list[Any]] = {self._item.name: list(photos)}
        if self._others is not None:
            columns |= self._others.decode_columns({}, len(photos)).columns
        return self._answers.rows(self._predictor.predict(columns))


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
