"""Rows on their way from the workers to the database: small files in a folder of the service.

A worker writes one a second and needs no database for it; the log writer reads them, inserts the
rows and removes the files. What is left when a service stops is inserted after its next start, or
by the log writer of another service where their spools lie in one folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
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
FORSAKEN_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one file holds: rows, the versions that answered them, the shares that left out some."""

    rows: list[Row]
    versions: list[Row]
    shares: list[Share]


class Spool:
    """The folder of the files; beside it, where `shared`, those of other services."""

    def __init__(self, folder: Path, shared: bool = False) -> None:
        self._folder = folder
        self._shared = shared

    def lock(self) -> Path:
        """The file whose lock the log writer of this spool holds. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / "lock"

    def others(self) -> list[Spool]:
        """The spools of the other services."""
        if not (self._shared and self._folder.parent.is_dir()):
            return []
        beside = sorted(self._folder.parent.iterdir())
        return [Spool(one) for one in beside if one.is_dir() and one != self._folder]

    def remove_if_forsaken(self) -> None:
        """Removes the folder where nobody has used it for long: its service does not come back."""
        idle = time.time() - self._folder.stat().st_mtime
        if idle > FORSAKEN_SECONDS and not self.files():
            shutil.rmtree(self._folder, ignore_errors=True)

    def erase(self, request_id: str) -> tuple[int, list[Path]]:
        """Takes the rows of a request out of the files: how many there were, and of which files."""
        erased, changed = 0, []
        for path in self.files():
            # one that is gone by now is in the database
            with contextlib.suppress(OSError, ValueError):
                batch = read_batch(path)
                kept = [row for row in batch.rows if row["request_id"] != request_id]
                if len(kept) < len(batch.rows):
                    self._write(path, Batch(kept, batch.versions, batch.shares))
                    erased += len(batch.rows) - len(kept)
                    changed.append(path)
        return erased, changed

    def write(self, batch: Batch) -> Path:
        """Writes a file, readable whole or not at all. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # sorted by name is sorted by time
        path = self._folder / f"{time.time_ns()}-{os.getpid()}.json"
        self._write(path, batch)
        return path

    def _write(self, path: Path, batch: Batch) -> None:
        content = {"rows": batch.rows, "versions": batch.versions, "shares": batch.shares}
        # a worker must not wait for the disk: a power cut costs the last seconds
        write_atomically(path, orjson.dumps(content))

    def files(self) -> list[Path]:
        """The files, the oldest first."""
        return sorted(self._folder.glob("*.json"))


def spool_of(settings: Settings) -> Spool:
    """Where the workers of a service leave rows for its log writer."""
    folder = settings.prediction_log_spool
    if folder is None:
        return Spool(settings.state / "predictions")
    # a container that starts again has the name that it had
    return Spool(folder / socket.gethostname(), shared=True)


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
