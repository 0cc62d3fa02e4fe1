"""A real MLflow server of the project's own environment, for the time of a test."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import requests

from support.ports import free_port
from support.waiting import wait_until
from vigie.registry.client import RegistryClient

DEFAULT_EXPERIMENT = "0"
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

    def empty(self) -> None:
        """Deletes every registered model, and every experiment under a name nobody asks for."""
        for model in self._ask("registered-models/search").get("registered_models", ()):
            self._ask("registered-models/delete", "DELETE", name=model["name"])
        found = self._ask("experiments/search", "POST", max_results=1000)
        for experiment in found.get("experiments", ()):
            which = experiment["experiment_id"]
            if which != DEFAULT_EXPERIMENT:
                self._ask("experiments/update", "POST", experiment_id=which, new_name=uuid4().hex)
                self._ask("experiments/delete", "POST", experiment_id=which)

    def _ask(self, route: str, method: str = "GET", **content: object) -> dict[str, Any]:
        answer = requests.request(
            method, f"{self.url}/api/2.0/mlflow/{route}", json=content or None, timeout=60
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


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
        wait_until(lambda: client.healthy() or server.poll() is not None, 600)
        assert server.poll() is None, (folder / "log").read_text()
        yield RealMlflow(url, psutil.Process(server.pid))
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
