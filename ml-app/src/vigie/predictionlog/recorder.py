"""Writes what lies in the spool to the database."""

from __future__ import annotations

import logging
import subprocess
import time
from pathlib import Path

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from vigie.monitoring.log_metrics import FeedbackMetrics, LogMetrics
from vigie.predictionlog.database import Database
from vigie.predictionlog.entry import Row
from vigie.predictionlog.spool import Batch, Spool, age_of, read_batch
from vigie.predictionlog.tables import predictions, sample_shares, served_versions

log = logging.getLogger("vigie.predictionlog")


class Recorder:
    """Takes files from the spool, the oldest first. One process of a service has one."""

    def __init__(
        self,
        spool: Spool,
        database: Database,
        metrics: LogMetrics,
        feedback: FeedbackMetrics,
        wait_seconds: float,
    ) -> None:
        self._spool = spool
        self._database = database
        self._metrics = metrics
        self._feedback = feedback
        self._wait_seconds = wait_seconds

    def record(self) -> int:
        """Writes every file that is there and removes it; how many there were.

        Raises what the database raises while it is away; files that have waited for too long by
        then are given up and their rows counted.
        """
        files = self._spool.files()
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
                self._give_up()
                raise
            path.unlink(missing_ok=True)
        return len(files)

    def _give_up(self) -> None:
        for path in self._spool.files():
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
