"""A CSV file with a model's inputs becomes one with its answers; every row stays, in its place."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.errors import DataError, InvalidInput, ModelFailure, told_in_a_line
from vigie.files import replacing
from vigie.models.rows import number_in

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers, Predictor

ROWS_AT_ONCE = 1000
PREDICTION, ERROR = "prediction", "prediction_error"


@dataclass(frozen=True, slots=True)
class Score:
    """How many rows were answered, and how many had something wrong."""

    answered: int
    refused: int


def score_table(predictor: Predictor, source: Path, target: Path) -> Score:
    """Writes `source` to `target` with the model's answer beside each row.

    Columns that are no inputs are carried over. A row that breaks the signature gets no answer but
    what is wrong with it, in the column `prediction_error`. Memory does not grow with the file.
    Raises `DataError` where the file is no table; then there is no `target`.
    """
    try:
        with source.open(encoding="utf-8-sig", newline="") as given, replacing(target) as made:
            text = TextIOWrapper(made, encoding="utf-8", newline="")
            score = _score(predictor, csv.DictReader(given, strict=True), text)
            text.flush()
    except UnicodeDecodeError:
        raise DataError(f"{source.name} is not UTF-8") from None
    except csv.Error as broken:
        raise DataError(f"{source.name} is not CSV: {broken}") from None
    except OSError as failure:
        raise DataError(f"the table cannot be read or written ({failure.strerror})") from None
    return score


def _score(predictor: Predictor, reader: csv.DictReader[str], made: Any) -> Score:
    columns = list(reader.fieldnames or ())
    fresh = _fresh_columns(predictor)
    _check_columns(predictor, columns, fresh)
    writer = csv.DictWriter(made, [*columns, *fresh], lineterminator="\n")
    writer.writeheader()
    answered = refused = 0
    while rows := list(islice(reader, ROWS_AT_ONCE)):
        for row in rows:
            # what is too much lies under the key `None`, and what is not there is `None`
            if None in row or None in row.values():
                raise DataError(f"line {reader.line_num} or one before it has not as many cells")
        found = list(_answers(predictor, rows))
        for row, answer in zip(rows, found, strict=True):
            writer.writerow(row | answer)
        wrong = sum(ERROR in answer for answer in found)
        answered, refused = answered + len(rows) - wrong, refused + wrong
    return Score(answered, refused)


def _fresh_columns(predictor: Predictor) -> list[str]:
    document = predictor.package.document
    first = document.outputs[0]
    if document.task == "classification":
        names = [PREDICTION, "prediction_score"]
    elif first.shape:
        names = [f"{PREDICTION}_{place}" for place in range(first.shape[0])]
    else:
        names = [PREDICTION]
    bounds = ["prediction_lower", "prediction_upper"] if document.interval else []
    return [*names, *bounds, ERROR]


def _check_columns(predictor: Predictor, columns: Sequence[str], fresh: Sequence[str]) -> None:
    if not columns:
        raise DataError("the table is empty: it needs a line with the names of the columns")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise DataError(f"the table has the column {twice[0]} twice")
    if taken := [name for name in columns if name in fresh]:
        raise DataError(f"the table has a column {taken[0]} already; rename it")
    needed = [item.name for item in predictor.package.document.inputs if item.required]
    if missing := [name for name in needed if name not in columns]:
        raise DataError(f"the table has no column {', '.join(missing)}")


def _answers(predictor: Predictor, rows: Sequence[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    """What is written beside each row. One wrong row costs no other its answer."""
    given = [_inputs(predictor, row) for row in rows]
    try:
        yield from _predict(predictor, given)
    except (InvalidInput, ModelFailure):
        for row in given:
            try:
                yield from _predict(predictor, [row])
            except (InvalidInput, ModelFailure) as failure:
                yield {ERROR: told_in_a_line(failure)}


def _inputs(predictor: Predictor, row: Mapping[str, str]) -> dict[str, Any]:
    return {
        item.name: row[item.name] if item.dtype == "string" else number_in(row[item.name])
        for item in predictor.package.document.inputs
        if row.get(item.name)
    }


def _predict(predictor: Predictor, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    decoded = predictor.decoder.decode(rows)
    answers = predictor.predict(decoded.columns, neighbours=False)
    return _written(predictor, answers, len(rows))


def _written(predictor: Predictor, answers: Answers, rows: int) -> list[dict[str, Any]]:
    document = predictor.package.document
    values = answers.outputs[document.outputs[0].name]
    columns: dict[str, list[Any]]
    if document.task == "classification":
        columns = {
            PREDICTION: answers.labels(document),
            "prediction_score": values.max(axis=1).tolist(),
        }
    elif values.ndim > 1:
        columns = {f"{PREDICTION}_{n}": column for n, column in enumerate(values.T.tolist())}
    else:
        columns = {PREDICTION: values.tolist()}
    if answers.lower is not None and answers.upper is not None:
        columns["prediction_lower"] = answers.lower.tolist()
        columns["prediction_upper"] = answers.upper.tolist()
    return [{name: column[row] for name, column in columns.items()} for row in range(rows)]
