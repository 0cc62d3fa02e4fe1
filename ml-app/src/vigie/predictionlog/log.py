"""The prediction log of one process: its queue, and what works on the database behind it."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from vigie.errors import NotFound
from vigie.predictionlog.log_queue import LogQueue
from vigie.predictionlog.spool import Spooler, spool_of

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument
    from vigie.models.rows import Decoded
    from vigie.predictionlog.database import Database
    from vigie.predictionlog.feedback import Feedback
    from vigie.predictionlog.metrics import FeedbackMetrics, PredictionLogMetrics
    from vigie.predictionlog.writer import LogWriter
    from vigie.settings import Settings

# What needs SQLAlchemy is imported where it is used: a worker answers without it.

LONGEST_CLOSE_SECONDS = 3.0
MOST_WAITING_ROWS = 20_000
"""Rows of one worker that wait for the database; more are dropped."""


class PredictionLog:
    """Takes answers at once, and spools them behind that for the log writer."""

    def __init__(
        self, settings: Settings, log: PredictionLogMetrics, feedback: FeedbackMetrics
    ) -> None:
        self._settings = settings
        self._log_metrics = log
        self._feedback_metrics = feedback
        self._queue = LogQueue(MOST_WAITING_ROWS, settings.prediction_log_rows_per_second)
        self._workers: list[Spooler | LogWriter] = []
        self.is_on = settings.prediction_log != "off"

    def offer(
        self,
        request_id: str,
        document: PackageDocument,
        version: str,
        decoded: Decoded,
        answers: Answers,
    ) -> bool:
        """Whether this answered request goes to the log. Never waits, never fails."""
        now, queue = time.time(), self._queue
        if not self.is_on or queue.leaves_out(request_id, decoded.rows, now):
            return False
        return queue.offer(request_id, document, version, decoded, answers, now)

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

    def start_writer(self) -> None:
        """Starts the log writer in this process too, where it has no process of its own."""
        if self.is_on:
            from vigie.predictionlog.writer import start_log_writer

            self._workers.append(
                start_log_writer(self._settings, self._log_metrics, self._feedback_metrics)
            )

    def close(self) -> None:
        """Spools what waits, for seconds at most, and ends the threads."""
        end = time.monotonic() + LONGEST_CLOSE_SECONDS
        for worker in self._workers:
            # the log writer after the spooler, whose last file it may still write
            worker.stop()
            worker.thread.join(max(0.0, end - time.monotonic()))
        self._workers = []
        if "_database" in vars(self):
            self._database.close()

    @cached_property
    def _database(self) -> Database:
        from vigie.predictionlog.database import open_database

        return open_database(self._settings)
