"""The part of the Compose stack that answers photos: gateway, one replica, database, Prometheus.

Callers need keys. The models lie in the cache as `model-sync` leaves them; nothing is trained.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import requests

from support.compose import ROOT, Stack, stack
from vigie.registry.cache import ModelCache

SERVICES = ("ml-app", "gateway", "prometheus")
CHANGES = """
services:
  ml-app:
    environment: {VIGIE_API_KEYS: /run/keys/keys.jsonl, VIGIE_MODELS: "@models@"}
    volumes:
      - type: volume
        source: secrets
        target: /run/keys
        read_only: true
        volume: {subpath: apikeys}
"""
ENGINE = "/var/run/docker.sock"


class PhotoStack:
    """A running stack, its key, and where its gateway and its one replica listen."""

    def __init__(self, running: Stack) -> None:
        self.stack = running
        shown = running.compose("run", "--rm", "-T", "--no-deps", "apikeys", "add", "tests").stdout
        (self.key,) = (word for word in shown.split() if word.startswith("vig_"))
        (self.replica,) = running.containers("ml-app")
        networks = running.inspect(self.replica)["NetworkSettings"]["Networks"]
        self.gateway_address = ("127.0.0.1", running.port)
        self.replica_address = (networks[f"{running.name}_app"]["IPAddress"], 5000)

    def post(
        self, path: str, content: bytes, media_type: str, address: tuple[str, int] | None = None
    ) -> requests.Response:
        """A request with the key, through the gateway or to another address."""
        host, port = address or self.gateway_address
        headers = {"X-Api-Key": self.key, "Content-Type": media_type}
        return requests.post(f"http://{host}:{port}{path}", content, headers=headers, timeout=60)


@contextmanager
def photo_stack(folder: Path, cache: ModelCache) -> Iterator[PhotoStack]:
    """The stack with a copy of this cache; `folder` is a place for a file. All gone at the end."""
    changes = folder / "changes.yml"
    changes.write_text(CHANGES.replace("@models@", ",".join(cache.models())))
    with stack(files=(ROOT / "docker-compose.yml", changes)) as running:
        running.compose("run", "--rm", "-T", "mlflow-migrate")
        copy = ("--entrypoint", "cp", "model-sync", "-r", "/given/.", "/var/cache/vigie")
        running.compose("run", "--rm", "-T", "--no-deps", "-v", f"{cache.folder}:/given:ro", *copy)
        running.compose("up", "--detach", "--wait", "--wait-timeout", "90", "--no-deps", *SERVICES)
        yield PhotoStack(running)


def container_memory(container: str) -> int:
    """What a container takes, bytes: as `docker stats` counts it, without files read long ago."""
    connection = http.client.HTTPConnection("docker", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(ENGINE)
    try:
        connection.request("GET", f"/containers/{container}/stats?stream=false&one-shot=true")
        found = json.loads(connection.getresponse().read())["memory_stats"]
    finally:
        connection.close()
    details = found["stats"]
    unused = details.get("total_inactive_file", details.get("inactive_file", 0))
    return int(found["usage"]) - int(unused)


class PeakMemory:
    """Looks at a container's memory all the time, bytes."""

    def __init__(self, container: str) -> None:
        self._container = container
        self._stop = threading.Event()
        self.before = self.peak = container_memory(container)
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            self.peak = max(self.peak, container_memory(self._container))
            self.looks += 1

    @property
    def grown(self) -> int:
        """By how much it was above what it was at first, at most."""
        return self.peak - self.before


def open_to_all(folder: Path) -> None:
    """Lets every user read what lies in a folder of pytest's, which are for its own user alone."""
    for path in (folder.parents[1], folder.parent, folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
