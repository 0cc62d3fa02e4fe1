"""The thread that writes the queue to the database in batches."""

from __future__ import annotations

import logging
import subprocess
import threading
import time

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from vigie.monitoring.predictionlog.database import Database
from vigie.monitoring.predictionlog.entry import Entry, Row
from vigie.monitoring.predictionlog.metrics import LogMetrics
from vigie.monitoring.predictionlog.queue import LogQueue
from vigie.monitoring.predictionlog.tables import predictions, sample_shares, served_versions

log = logging.getLogger("vigie.predictionlog")

TURN_SECONDS = 1.0
"""Fewer and larger transactions: five a second took a fifth more of a worker's computing time."""
BATCH_ROWS = 500
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 5.0
LAST_SECONDS = 3.0
"""The time that a worker which stops has for what still waits."""


class LogWriter:
    """Writes what the queue holds. A database that is away costs rows, never an answer."""

    def __init__(
        self,
        queue: LogQueue,
        database: Database,
        metrics: LogMetrics,
        with_inputs: bool,
        wait_seconds: float,
    ) -> None:
        self._queue = queue
        self._database = database
        self._metrics = metrics
        self._with_inputs = with_inputs
        self._wait_seconds = wait_seconds
        self._stopped = threading.Event()
        self._ends = float("inf")
        self._seen: set[tuple[str, str]] = set()
        self._kept_shares: set[tuple[int, int]] = set()
        metrics.queue.set_function(lambda: queue.rows)
        self.thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ends the thread after what waits is written, or a few seconds."""
        self._ends = time.monotonic() + LAST_SECONDS
        self._stopped.set()

    def _work(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stopped.wait(TURN_SECONDS)
            try:
                while entries := self._queue.take(BATCH_ROWS):
                    self._write(entries)
                self._count_lost()
            except Exception:
                log.exception("the prediction log could not be written")

    def _write(self, entries: list[Entry]) -> None:
        """Writes entries, trying again while the database is away but has not been for too long."""
        try:
            rows = [row for entry in entries for row in entry.rows(self._with_inputs)]
            versions = {(e.document.name, e.version): e.served_version for e in entries}
            fresh = [row for key, row in versions.items() if key not in self._seen]
            if self._insert(rows, fresh):
                self._seen |= versions.keys()
        except Exception:
            self._metrics.rows.labels("failed").inc(sum(e.decoded.rows for e in entries))
            raise
        finally:
            self._queue.done(entries)

    def _insert(self, rows: list[Row], versions: list[Row]) -> bool:
        """True where the database took the rows, or at least was there."""
        began, wait = time.monotonic(), FIRST_WAIT_SECONDS
        while True:
            try:
                self._insert_once(rows, versions)
            except (SQLAlchemyError, OSError, subprocess.SubprocessError) as failure:
                if not _is_away(failure):
                    self._insert_singly(rows, versions)
                    return True
                now = time.monotonic()
                if now - began > self._wait_seconds or now > self._ends:
                    log.error("%d rows of the prediction log are lost", len(rows))
                    self._metrics.rows.labels("failed").inc(len(rows))
                    return False
                if wait == FIRST_WAIT_SECONDS:
                    log.warning("the database of the prediction log is away; trying again")
                self._database.doubt()
                self._count_lost()
                if self._stopped.wait(wait):
                    # little time is left, and the event waits no more
                    time.sleep(FIRST_WAIT_SECONDS)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
            else:
                self._note_written(len(rows))
                return True

    def _insert_once(self, rows: list[Row], versions: list[Row]) -> None:
        with self._database.begin() as connection:
            self._database.insert_missing(connection, served_versions, versions)
            self._database.insert_missing(connection, predictions, rows)

    def _insert_singly(self, rows: list[Row], versions: list[Row]) -> None:
        """Writes the rows one by one, so that one that is refused costs no other."""
        for row in rows:
            try:
                self._insert_once([row], versions)
            except (SQLAlchemyError, OSError):
                self._metrics.rows.labels("failed").inc()
            else:
                self._note_written(1)

    def _note_written(self, rows: int) -> None:
        self._metrics.rows.labels("written").inc(rows)
        self._metrics.last_success.set(time.time())

    def _count_lost(self) -> None:
        """Counts what the queue did not take, and keeps the shares by which it chose."""
        lost, shares = self._queue.lost()
        for outcome, number in lost.items():
            self._metrics.rows.labels(outcome).inc(number)
        shares -= self._kept_shares
        if not shares:
            return
        this_hour = max(hour for hour, _ in shares)
        rows = [{"hour": hour, "halvings": halvings} for hour, halvings in shares]
        try:
            with self._database.begin() as connection:
                self._database.insert_missing(connection, sample_shares, rows)
        except (SQLAlchemyError, OSError, subprocess.SubprocessError):
            self._queue.restore(shares)
        else:
            # those of this hour are all that may come again
            self._kept_shares = {
                kept for kept in self._kept_shares | shares if kept[0] >= this_hour
            }


def _is_away(failure: Exception) -> bool:
    """True where trying again may help: it is the database that fails and not a row."""
    if isinstance(failure, DBAPIError):
        away = isinstance(failure, OperationalError | InterfaceError)
        return away or failure.connection_invalidated
    return True
