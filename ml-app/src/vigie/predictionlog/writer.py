"""The log writer: writes the spool to the database, joins truths, deletes old rows.

A thread of a process of its own beside the workers, which need neither the database nor its tools.
Several may be started in one folder; one of them works at a time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from vigie.files import locked
from vigie.monitoring.gauges import add_process_gauges
from vigie.monitoring.snapshots import SnapshotRegistry, snapshot_path, write_snapshot
from vigie.predictionlog.batch_writer import BatchWriter
from vigie.predictionlog.database import open_database
from vigie.predictionlog.joins import Joiner
from vigie.predictionlog.metrics import FeedbackMetrics, PredictionLogMetrics
from vigie.predictionlog.retention import delete_old
from vigie.predictionlog.spool import spool_of

if TYPE_CHECKING:
    from vigie.predictionlog.database import Database
    from vigie.predictionlog.spool import Spool
    from vigie.settings import Settings

log = logging.getLogger("vigie.predictionlog")

WAIT_SECONDS = 120.0
"""How long rows are tried again, and a truth waits for its prediction."""
TURN_SECONDS = 1.0
TROUBLE_SECONDS = 5.0
RETENTION_SECONDS = 60.0
REST_SECONDS = 0.05
FIRST_SECONDS = 2.0
"""The workers load their models first: a service is asked before there is much to write."""
SNAPSHOT_SECONDS = 1.0
LAST_SECONDS = 4
NICENESS = 10
"""Who answers comes before who writes it down, which still gets its tenth of a busy machine."""


def run_log_writer(settings: Settings, snapshots: Path, parent: int) -> None:
    """Writes the log until told to stop, or until the parent process is gone.

    Leaves its metrics in the folder `snapshots`, as a worker does.
    """
    os.nice(NICENESS)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    registry = SnapshotRegistry()
    rows, feedback = PredictionLogMetrics(registry), FeedbackMetrics(registry)
    add_process_gauges(registry)
    stopped.wait(FIRST_SECONDS)
    writer = start_log_writer(settings, rows, feedback)
    path = snapshot_path(snapshots)
    while not stopped.wait(SNAPSHOT_SECONDS) and os.getppid() == parent:
        _leave_metrics(path, registry)
    # a database that does not answer must not hold up the stop: what is spooled stays
    signal.alarm(LAST_SECONDS)
    writer.stop()
    writer.thread.join()
    _leave_metrics(path, registry)


def _leave_metrics(path: Path, registry: SnapshotRegistry) -> None:
    # a full disk costs figures, never rows
    with contextlib.suppress(OSError):
        write_snapshot(path, registry)


def start_log_writer(
    settings: Settings, rows: PredictionLogMetrics, feedback: FeedbackMetrics
) -> LogWriter:
    """Starts the log writer of a service in a thread of this process."""
    database = open_database(settings)
    batches = BatchWriter(database, rows, feedback, WAIT_SECONDS)
    joiner = Joiner(database, feedback, WAIT_SECONDS)
    return LogWriter(database, batches, joiner, spool_of(settings), settings.prediction_log_days)


class LogWriter:
    """Works while it holds the lock of its spool, which the system frees when its process dies."""

    def __init__(
        self, database: Database, batches: BatchWriter, joiner: Joiner, spool: Spool, days: int
    ) -> None:
        self._database = database
        self._batches = batches
        self._joiner = joiner
        self._spool = spool
        self._days = days
        self._next_deletion = 0.0
        self._stopped = threading.Event()
        self.thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ends the thread once what lies in the spool is written, where the database is there."""
        self._stopped.set()

    def _work(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stopped.wait(TURN_SECONDS)
            with _held(self._spool) as ours:
                while ours and not self._turn_safely(stopped):
                    pass
        self._database.close()

    def _turn_safely(self, last: bool) -> bool:
        """Takes a turn and rests after it; true where it was told to stop meanwhile."""
        try:
            busy = self._turn(last)
        except (SQLAlchemyError, OSError, subprocess.SubprocessError):
            log.warning("the database of the prediction log is away; trying again")
            return self._stopped.wait(TROUBLE_SECONDS)
        except Exception:
            log.exception("the prediction log could not be written")
            return self._stopped.wait(TROUBLE_SECONDS)
        # what is left waits for the callers' truths between two batches
        return self._stopped.wait(REST_SECONDS if busy else TURN_SECONDS)

    def _turn(self, last: bool) -> bool:
        """True where there may be more to do at once."""
        self._batches.write(self._spool)
        if last:
            return False
        busy = self._joiner.join() > 0
        if time.monotonic() >= self._next_deletion and not self._stopped.is_set():
            self._take_over()
            if delete_old(self._database, self._days):
                return True
            self._next_deletion = time.monotonic() + RETENTION_SECONDS
        return busy

    def _take_over(self) -> None:
        """Writes what services that are gone have left, as long as nobody else does."""
        for left in self._spool.others():
            with _held(left) as ours:
                if ours and not self._stopped.is_set():
                    self._batches.write(left)
                    left.remove_if_forsaken()


@contextlib.contextmanager
def _held(spool: Spool) -> Iterator[bool]:
    """Whether this process got the lock, which it has until the end of the block."""
    with contextlib.ExitStack() as stack:
        ours = False
        # without the folder there is nothing to write
        with contextlib.suppress(OSError):
            ours = stack.enter_context(locked(spool.lock(), longest=0))
        yield ours
