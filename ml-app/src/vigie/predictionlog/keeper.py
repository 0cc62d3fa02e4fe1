"""The thread that keeps the log: writes the spool, joins truths, deletes old rows.

Several may be started in one folder; one of them works at a time.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from vigie.files import locked
from vigie.predictionlog.database import Database
from vigie.predictionlog.joiner import Joiner
from vigie.predictionlog.recorder import Recorder
from vigie.predictionlog.retention import delete_old

log = logging.getLogger("vigie.predictionlog")

TURN_SECONDS = 1.0
TROUBLE_SECONDS = 5.0
RETENTION_SECONDS = 60.0
REST_SECONDS = 0.05


class Keeper:
    """Works while it holds the lock of its folder, which the system frees when a worker dies."""

    def __init__(
        self, database: Database, recorder: Recorder, joiner: Joiner, folder: Path, days: int
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._joiner = joiner
        self._lock = folder / "predictionlog.lock"
        self._days = days
        self._next_deletion = 0.0
        self._stopped = threading.Event()
        self.thread = threading.Thread(target=self._work, name="prediction-keeper", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ends the thread once what lies in the spool is written, where the database is there."""
        self._stopped.set()

    def _work(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stopped.wait(TURN_SECONDS)
            with _held(self._lock) as ours:
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
            log.exception("the prediction log could not be kept")
            return self._stopped.wait(TROUBLE_SECONDS)
        # what is left waits for the callers' truths between two batches
        return self._stopped.wait(REST_SECONDS if busy else TURN_SECONDS)

    def _turn(self, last: bool) -> bool:
        """True where there may be more to do at once."""
        self._recorder.record()
        if last:
            return False
        busy = self._joiner.join() > 0
        if time.monotonic() >= self._next_deletion and not self._stopped.is_set():
            if delete_old(self._database, self._days):
                return True
            self._next_deletion = time.monotonic() + RETENTION_SECONDS
        return busy


@contextlib.contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Whether this process got the lock, which it has until the end of the block."""
    with contextlib.ExitStack() as stack:
        ours = False
        # without the folder there is nothing to keep
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            ours = stack.enter_context(locked(path, longest=0))
        yield ours
