"""A table with a model's inputs becomes one with its answers; every row stays, in its place."""

from __future__ import annotations

import csv
import importlib.util
from typing import TYPE_CHECKING, BinaryIO

from vigie.batch.ordered_pool import in_order
from vigie.batch.table_answers import ERROR, Score, answer_names, check_columns, csv_line
from vigie.batch.table_parts import TableParts
from vigie.batch.table_scorer import TableScorer
from vigie.errors import DataError
from vigie.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.engines.predictor import Predictor

PARQUET = ".parquet"


def score_table(predictor: Predictor, source: Path, target: Path) -> Score:
    """Writes `source` to `target` with the model's answer beside each row, on all cores.

    Both are CSV, or Parquet by their names. Columns that are no inputs are carried over. A row that
    breaks the signature gets no answer but what is wrong with it, in the column
    `prediction_error`. Memory does not grow with the file. Raises `DataError` where the file is no
    table; then there is no `target`.
    """
    is_parquet = source.suffix.lower() == PARQUET
    if is_parquet != (target.suffix.lower() == PARQUET):
        raise DataError(
            "a table keeps its form: name INPUT and OUTPUT both .parquet, or neither of them"
        )
    try:
        if is_parquet:
            from vigie.batch.parquet_table import score_parquet

            return score_parquet(predictor, source, target)
        with source.open("rb") as given, replacing(target) as made:
            return _score(predictor, given, made)
    except UnicodeDecodeError:
        raise DataError(f"{source.name} is not UTF-8") from None
    except csv.Error as broken:
        raise DataError(f"{source.name} is not CSV: {broken}") from None
    except OSError as failure:
        raise DataError(f"the table cannot be read or written ({failure.strerror})") from None


def _score(predictor: Predictor, given: BinaryIO, made: BinaryIO) -> Score:
    # with pyarrow lines without a quote become columns at once
    parts = TableParts(given, whole_lines=importlib.util.find_spec("pyarrow") is not None)
    if not parts.columns:
        raise DataError("the table is empty: it needs a line with the names of the columns")
    document = predictor.package.document
    check_columns(document, parts.columns)
    made.write(csv_line([*parts.columns, *answer_names(document), ERROR]))
    scorer, score = TableScorer(predictor, parts.columns), Score(0, 0)
    for text, part in in_order(scorer.score, parts):
        made.write(text)
        score += part
    return score
