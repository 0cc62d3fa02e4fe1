"""A Parquet file with a model's inputs becomes one with its answers behind its own columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.batch.ordered_pool import in_order
from vigie.batch.row_scorer import RowScorer
from vigie.batch.table_answers import ERROR, PREDICTION, Score, answer_names, check_columns
from vigie.errors import DataError, MissingExtra
from vigie.files import replacing

try:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from vigie.models.arrow_columns import arrays_of, values_of
except ImportError:
    raise MissingExtra("Parquet needs pyarrow: pip install 'vigie[parquet]'") from None

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.batch.table_answers import AnswerTable
    from vigie.engines.predictor import Predictor
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input

_ROWS_AT_ONCE = 8192


def score_parquet(predictor: Predictor, source: Path, target: Path) -> Score:
    """Writes `source` to `target` with the model's answer beside each row, on all cores.

    All is as in `score_table`, but columns keep their types, and numbers are not read from texts
    unless they are texts there.
    """
    try:
        file = pq.ParquetFile(source)
    except pa.ArrowException:
        raise DataError(f"{source.name} is not Parquet") from None
    document = predictor.package.document
    with file:
        check_columns(document, file.schema_arrow.names)
        scorer = _BatchScorer(predictor, file.schema_arrow)
        score = Score(0, 0)
        with replacing(target) as made, pq.ParquetWriter(made, scorer.schema) as writer:
            for batch, part in in_order(scorer.score, file.iter_batches(_ROWS_AT_ONCE)):
                writer.write_batch(batch)
                score += part
    return score


class _BatchScorer:
    """Answers batches of rows. Several threads may share it."""

    def __init__(self, predictor: Predictor, schema: Any) -> None:
        document = predictor.package.document
        self._inputs = [item for item in document.inputs if item.name in schema.names]
        self._rows = RowScorer(predictor)
        self._fresh = _fields_of(document)
        self.schema = pa.schema([*schema, *self._fresh])

    def score(self, batch: Any) -> tuple[Any, Score]:
        """The batch with its answers behind it, and how many there are."""
        values = {item.name: arrays_of(batch.column(item.name), item) for item in self._inputs}
        rows = batch.num_rows
        answers = self._rows.answer(
            values, rows, lambda row: _row(batch.slice(row, 1), self._inputs)
        )
        made = [self._array(answers, field) for field in self._fresh]
        refused = len(answers.errors)
        return (
            pa.RecordBatch.from_arrays([*batch.columns, *made], schema=self.schema),
            Score(rows - refused, refused),
        )

    def _array(self, answers: AnswerTable, field: Any) -> Any:
        if field.name == ERROR:
            return pa.array([answers.errors.get(row) for row in range(answers.rows)], field.type)
        values = answers.columns.get(field.name)
        if values is None:
            return pa.nulls(answers.rows, field.type)
        gone = np.zeros(answers.rows, bool)
        gone[list(answers.errors)] = True
        return pa.array(values, field.type, mask=gone, from_pandas=False)


def _fields_of(document: PackageDocument) -> list[Any]:
    texts = {PREDICTION, ERROR} if document.task == "classification" else {ERROR}
    names = [*answer_names(document), ERROR]
    return [pa.field(name, pa.string() if name in texts else pa.float64()) for name in names]


def _row(batch: Any, inputs: Sequence[Input]) -> dict[str, Any]:
    return {item.name: values_of(batch.column(item.name), item)[0] for item in inputs}
