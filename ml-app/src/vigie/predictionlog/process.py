"""The process that keeps the log of a service: the workers need neither database nor its tools."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector

from vigie.monitoring.log_metrics import FeedbackMetrics, LogMetrics
from vigie.monitoring.snapshots import snapshot_path, write_snapshot
from vigie.predictionlog.log import start_keeper
from vigie.settings import Settings

FIRST_SECONDS = 2.0
"""The workers load their models first: a service is asked before there is much to write."""
SNAPSHOT_SECONDS = 1.0
LAST_SECONDS = 4
NICENESS = 10
"""Who answers comes before who writes it down, which still gets its tenth of a busy machine."""


def keep_log(settings: Settings, snapshots: Path, parent: int) -> None:
    """Keeps the log until told to stop, or until the parent process is gone.

    Leaves its metrics in the folder `snapshots`, as a worker does.
    """
    os.nice(NICENESS)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    registry = CollectorRegistry(auto_describe=False)
    log, feedback = LogMetrics(registry), FeedbackMetrics(registry)
    ProcessCollector(registry=registry)
    stopped.wait(FIRST_SECONDS)
    keeper = start_keeper(settings, log, feedback)
    path = snapshot_path(snapshots)
    while not stopped.wait(SNAPSHOT_SECONDS) and os.getppid() == parent:
        _write(path, registry)
    # a database that does not answer must not hold up the stop: what is spooled stays
    signal.alarm(LAST_SECONDS)
    keeper.stop()
    keeper.thread.join()
    _write(path, registry)


def _write(path: Path, registry: CollectorRegistry) -> None:
    # a full disk costs figures, never rows
    with contextlib.suppress(OSError):
        write_snapshot(path, registry)
