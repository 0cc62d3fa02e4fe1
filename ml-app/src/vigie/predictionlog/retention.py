"""How long the log is kept: rows that are too old go, and those of a request to be forgotten."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Table, and_, delete, select, tuple_

from vigie.predictionlog.tables import predictions, sample_shares, truths

if TYPE_CHECKING:
    from vigie.predictionlog.database import Database
    from vigie.predictionlog.spool import Spool

BATCH_ROWS = 1000
WRITTEN_SECONDS = 5.0
"""A log writer that is there takes the files that it finds within a second or two."""
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


def forget(database: Database, spool: Spool, request_id: str) -> tuple[int, int]:
    """Deletes the predictions and the truths of a request; how many of each there were.

    Those too that wait in the spool, or in one beside it.
    """
    waited, changed = 0, []
    for one in (spool, *spool.others()):
        number, files = one.erase(request_id)
        waited += number
        changed += files
    # a log writer that had read them before has inserted them once the files are gone
    deadline = time.monotonic() + WRITTEN_SECONDS
    while any(path.exists() for path in changed) and time.monotonic() < deadline:
        time.sleep(0.1)
    with database.begin() as connection:
        rows = [
            connection.execute(delete(table).where(table.c.request_id == request_id)).rowcount
            for table in (predictions, truths)
        ]
    return waited + rows[0], rows[1]
