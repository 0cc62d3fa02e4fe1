"""Rows on their way from the workers to the database: small files in a folder of the service.

A worker writes one a second and needs no database for it; the log writer reads them, inserts the
rows and removes the files. What is left when a service stops is inserted after its next start.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from vigie.files import write_atomically

if TYPE_CHECKING:
    from vigie.predictionlog.entry import Row
    from vigie.predictionlog.log_queue import LogQueue
    from vigie.predictionlog.metrics import PredictionLogMetrics
    from vigie.predictionlog.sampling import Share
    from vigie.settings import Settings

log = logging.getLogger("vigie.predictionlog")

TURN_SECONDS = 1.0
BATCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """What one file holds: rows, the versions that answered them, the shares that left out some."""

    rows: list[Row]
    versions: list[Row]
    shares: list[Share]


class Spool:
    """The folder of the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, batch: Batch) -> Path:
        """Writes a file, readable whole or not at all. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # sorted by name is sorted by time
        path = self._folder / f"{time.time_ns()}-{os.getpid()}.json"
        content = {"rows": batch.rows, "versions": batch.versions, "shares": batch.shares}
        # a worker must not wait for the disk: a power cut costs the last seconds
        write_atomically(path, orjson.dumps(content))
        return path

    def files(self) -> list[Path]:
        """The files, the oldest first."""
        return sorted(self._folder.glob("*.json"))


def spool_of(settings: Settings) -> Spool:
    """Where the workers of a service leave rows for its log writer."""
    return Spool(settings.state / "predictions")


def read_batch(path: Path) -> Batch:
    """What a file holds. Raises `OSError`, or `ValueError` where it holds something else."""
    content: dict[str, Any] = orjson.loads(path.read_bytes())
    try:
        shares = [(hour, halvings) for hour, halvings in content["shares"]]
        return Batch(content["rows"], content["versions"], shares)
    except (LookupError, TypeError):
        raise ValueError("this is no file of the spool") from None


def age_of(path: Path) -> float:
    """How long ago a file was written, seconds."""
    return time.time() - int(path.stem.partition("-")[0]) / 1e9


class Spooler:
    """The thread of a worker that moves the queue to the spool."""

    def __init__(
        self, queue: LogQueue, spool: Spool, metrics: PredictionLogMetrics, with_inputs: bool
    ) -> None:
        self._queue = queue
        self._spool = spool
        self._metrics = metrics
        self._with_inputs = with_inputs
        self._waiting: dict[Path, int] = {}
        self._kept_shares: set[Share] = set()
        self._stopped = threading.Event()
        metrics.queue.set_function(lambda: queue.rows)
        self.thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ends the thread after what waits is in the spool."""
        self._stopped.set()

    def _work(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stopped.wait(TURN_SECONDS)
            try:
                self._turn()
            except Exception:
                log.exception("predictions could not be spooled")

    def _turn(self) -> None:
        shares = self._count_lost()
        while entries := self._queue.take(BATCH_ROWS):
            number = sum(entry.decoded.rows for entry in entries)
            try:
                rows = [row for entry in entries for row in entry.rows(self._with_inputs)]
                versions = {(e.document.name, e.version): e.served_version for e in entries}
                path = self._spool.write(Batch(rows, list(versions.values()), shares))
            except Exception:
                self._metrics.rows.labels("failed").inc(number)
                self._queue.done(number)
                raise
            self._waiting[path] = number
            shares = []
        if shares:
            self._waiting[self._spool.write(Batch([], [], shares))] = 0
        for path in [path for path in self._waiting if not path.exists()]:
            self._queue.done(self._waiting.pop(path))

    def _count_lost(self) -> list[Share]:
        """Counts what the queue did not take; the shares by which it chose that are new."""
        lost, shares = self._queue.lost()
        for outcome, number in lost.items():
            self._metrics.rows.labels(outcome).inc(number)
        fresh = shares - self._kept_shares
        if fresh:
            this_hour = max(hour for hour, _ in fresh)
            # those of this hour are all that may come again
            known = self._kept_shares | fresh
            self._kept_shares = {kept for kept in known if kept[0] >= this_hour}
        return sorted(fresh)
