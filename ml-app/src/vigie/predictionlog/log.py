"""The prediction log of one process: its queue, and what works on the database behind it."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from vigie.errors import NotFound
from vigie.models.decoded import Decoded
from vigie.models.document import PackageDocument
from vigie.monitoring.log_metrics import FeedbackMetrics, LogMetrics
from vigie.predictionlog.entry import Answered
from vigie.predictionlog.queue import LogQueue
from vigie.predictionlog.spool import Spool, Spooler
from vigie.settings import Settings

if TYPE_CHECKING:
    from vigie.predictionlog.database import Database
    from vigie.predictionlog.feedback import Feedback
    from vigie.predictionlog.keeper import Keeper

# What needs SQLAlchemy is imported where it is used: a worker answers without it.


LONGEST_CLOSE_SECONDS = 3.0
MOST_WAITING_ROWS = 20_000
"""Rows of one worker that wait for the database; more are dropped."""
WAIT_SECONDS = 120.0
"""How long rows are tried again, and a truth waits for its prediction."""


class PredictionLog:
    """Takes answers at once; spools them behind that, for the keeper to write to the database."""

    def __init__(self, settings: Settings, log: LogMetrics, feedback: FeedbackMetrics) -> None:
        self._settings = settings
        self._log_metrics = log
        self._feedback_metrics = feedback
        self._queue = LogQueue(MOST_WAITING_ROWS, settings.prediction_log_rows_per_second)
        self._workers: list[Spooler | Keeper] = []
        self.is_on = settings.prediction_log != "off"

    def offer(
        self,
        request_id: str,
        document: PackageDocument,
        version: str,
        decoded: Decoded,
        answers: Answered,
    ) -> bool:
        """Whether this answered request goes to the log. Never waits, never fails."""
        return self.is_on and self._queue.offer(request_id, document, version, decoded, answers)

    @cached_property
    def feedback(self) -> Feedback:
        """Where truths are stored. Raises `NotFound` where there is no log."""
        if not self.is_on:
            raise NotFound("This service keeps no prediction log (VIGIE_PREDICTION_LOG is off).")
        from vigie.predictionlog.feedback import Feedback

        return Feedback(self._database, self._feedback_metrics)

    def start(self) -> None:
        """Starts to spool."""
        if self.is_on:
            with_inputs = self._settings.prediction_log == "all"
            spool = spool_of(self._settings)
            self._workers.append(Spooler(self._queue, spool, self._log_metrics, with_inputs))

    def keep(self) -> None:
        """Keeps the log in this process too, where no process of its own does it."""
        if self.is_on:
            self._workers.append(
                start_keeper(self._settings, self._log_metrics, self._feedback_metrics)
            )

    def close(self) -> None:
        """Spools what waits, for seconds at most, and ends the threads."""
        end = time.monotonic() + LONGEST_CLOSE_SECONDS
        for worker in self._workers:
            # the keeper after the spooler, whose last file it may still write
            worker.stop()
            worker.thread.join(max(0.0, end - time.monotonic()))
        self._workers = []
        if "_database" in vars(self):
            self._database.close()

    @cached_property
    def _database(self) -> Database:
        return open_database(self._settings)


def spool_of(settings: Settings) -> Spool:
    """Where the workers of a service leave rows for its keeper."""
    return Spool(settings.state / "predictions")


def open_database(settings: Settings) -> Database:
    """The database of the settings, not yet connected to."""
    from vigie.predictionlog.database import Database

    url = settings.database_url.get_secret_value()
    return Database(url, settings.state / "predictions.db")


def start_keeper(settings: Settings, log: LogMetrics, feedback: FeedbackMetrics) -> Keeper:
    """Starts the thread that writes the spool to the database, joins truths, deletes old rows."""
    from vigie.predictionlog.joiner import Joiner
    from vigie.predictionlog.keeper import Keeper
    from vigie.predictionlog.recorder import Recorder

    database = open_database(settings)
    recorder = Recorder(spool_of(settings), database, log, feedback, WAIT_SECONDS)
    joiner = Joiner(database, feedback, WAIT_SECONDS)
    return Keeper(database, recorder, joiner, settings.state, settings.prediction_log_days)
