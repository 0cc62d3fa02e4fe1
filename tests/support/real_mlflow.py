"""A real MLflow server of the project's own environment, for the time of a test."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from support.ports import free_port
from vigie.registry.client import RegistryClient

MLFLOW = Path(__file__).parents[2] / "mlflow" / ".venv" / "bin" / "mlflow"


@dataclass(frozen=True, slots=True)
class RealMlflow:
    """A running server: its address and its process."""

    url: str
    process: psutil.Process

    def seconds(self) -> float:
        """The processor time that it and its children have used."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)


@contextlib.contextmanager
def real_mlflow(folder: Path, *options: str, **environment: str) -> Iterator[RealMlflow]:
    """Starts `mlflow server` on a free port with its SQLite and its artifacts in `folder`."""
    if not MLFLOW.exists():
        pytest.skip("mlflow/.venv is missing; `make test` makes it")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                str(MLFLOW), "server", "--host", "127.0.0.1", "--port", str(port),
                "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
                "--artifacts-destination", f"{folder}/artifacts", "--workers", "1", *options,
            ],
            stdout=log,
            stderr=log,
            env={
                "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **environment
            },
        )  # fmt: skip
    try:
        client = RegistryClient(url, 5)
        deadline = time.monotonic() + 120
        while not client.healthy():
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield RealMlflow(url, psutil.Process(server.pid))
    finally:
        server.terminate()
        server.wait(20)
