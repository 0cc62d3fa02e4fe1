"""A prediction log of a test's own: a database that is real, and services that write to it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from support.service import Samples, samples_of, value_of
from support.worker import HOME, JSON, post, settings_for
from vigie.monitoring.publisher import exposition
from vigie.monitoring.snapshots import take_snapshot
from vigie.predictionlog.database import Database, migrate, open_database
from vigie.predictionlog.joins import Joiner
from vigie.predictionlog.metrics import FeedbackMetrics
from vigie.predictionlog.tables import predictions, truths
from vigie.predictionlog.writer import start_log_writer
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState
from vigie.settings import Settings

DEBIAN = Path("/usr/lib/postgresql")


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


def write_once(worker_state: WorkerState) -> None:
    """Spools what waits and writes it, as a worker and a log writer do that stop."""
    log, metrics = worker_state.prediction_log, worker_state.metrics
    log.start()
    log.close()
    writer = start_log_writer(worker_state.settings, metrics.prediction_log, metrics.feedback)
    writer.stop()
    # longer than a service that stops would wait: a busy machine is no fault of the log's
    writer.thread.join(60)
    assert not writer.thread.is_alive()


def join_all(database: Database, metrics: FeedbackMetrics, wait_seconds: float = 1e6) -> int:
    """Joins until nothing is left to join; how many truths that were."""
    joiner, joined = Joiner(database, metrics, wait_seconds), 0
    while found := joiner.join():
        joined += found
    return joined


def rows_of(settings: Settings) -> list[dict[str, Any]]:
    """The logged predictions, by request and row."""
    database = open_database(settings)
    with database.begin() as connection:
        asked = select(predictions).order_by(predictions.c.request_id, predictions.c.row)
        found = [dict(row._mapping) for row in connection.execute(asked)]
    database.close()
    return found


def outcome(worker_state: WorkerState, name: str) -> float:
    """How many rows a worker has counted under this outcome."""
    text, _ = exposition(take_snapshot(worker_state.metrics.registry), "")
    return value_of(samples_of(text.decode()), "vigie_prediction_log_rows_total", outcome=name)


class Desk:
    """A worker, its log, and a client that tells it what was true. Joins when it is told to."""

    def __init__(self, worker_state: WorkerState) -> None:
        self.worker_state = worker_state
        self.database = open_database(worker_state.settings)
        self.client: FlaskClient = create_app(worker_state=worker_state).test_client()

    def predict(self, request_id: str, *rows: Any, model: str = "housing") -> list[Any]:
        body = {"instances": rows or [HOME]}
        answer = post(self.worker_state, f"/predict/{model}", body, x_request_id=request_id)
        assert answer.headers["x-prediction-logged"] == "true"
        predicted: list[Any] = answer.json()["predictions"]
        return predicted

    def write(self) -> None:
        """Writes what waits, as a worker and a log writer do that stop."""
        write_once(self.worker_state)

    def tell(self, *items: Any) -> tuple[int, Any]:
        body = json.dumps(items[0] if len(items) == 1 else items)
        answer = self.client.post("/feedback", data=body, content_type=JSON)
        return answer.status_code, answer.get_json(force=True)

    def join(self, wait_seconds: float = 1e6) -> int:
        return join_all(self.database, self.worker_state.metrics.feedback, wait_seconds)

    def count(self, outcome: str, **labels: str) -> float:
        return value_of(self.samples(), "vigie_feedback_total", outcome=outcome, **labels)

    def samples(self) -> Samples:
        text, _ = exposition(take_snapshot(self.worker_state.metrics.registry), "")
        return samples_of(text.decode())

    def states(self) -> dict[tuple[str, int], str]:
        with self.database.begin() as connection:
            rows = connection.execute(select(truths))
            return {(row.request_id, row.row): row.state for row in rows}


def truth(request_id: str, actual: Any, row: int = 0) -> dict[str, Any]:
    return {"request_id": request_id, "row": row, "actual": actual}


class Postgres:
    """A PostgreSQL server of its own, without a password, on a free port of this machine."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._account = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        programs = _programs()
        if programs is None:
            pytest.skip("PostgreSQL is not installed")
        self._programs = programs
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

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """The server neither answers nor goes away: each of its processes is stopped."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        master = psutil.Process(pid)
        processes = [master, *master.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._account, str(self._programs / program), *arguments],
            check=True, timeout=60, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip


def _programs() -> Path | None:
    """Where PostgreSQL's programs are: Debian has a folder for each version, none on the path."""
    found = shutil.which("initdb")
    # some of them may be on the path by links, all of them are where those lead
    return Path(found).resolve().parent if found else max(DEBIAN.glob("*/bin"), default=None)


def microseconds() -> int:
    """The time now as the log has it."""
    return time.time_ns() // 1000
