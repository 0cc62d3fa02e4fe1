"""How long the log is kept: rows that are too old go, and those of a request to be forgotten."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Table, and_, delete, select, tuple_

from vigie.predictionlog.tables import predictions, sample_shares, truths

if TYPE_CHECKING:
    from vigie.predictionlog.database import Database

BATCH_ROWS = 1000
_DAY_US = 86_400_000_000


def delete_old(database: Database, days: int) -> int:
    """Deletes one small batch of rows older than `days`; how many there were."""
    oldest = time.time_ns() // 1000 - days * _DAY_US
    gone = _delete_some(database, predictions, predictions.c.answered_us < oldest)
    # a truth about a prediction that is still there stays with it
    old_truth = and_(
        truths.c.received_us < oldest,
        (truths.c.answered_us.is_(None)) | (truths.c.answered_us < oldest),
    )
    gone += _delete_some(database, truths, old_truth)
    return gone + _delete_some(
        database, sample_shares, sample_shares.c.hour < oldest // 3_600_000_000
    )


def _delete_some(database: Database, table: Table, old: ColumnElement[bool]) -> int:
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(old).limit(BATCH_ROWS)
    with database.begin() as connection:
        return connection.execute(delete(table).where(key.in_(some))).rowcount


def forget(database: Database, request_id: str) -> tuple[int, int]:
    """Deletes the predictions and the truths of a request; how many of each there were."""
    with database.begin() as connection:
        rows = [
            connection.execute(delete(table).where(table.c.request_id == request_id)).rowcount
            for table in (predictions, truths)
        ]
    return rows[0], rows[1]
