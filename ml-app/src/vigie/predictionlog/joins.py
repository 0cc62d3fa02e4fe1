"""Truths and their predictions: joined, and read as rows to measure by and to learn from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, and_, bindparam, func, select, update

from vigie.errors import ConfigurationError, DataError
from vigie.predictionlog.database import explained, open_database
from vigie.predictionlog.feedback import allowed_truths
from vigie.predictionlog.sampling import halvings_of
from vigie.predictionlog.tables import predictions, sample_shares, truths

if TYPE_CHECKING:
    from vigie.predictionlog.database import Database
    from vigie.predictionlog.feedback import Allowed
    from vigie.predictionlog.metrics import FeedbackMetrics
    from vigie.settings import Settings

BATCH_ROWS = 1000
JOIN_MARGIN_SECONDS = 10.0
"""How much longer truths wait than rows of the log do for a database that is away."""
_HOUR_US = 3_600_000_000
_STRICTEST = select(
    sample_shares.c.hour, func.max(sample_shares.c.halvings).label("halvings")
).group_by(sample_shares.c.hour)


class Joiner:
    """Joins in one database; of several in it at a time one works and the others pass."""

    def __init__(self, database: Database, metrics: FeedbackMetrics, wait_seconds: float) -> None:
        self._database = database
        self._metrics = metrics
        self._wait_us = int((wait_seconds + JOIN_MARGIN_SECONDS) * 1e6)

    def join(self) -> int:
        """Joins some truths; how many left the waiting room. Raises what the database raises."""
        with self._database.begin() as connection:
            if not self._database.joins_alone(connection):
                return 0
            found = _joinable(connection)
            versions = {(row.model, row.version) for row in found}
            allowed = allowed_truths(connection, versions)
            verdicts = [_verdict(row, allowed) for row in found]
            _settle(connection, found, verdicts)
            late = self._late(connection)
            reasons = _reasons(connection, late)
            _settle(connection, late, reasons)
        # counted when it is sure
        for row, verdict in zip(found, verdicts, strict=True):
            self._count(row, verdict)
        for reason in reasons:
            self._metrics.count(reason)
        return len(found) + len(late)

    def _late(self, connection: Connection) -> Sequence[Any]:
        """Truths that have waited for longer than the log can lag."""
        table = truths.c
        return connection.execute(
            select(table.request_id, table.row, table.received_us, table.answered_us)
            .where(
                table.state == "waiting", table.received_us < time.time_ns() // 1000 - self._wait_us
            )
            .where(
                ~select(predictions.c.row)
                .where(predictions.c.request_id == table.request_id, predictions.c.row == table.row)
                .exists()
            )
            .limit(BATCH_ROWS)
        ).all()

    def _count(self, row: Any, verdict: str) -> None:
        if verdict == "invalid":
            self._metrics.count(verdict, row.model, row.version)
            return
        delay = (row.received_us - row.answered_us) / 1e6
        self._metrics.count_joined(row.model, row.version, delay, errors_of(row))


def errors_of(row: Any) -> dict[str, float]:
    """The errors of a joined row by kind: of its `actual_…` against the prediction."""
    if row.actual_label is not None:
        return {"wrong": float(row.actual_label != row.label)}
    actual, value = row.actual_value, row.value
    errors = {"absolute": abs(actual - value), "squared": (actual - value) ** 2}
    if actual:
        errors["absolute_percentage"] = abs((actual - value) / actual)
    if row.lower is not None and row.upper is not None:
        errors["outside_interval"] = float(not row.lower <= actual <= row.upper)
    return errors


def _joinable(connection: Connection) -> list[Any]:
    """Waiting truths whose prediction is there, each with the first one of its row."""
    rows = connection.execute(
        select(
            predictions,
            truths.c.received_us,
            truths.c.value.label("actual_value"),
            truths.c.label.label("actual_label"),
        )
        .join_from(
            truths,
            predictions,
            (predictions.c.request_id == truths.c.request_id) & (predictions.c.row == truths.c.row),
        )
        .where(truths.c.state == "waiting")
        .order_by(truths.c.request_id, truths.c.row, predictions.c.answered_us)
        .limit(BATCH_ROWS)
    )
    first: dict[tuple[str, int], Any] = {}
    for row in rows:
        first.setdefault((row.request_id, row.row), row)
    return list(first.values())


def _verdict(row: Any, allowed: Mapping[tuple[str, str], Allowed]) -> str:
    fits = allowed.get((row.model, row.version))
    actual = row.actual_label if row.actual_value is None else row.actual_value
    return "joined" if fits is not None and fits.takes(actual) else "invalid"


def _settle(connection: Connection, rows: Sequence[Any], states: Sequence[str]) -> None:
    if not rows:
        return
    settled = (
        update(truths)
        .where(truths.c.request_id == bindparam("id"), truths.c.row == bindparam("number"))
        .values(state=bindparam("verdict"), answered_us=bindparam("answered"))
    )
    connection.execute(
        settled,
        [
            {
                "id": row.request_id,
                "number": row.row,
                "verdict": state,
                "answered": row.answered_us,
            }
            for row, state in zip(rows, states, strict=True)
        ],
    )


def _reasons(connection: Connection, late: Sequence[Any]) -> list[str]:
    """`not_logged` for ids that a sample in force before left out, `unknown` for all others."""
    if not late:
        return []
    shares = [(row.hour * _HOUR_US, row.halvings) for row in connection.execute(_STRICTEST)]
    return [
        "not_logged"
        if halvings_of(row.request_id)
        < max((halved for since, halved in shares if since <= row.received_us), default=0)
        else "unknown"
        for row in late
    ]


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
