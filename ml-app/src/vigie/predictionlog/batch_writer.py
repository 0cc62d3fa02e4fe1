"""From the files of a spool to the rows of the database, each once."""

from __future__ import annotations

import logging
import subprocess
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from vigie.predictionlog.spool import age_of, read_batch
from vigie.predictionlog.tables import predictions, sample_shares, served_versions

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.predictionlog.database import Database
    from vigie.predictionlog.entry import Row
    from vigie.predictionlog.metrics import FeedbackMetrics, PredictionLogMetrics
    from vigie.predictionlog.spool import Batch, Spool

log = logging.getLogger("vigie.predictionlog")


class BatchWriter:
    """Takes batches from a spool, the oldest first, and inserts their rows."""

    def __init__(
        self,
        database: Database,
        metrics: PredictionLogMetrics,
        feedback: FeedbackMetrics,
        wait_seconds: float,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._feedback = feedback
        self._wait_seconds = wait_seconds
        self._away_since: float | None = None

    def write(self, spool: Spool) -> int:
        """Writes every file of a spool and removes it; how many there were.

        Raises what the database raises while it is away; files that have waited for too long by
        then, and were tried for as long, are given up and their rows counted.
        """
        files = spool.files()
        for path in files:
            try:
                batch = read_batch(path)
            except (OSError, ValueError):
                log.error("a file of the prediction log could not be read and is removed")
                path.unlink(missing_ok=True)
                continue
            try:
                self._insert(batch)
            except (SQLAlchemyError, OSError, subprocess.SubprocessError):
                self._database.doubt()
                self._give_up(spool)
                raise
            self._away_since = None
            path.unlink(missing_ok=True)
        return len(files)

    def _give_up(self, spool: Spool) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        # what a start finds is older than any wait, and the database may be a moment behind
        if now - self._away_since < self._wait_seconds:
            return
        for path in spool.files():
            if age_of(path) > self._wait_seconds:
                rows = _rows_in(path)
                self._metrics.rows.labels("failed").inc(rows)
                log.error("%d rows of the prediction log are lost", rows)
                path.unlink(missing_ok=True)

    def _insert(self, batch: Batch) -> None:
        for version in batch.versions:
            self._feedback.see(version["model"], version["version"], version["kind"])
        try:
            self._insert_once(batch.rows, batch)
        except SQLAlchemyError as failure:
            if _is_away(failure):
                raise
            self._insert_singly(batch)
        else:
            self._note_written(len(batch.rows))

    def _insert_once(self, rows: list[Row], batch: Batch) -> None:
        shares = [{"hour": hour, "halvings": halvings} for hour, halvings in batch.shares]
        with self._database.begin() as connection:
            self._database.insert_missing(connection, served_versions, batch.versions)
            self._database.insert_missing(connection, sample_shares, shares)
            self._database.insert_missing(connection, predictions, rows)

    def _insert_singly(self, batch: Batch) -> None:
        """Writes the rows one by one, so that one that is refused costs no other."""
        for row in batch.rows:
            try:
                self._insert_once([row], batch)
            except SQLAlchemyError as failure:
                if _is_away(failure):
                    raise
                self._metrics.rows.labels("failed").inc()
            else:
                self._note_written(1)

    def _note_written(self, rows: int) -> None:
        if rows:
            self._metrics.rows.labels("written").inc(rows)
            self._metrics.last_success.set(time.time())


def _rows_in(path: Path) -> int:
    try:
        return len(read_batch(path).rows)
    except (OSError, ValueError):
        return 0


def _is_away(failure: Exception) -> bool:
    """True where trying again may help: it is the database that fails and not a row."""
    if isinstance(failure, DBAPIError):
        away = isinstance(failure, OperationalError | InterfaceError)
        return away or failure.connection_invalidated
    return True
