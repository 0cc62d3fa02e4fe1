"""What stands beside a row of a table: the answer of a model, or why there is none."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson

from vigie.errors import DataError

if TYPE_CHECKING:
    from vigie.engines.array_scorer import Piece
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument

PREDICTION, SCORE, ERROR = "prediction", "prediction_score", "prediction_error"
LOWER, UPPER = "prediction_lower", "prediction_upper"
_PLAIN_LOW, _PLAIN_HIGH = 1e-4, 1e16
"""Between these orjson writes numbers as Python does; beyond them Python has exponents."""


def answer_names(document: PackageDocument) -> list[str]:
    """The columns of a model's answers, without that of errors."""
    first = document.outputs[0]
    if document.task == "classification":
        names = [PREDICTION, SCORE]
    elif first.shape:
        names = [f"{PREDICTION}_{place}" for place in range(math.prod(first.shape))]
    else:
        names = [PREDICTION]
    return [*names, *([LOWER, UPPER] if document.interval else [])]


def check_columns(document: PackageDocument, columns: Sequence[str]) -> None:
    """Refuses a table whose columns lack an input, or are those of an answer."""
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise DataError(f"the table has the column {twice[0]} twice")
    fresh = {*answer_names(document), ERROR}
    if taken := [name for name in columns if name in fresh]:
        raise DataError(f"the table has a column {taken[0]} already; rename it")
    needed = [item.name for item in document.inputs if item.required]
    if missing := [name for name in needed if name not in columns]:
        raise DataError(f"the table has no column {', '.join(missing)}")


@dataclass(frozen=True, slots=True)
class Score:
    """How many rows were answered, and how many had something wrong."""

    answered: int
    refused: int

    def __add__(self, other: Score) -> Score:
        return Score(self.answered + other.answered, self.refused + other.refused)


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """Beside each row of a part: columns of texts or numbers, or the error of its place."""

    columns: Mapping[str, np.ndarray]
    errors: Mapping[int, str]
    rows: int

    @classmethod
    def of(
        cls,
        document: PackageDocument,
        pieces: Sequence[Piece],
        errors: Mapping[int, str],
        rows: int,
    ) -> AnswerTable:
        """The answers of all pieces, each in the place of its row among so many."""
        columns: dict[str, np.ndarray] = {}
        for piece in pieces:
            made = _arrays(document, piece.answers)
            for name, values in zip(answer_names(document), made, strict=True):
                if len(values) == rows:
                    columns[name] = values
                else:
                    columns.setdefault(name, np.zeros(rows, values.dtype))[piece.places] = values
        return cls(columns, errors, rows)

    def lines(self, names: Sequence[str]) -> list[bytes]:
        """The cells of each row, as CSV: in these columns its answer, behind them the error."""
        if not self.errors and (whole := self._numbers(names)) is not None:
            return _number_lines(whole)
        told = [b""] * self.rows
        for place, why in self.errors.items():
            told[place] = csv_cell(why)
        cells = [self._cells(name) for name in names]
        return list(map(b",".join, zip(*cells, told, strict=True)))

    def _numbers(self, names: Sequence[str]) -> np.ndarray | None:
        """The columns beside each other, where all are numbers that are written plainly."""
        columns = [self.columns.get(name) for name in names]
        numbers = [one for one in columns if one is not None and one.dtype != object]
        if len(numbers) < len(names):
            return None
        whole = np.column_stack(numbers).astype(np.float64, copy=False)
        return whole if not _has_exponent(whole).any() else None

    def _cells(self, name: str) -> list[bytes]:
        values = self.columns.get(name)
        if values is None:
            return [b""] * self.rows
        cells = _text_cells(values) if values.dtype == object else number_cells(values)
        for place in self.errors:
            cells[place] = b""
        return cells


def _arrays(document: PackageDocument, answers: Answers) -> list[np.ndarray]:
    values = answers.outputs[document.outputs[0].name]
    if document.task == "classification":
        found = [np.array(answers.labels(document), object), values.max(axis=1)]
    elif values.ndim > 1:
        found = list(values.reshape(len(values), -1).T)
    else:
        found = [values]
    if answers.lower is not None and answers.upper is not None:
        found += [answers.lower, answers.upper]
    return found


def _text_cells(values: np.ndarray) -> list[bytes]:
    texts = values.tolist()
    cells = {text: csv_cell(str(text)) for text in set(texts)}
    return [cells[text] for text in texts]


def number_cells(values: np.ndarray) -> list[bytes]:
    """Each number as Python writes it: the shortest text that is read as the same number."""
    numbers = np.ascontiguousarray(values, np.float64)
    cells = _dumped(numbers)[1:-1].split(b",") if len(numbers) else []
    for place in np.flatnonzero(_has_exponent(numbers)).tolist():
        cells[place] = repr(float(numbers[place])).encode()
    return cells


def _number_lines(numbers: np.ndarray) -> list[bytes]:
    """The cells of each row of plain numbers [rows, columns], and an empty one behind them."""
    return (_dumped(numbers)[2:-2] + b",").replace(b"],[", b",\n").split(b"\n")


def _dumped(numbers: np.ndarray) -> bytes:
    return orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)


def _has_exponent(numbers: np.ndarray) -> np.ndarray:
    """Which numbers Python writes with an exponent, or might."""
    size = np.abs(numbers)
    found: np.ndarray = ~((size >= _PLAIN_LOW) & (size < _PLAIN_HIGH) | (size == 0))
    return found


def csv_line(cells: Sequence[str]) -> bytes:
    """A row of CSV with the end of its line, quoted where it has to be."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerow(cells)
    return made.getvalue().encode()


def csv_cell(text: str) -> bytes:
    """A text as a cell of a row that has others."""
    return csv_line([text, ""])[: -len(",\n")]
