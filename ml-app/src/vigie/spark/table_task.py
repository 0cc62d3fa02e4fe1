"""Rows of a table to answers in a Python worker: whole columns at a time, wrong rows named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vigie.engines.array_scorer import ArrayScorer
from vigie.errors import InvalidInput, told_in_a_line
from vigie.models.arrow_columns import arrays_of, values_of
from vigie.models.wording import describe_outside
from vigie.spark.arrow import in_place

if TYPE_CHECKING:
    from pyspark import Accumulator

    from vigie.engines.array_scorer import Errors, Piece
    from vigie.engines.predictor import Predictor
    from vigie.models.document import PackageDocument
    from vigie.spark.score_answer import ScoreAnswer
    from vigie.spark.shipping import ShippedPackage

WARNINGS, ERROR = "prediction_warnings", "prediction_error"
BROKEN = "_vigie_broken"
"""A column that Spark fills for a line with too many or too few cells."""
_MOST_ROWS = 40_000
_CELLS = "it has not as many cells as the first line has names"


def rows_a_batch(document: PackageDocument) -> int:
    """How many rows a worker is handed at a time: fewer where a row is large."""
    return min(document.rows_at_once, _MOST_ROWS)


@dataclass(frozen=True)
class TableTask:
    """What a worker does with rows: the answers come behind the columns that are there."""

    shipped: ShippedPackage
    answer: ScoreAnswer
    done: Accumulator[int]
    failed: Accumulator[int]

    def fresh(self) -> pa.Schema:
        """The columns that are added and their types."""
        told = [pa.field(WARNINGS, pa.list_(pa.string())), pa.field(ERROR, pa.string())]
        return pa.schema([*self.answer.schema(), *told])

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """A row for each row, in its place."""
        rows = _Rows(self.shipped.open(), self.answer, self.fresh())
        for batch in batches:
            found = rows.answered(batch)
            self.done.add(batch.num_rows)
            self.failed.add(batch.num_rows - found[ERROR].null_count)
            kept = {name: batch.column(name) for name in batch.schema.names if name != BROKEN}
            yield pa.RecordBatch.from_pydict({**kept, **found})


@dataclass(frozen=True, slots=True)
class _Columns:
    """Rows that were answered together, and their columns."""

    places: np.ndarray
    columns: Mapping[str, pa.Array]


class _Rows:
    """The rows of a worker, some of which may be wrong: none costs another its answer."""

    def __init__(self, predictor: Predictor, answer: ScoreAnswer, fresh: pa.Schema) -> None:
        self._predictor, self._answer, self._fresh = predictor, answer, fresh
        self._document = predictor.package.document
        self._scorer = ArrayScorer(predictor)

    def answered(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        """The added columns of some rows."""
        names = set(batch.schema.names)
        columns = {
            item.name: arrays_of(batch.column(item.name), item)
            for item in self._document.inputs
            if item.name in names
        }
        errors: Errors = {}
        if BROKEN in names and batch.column(BROKEN).null_count < batch.num_rows:
            torn = pc.indices_nonzero(batch.column(BROKEN).is_valid())
            errors = dict.fromkeys(torn.to_pylist(), _CELLS)
        pieces = [self._piece(one) for one in self._scorer.score(columns, batch.num_rows, errors)]
        for row, why in errors.items():
            if why is None:
                errors[row] = self._why(batch.slice(row, 1))
        told: pa.Array = pa.nulls(batch.num_rows, pa.string())
        if errors:
            told = pa.array([errors.get(row) for row in range(batch.num_rows)], pa.string())
        return {**self._in_place(pieces, batch.num_rows), ERROR: told}

    def _piece(self, piece: Piece) -> _Columns:
        made = self._answer.columns(self._document, piece.answers)
        warnings = self._warnings(piece.outside, len(piece.places))
        return _Columns(piece.places, {**made, WARNINGS: warnings})

    def _why(self, row: pa.RecordBatch) -> str:
        """What a request of this row alone would be told."""
        given = {}
        for item in self._document.inputs:
            if item.name in row.schema.names:
                (given[item.name],) = values_of(row.column(item.name), item)
        try:
            self._predictor.decoder.decode([{k: v for k, v in given.items() if v is not None}])
        except InvalidInput as invalid:
            return told_in_a_line(invalid)
        raise AssertionError("a row that was refused among others is taken alone")

    def _warnings(self, outside: Mapping[str, np.ndarray], rows: int) -> pa.Array:
        inputs = {item.name: item for item in self._document.inputs}
        texts = pa.array([describe_outside(inputs[name]) for name in outside], pa.string())
        of_row = np.concatenate([np.zeros(0, np.intp), *outside.values()])
        warned = np.repeat(np.arange(len(outside)), [len(places) for places in outside.values()])
        ends = np.cumsum(np.bincount(of_row, minlength=rows))
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        told = texts.take(pa.array(warned[np.argsort(of_row, kind="stable")], pa.int32()))
        return pa.ListArray.from_arrays(pa.array(offsets), told)

    def _in_place(self, pieces: Sequence[_Columns], rows: int) -> dict[str, pa.Array]:
        """The answers of all pieces, each in the place of its row; nothing where there is none."""
        fields = [field for field in self._fresh if field.name != ERROR]
        if len(pieces) == 1 and len(pieces[0].places) == rows:
            return {one.name: pieces[0].columns[one.name].cast(one.type) for one in fields}
        places: list[int | None] = [None] * rows
        for place, row in enumerate(row for piece in pieces for row in piece.places.tolist()):
            places[row] = place
        return in_place([piece.columns for piece in pieces], places, fields)
