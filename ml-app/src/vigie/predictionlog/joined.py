"""Predictions whose truth is known: rows to measure by, and to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, and_, select

from vigie.errors import ConfigurationError, DataError
from vigie.predictionlog.database import explained
from vigie.predictionlog.log import open_database
from vigie.predictionlog.tables import predictions, truths
from vigie.settings import Settings


@dataclass(frozen=True, slots=True)
class JoinedRow:
    """One answered row and its truth: a number in the unit of the output, or a label.

    `inputs` has the values as callers send them, in the units of `version`; `None` for an absent
    one, but the fill where that version has no tensor for absence. The whole is `None` where the
    log keeps outputs alone.
    """

    request_id: str
    row: int
    version: str
    inputs: Mapping[str, Any] | None
    actual: float | str


def joined_rows(settings: Settings, model: str) -> list[JoinedRow]:
    """All rows of a model whose truth is joined, the oldest first, at least one.

    Raises `ConfigurationError` where there is no log, `DataError` where it has no such row, and
    `Unavailable` where the database is away.
    """
    if settings.prediction_log == "off":
        raise ConfigurationError("there is no prediction log: VIGIE_PREDICTION_LOG is off")
    database = open_database(settings)
    if not database.exists():
        raise ConfigurationError(
            "there is no prediction log here; set VIGIE_STATE or VIGIE_DATABASE_URL "
            "to what the service has"
        )
    with explained(), database.begin() as connection:
        found = [_row(row) for row in joined_predictions(connection, model)]
    database.close()
    if not found:
        raise DataError(
            f"no truth is joined to a prediction of {model} yet; tell some with POST /feedback"
        )
    return found


def joined_predictions(
    connection: Connection, model: str, version: str | None = None
) -> Iterator[Any]:
    """The rows of `predictions` of a model with their `actual_…` and `received_us`."""
    same = and_(
        predictions.c.request_id == truths.c.request_id,
        predictions.c.row == truths.c.row,
        predictions.c.answered_us == truths.c.answered_us,
    )
    asked = (
        select(
            predictions,
            truths.c.received_us,
            truths.c.value.label("actual_value"),
            truths.c.label.label("actual_label"),
        )
        .join_from(predictions, truths, same)
        .where(predictions.c.model == model, truths.c.state == "joined")
        .order_by(predictions.c.answered_us, predictions.c.request_id, predictions.c.row)
    )
    if version is not None:
        asked = asked.where(predictions.c.version == version)
    yield from connection.execute(asked)


def _row(row: Any) -> JoinedRow:
    actual = row.actual_label if row.actual_value is None else row.actual_value
    inputs = None if row.inputs is None else orjson.loads(row.inputs)
    return JoinedRow(row.request_id, row.row, row.version, inputs, actual)
