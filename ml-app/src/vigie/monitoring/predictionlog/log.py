"""The prediction log of one process: its queue, and what works on the database behind it."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from vigie.errors import NotFound
from vigie.models.decoded import Decoded
from vigie.models.document import PackageDocument
from vigie.monitoring.predictionlog.entry import Answered
from vigie.monitoring.predictionlog.metrics import FeedbackMetrics, LogMetrics
from vigie.monitoring.predictionlog.queue import LogQueue
from vigie.settings import Settings

if TYPE_CHECKING:
    from vigie.monitoring.predictionlog.database import Database
    from vigie.monitoring.predictionlog.feedback import Feedback
    from vigie.monitoring.predictionlog.keeper import Keeper
    from vigie.monitoring.predictionlog.writer import LogWriter

# What needs SQLAlchemy is imported where it is used: a service without a log does not pay for it.


LONGEST_CLOSE_SECONDS = 4.0


class PredictionLog:
    """Takes answers at once; writes them, joins truths and deletes old rows behind that."""

    def __init__(self, settings: Settings, log: LogMetrics, feedback: FeedbackMetrics) -> None:
        self._settings = settings
        self._log_metrics = log
        self._feedback_metrics = feedback
        self._queue = LogQueue(
            settings.prediction_log_queue_rows, settings.prediction_log_rows_per_second
        )
        self._workers: list[LogWriter | Keeper] = []
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
        from vigie.monitoring.predictionlog.feedback import Feedback

        return Feedback(self._database, self._feedback_metrics)

    def start(self) -> None:
        """Starts the threads; opens nothing itself."""
        if not self.is_on:
            return
        from vigie.monitoring.predictionlog.joiner import Joiner
        from vigie.monitoring.predictionlog.keeper import Keeper
        from vigie.monitoring.predictionlog.writer import LogWriter

        settings = self._settings
        wait = settings.prediction_log_wait_seconds
        with_inputs = settings.prediction_log == "all"
        joiner = Joiner(self._database, self._feedback_metrics, wait)
        self._workers = [
            LogWriter(self._queue, self._database, self._log_metrics, with_inputs, wait),
            Keeper(self._database, joiner, settings.state, settings.prediction_log_days),
        ]

    def close(self) -> None:
        """Writes what waits, for seconds at most, and ends the threads."""
        for worker in self._workers:
            worker.stop()
        end = time.monotonic() + LONGEST_CLOSE_SECONDS
        for worker in self._workers:
            worker.thread.join(max(0.0, end - time.monotonic()))
        if "_database" in vars(self):
            self._database.close()

    @cached_property
    def _database(self) -> Database:
        return open_database(self._settings)


def open_database(settings: Settings) -> Database:
    """The database of the settings, not yet connected to."""
    from vigie.monitoring.predictionlog.database import Database

    url = settings.database_url.get_secret_value()
    return Database(url, settings.state / "predictions.db")
