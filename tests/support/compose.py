"""A Compose stack of a test's own: own project, ports and volumes, on the real engine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from support.ports import free_ports

ROOT = Path(__file__).parents[2]
PORTS = (
    "PORT", "MLFLOW_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT", "HTTP_PORT",
    "HTTPS_PORT", "SPARK_PORT",
)  # fmt: skip
TAG = os.environ.get("VIGIE_TEST_TAG", "test")
"""Of the images that tests build: two checkouts on one engine have two."""
IMAGES = {
    "VIGIE_IMAGE": f"vigie-serve:{TAG}",
    "VIGIE_TRAINER_IMAGE": f"vigie-train:{TAG}",
    "VIGIE_MLFLOW_IMAGE": f"vigie-mlflow:{TAG}",
    "VIGIE_SPARK_IMAGE": f"vigie-spark:{TAG}",
    "VIGIE_LOAD_IMAGE": f"vigie-load:{TAG}",
}
STARTED_BY_UP = ("secrets", "mlflow-migrate", "trainer")
"""The services that build what `up` starts."""
ONE_SHOTS = ("secrets", "mlflow-migrate", "trainer", "receivers")
HEALTHY_SECONDS = 300
HOUSE = {
    "property_type": "apartment", "surface_m2": 54, "rooms": 3, "latitude": 43.36,
    "longitude": -1.77,
}  # fmt: skip
"""A row that the housing model of the recipe takes, wherever its data came from."""


def require_engine() -> None:
    """Skips where no engine answers, or where it has not the base images."""
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed: the tests of the Compose stack need it")
    if _docker("info", check=False).returncode:
        pytest.skip("no Docker engine answers: the tests of the Compose stack need one")
    for image in ("python:3.13-slim", "postgres:17", "haproxy:3.2.26"):
        if _docker("image", "inspect", image, check=False).returncode:
            pytest.skip(f"the image {image} is not on this machine: `docker pull {image}`")


def _docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=check)


class Stack:
    """The stack of a checkout. `environment` is what a user's `.env` says."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        files: Sequence[str | Path] = ("docker-compose.yml",),
        folder: Path = ROOT,
    ) -> None:
        self.folder = folder
        self.name = f"vigie-test-{secrets.token_hex(4)}"
        ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        self.environment = {
            **os.environ, "COMPOSE_PROJECT_NAME": self.name, **ports, **IMAGES,
            "COMPOSE_FILE": ":".join(map(str, files)), **(environment or {}),
        }  # fmt: skip

    def compose(
        self, *words: str, check: bool = True, seconds: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """`docker compose …` of this stack; an `AssertionError` with its words where it fails."""
        done = subprocess.run(
            ["docker", "compose", *words], cwd=self.folder, env=self.environment, timeout=seconds,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            logs = self.compose("logs", "--tail", "20", check=False).stdout
            raise AssertionError(f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}\n{logs}")
        return done

    def tool(self, name: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A script of `tools/` on this stack."""
        environment = {**self.environment, **more}
        return subprocess.run(
            [self.folder / "tools" / name, *words], cwd=self.folder, env=environment,
            timeout=900, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def config(self) -> dict[str, Any]:
        """The rendered configuration."""
        found: dict[str, Any] = json.loads(self.compose("config", "--format", "json").stdout)
        return found

    def services(self) -> list[str]:
        """What can be started: all but those whose image cannot be had, as Grafana's offline."""
        found = self.config()["services"]
        return [
            name
            for name, service in found.items()
            if "build" in service
            or not _docker("image", "inspect", service["image"], check=False).returncode
        ]

    def build(self, *services: str) -> None:
        """Builds the images of this checkout; a moment where they are built already."""
        self.compose("build", *(services or STARTED_BY_UP), seconds=1800)

    def up(self, *words: str, seconds: float = HEALTHY_SECONDS) -> None:
        """Brings everything up and waits until it is healthy."""
        self.compose("up", "--detach", "--wait", *words, *self.services(), seconds=seconds)

    def down(self) -> None:
        """Stops the stack and deletes its volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20", check=False)

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, ended ones too."""
        return self.compose("ps", "--all", "--quiet", "--orphans=false", service).stdout.split()

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine says of a container."""
        found: list[dict[str, Any]] = json.loads(_docker("inspect", container).stdout)
        return found[0]

    def health(self) -> dict[str, str]:
        """The health of every container; the state and exit code of those without."""
        lines = self.compose("ps", "--all", "--format", "json").stdout.splitlines()
        found = [json.loads(line) for line in lines]
        return {one["Name"]: one["Health"] or f"{one['State']} {one['ExitCode']}" for one in found}

    def await_healthy(self, seconds: float = 120) -> float:
        """Waits until everything is well again, and says how long that took."""
        began, states = time.monotonic(), {}
        while time.monotonic() - began < seconds:
            states = self.health()
            if set(states.values()) <= {"healthy", "exited 0", "running 0"}:
                return time.monotonic() - began
            time.sleep(0.5)
        raise AssertionError(f"not healthy after {seconds:.0f} s: {states}")

    def reaches(self, service: str, host: str, port: int) -> bool:
        """Whether a service's container can connect to an address."""
        ask = f"exec 3<>/dev/tcp/{host}/{port}"
        words = ("exec", "-T", service, "timeout", "3", "bash", "-c", ask)
        return self.compose(*words, check=False).returncode == 0

    @property
    def port(self) -> int:
        """Of the gateway."""
        return int(self.environment["PORT"])

    @property
    def url(self) -> str:
        """Of the gateway."""
        return f"http://127.0.0.1:{self.port}"

    def predict(self, model: str, row: Mapping[str, object], **headers: str) -> requests.Response:
        """A prediction for one row, through the gateway."""
        url = f"{self.url}/predict/{model}"
        return requests.post(url, json={"instances": [row]}, headers=headers, timeout=20)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The answer of Prometheus to an instant query."""
        url = f"http://127.0.0.1:{self.environment['PROMETHEUS_PORT']}/api/v1/query"
        answer = requests.get(url, params={"query": expression}, timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found


@contextmanager
def stack(
    environment: Mapping[str, str] | None = None,
    files: Sequence[str | Path] = ("docker-compose.yml",),
    folder: Path = ROOT,
) -> Iterator[Stack]:
    """A stack that is gone, volumes and all, at the end."""
    require_engine()
    made = Stack(environment, files, folder)
    made.build()
    try:
        yield made
    finally:
        made.down()
