"""A prediction log of a test's own: a database that is real, and services that write to it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from support.worker import settings_for
from vigie.monitoring.log_metrics import FeedbackMetrics
from vigie.predictionlog.database import Database
from vigie.predictionlog.joiner import Joiner
from vigie.predictionlog.log import start_keeper
from vigie.predictionlog.migrate import migrate
from vigie.registry.cache import ModelCache
from vigie.serving.worker_state import WorkerState
from vigie.settings import Settings

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def log_settings(cache: ModelCache, folder: Path, **overrides: object) -> Settings:
    """Settings of a service whose log takes every row, its tables there but for other databases.

    On a busy machine making them takes longer than a worker that stops has for its last rows.
    """
    settings = settings_for(cache, folder / "state", **overrides)
    if not overrides.keys() & {"database_url", "prediction_log"}:
        migrated("", settings.state / "predictions.db").close()
    return settings


def migrated(url: str, file: Path) -> Database:
    """A database whose tables are there."""
    database = Database(url, file)
    migrate(database)
    return database


def keep_once(worker_state: WorkerState) -> None:
    """Spools what waits and writes it, as a worker and a keeper do that stop."""
    log, metrics = worker_state.prediction_log, worker_state.metrics
    log.start()
    log.close()
    keeper = start_keeper(worker_state.settings, metrics.prediction_log, metrics.feedback)
    keeper.stop()
    # longer than a service that stops would wait: a busy machine is no fault of the log's
    keeper.thread.join(60)
    assert not keeper.thread.is_alive()


def join_all(database: Database, metrics: FeedbackMetrics, wait_seconds: float = 1e6) -> int:
    """Joins until nothing is left to join; how many truths that were."""
    joiner, joined = Joiner(database, metrics, wait_seconds), 0
    while found := joiner.join():
        joined += found
    return joined


class Postgres:
    """A PostgreSQL server of its own, without a password, on a free port of this machine."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._account = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if not _BINARIES:
            pytest.skip("PostgreSQL is not installed")
        if self._account:
            shutil.chown(folder, "postgres")
        self._run("initdb", "-D", str(folder / "data"), "-U", "vigie", "-A", "trust")
        self.start()

    @classmethod
    @contextlib.contextmanager
    def of_its_own(cls, port: int) -> Iterator[Self]:
        """A server that lives as long as the block; its folder is one that its account can read."""
        with tempfile.TemporaryDirectory() as folder:
            server = cls(Path(folder), port)
            try:
                yield server
            finally:
                server.stop()

    @property
    def url(self) -> str:
        return f"postgresql://vigie@127.0.0.1:{self._port}/postgres"

    def new_database(self) -> str:
        """The address of a database of its own."""
        name = f"of_a_test_{secrets.token_hex(6)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "vigie", name)
        return f"postgresql://vigie@127.0.0.1:{self._port}/{name}"

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c fsync=off"
        log = str(self._folder / "log")
        self._run(
            "pg_ctl", "-D", str(self._folder / "data"), "-l", log, "-o", options, "-w", "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._account, str(_BINARIES[-1] / program), *arguments],
            check=True, timeout=60, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip


def microseconds() -> int:
    """The time now as the log has it."""
    return time.time_ns() // 1000
