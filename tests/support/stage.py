"""A service, model-sync and a registry that misbehaves, all real but the last."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import psutil

from support.fake_mlflow import FakeMlflow, http_server
from support.openloop import Figures, ask_at, request_of
from support.packages import (
    HOUSING_ROWS,
    IRIS_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    iris_graph,
    write_package,
)
from support.service import LiveService
from support.worker import HOME
from vigie.models.manifest import verify_manifest, write_manifest
from vigie.registry.cache import ModelCache

RATE, CONNECTIONS, LONGEST_SECONDS = 300.0, 16, 600.0
PADDING = 64 * 1024


class Registry:
    """The fake of MLflow on a port of its own, with test packages; it goes away and comes back."""

    def __init__(self, folder: Path) -> None:
        self.mlflow = FakeMlflow()
        self.digests: set[str] = set()
        self._folder = folder
        self._server = contextlib.ExitStack()
        self.come_back()
        self.url = self.mlflow.url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def go_away(self) -> None:
        """Closes the port: connections are refused."""
        self._server.close()

    def come_back(self) -> None:
        """Answers again, under the same address."""
        port = self.port if self.mlflow.url else 0
        self.mlflow.url = self._server.enter_context(http_server(self.mlflow.answer, port))

    def package(self, name: str, version: str, factor: float = 1.0) -> tuple[Path, str]:
        """Writes a package that is not registered yet; gives its folder and its digest."""
        root = self._folder / f"{name}-{version}"
        if name == "iris":
            document = {**iris_document(), "metrics": {"factor": factor}}
            write_package(root, document, iris_graph(), IRIS_ROWS)
        else:
            document = housing_document(name, factor)
            write_package(root, document, housing_graph(factor), HOUSING_ROWS)
        # as large as a small model: at 1 kB a second it takes more than a minute
        (root / "README.md").write_bytes(version.encode() * PADDING)
        digest = write_manifest(root)
        self.digests.add(digest)
        return root, digest

    def register(
        self, name: str, version: str, factor: float = 1.0, alias: str | None = "champion"
    ) -> str:
        """Registers a version, the better the higher its number; gives its digest."""
        root, digest = self.package(name, version, factor)
        tags = {"error": str(1 / float(version)), "error_metric": "mae", "held_out_sha256": "a"}
        self.mlflow.register(name, version, root, digest, alias, **tags)
        return digest


class RegistryProcess:
    """`vigie follow` in a process of its own."""

    def __init__(self, folder: Path, cache: Path, url: str, **environment: str) -> None:
        self._log = folder / "registry.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name[:6] != "VIGIE_"},
            "VIGIE_CACHE": str(cache),
            "VIGIE_MLFLOW_URL": url,
            "VIGIE_AUDIT_LOG": str(folder / "audit.log"),
            "VIGIE_MODELS": "housing,iris",
            "VIGIE_IMPORT": "off",
            **environment,
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vigie", "follow"],
                env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self._process.pid)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def vigie(self, *command: str) -> None:
        """Runs another command of `vigie` in the same environment."""
        subprocess.run(
            [sys.executable, "-m", "vigie", *command],
            env=self.environment, check=True, timeout=60, capture_output=True,
        )  # fmt: skip

    def stop(self) -> None:
        """Ends it as a machine does; it must do so by itself, soon and well."""
        self._process.send_signal(signal.SIGTERM)
        try:
            assert self._process.wait(60) == 0, self.log
        finally:
            self._process.kill()


Follow = Callable[..., RegistryProcess]


def start(service: LiveService) -> None:
    """Starts it and waits until it serves."""
    service.start()
    service.wait_ready()


class Load:
    """Predictions at an even pace, whatever happens; `figures` are there after the block."""

    def __init__(self, service: LiveService, model: str = "housing", rate: float = RATE) -> None:
        self.figures = Figures()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        request = request_of(model, HOME)
        self._asked = self._pool.submit(
            ask_at, service.port, request, rate, LONGEST_SECONDS, CONNECTIONS, self._stop
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.figures = self._asked.result(30)
        self._pool.shutdown()

    def all_answered(self) -> bool:
        """True where every request was sent, answered and served."""
        return self.figures.lost == 0 and set(self.figures.statuses) == {200}


def seconds_until(holds: Any, longest: float) -> float:
    """How long it takes until `holds()`; fails where that is longer than `longest` seconds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < longest, "it did not come true in time"
        time.sleep(0.05)
    return time.monotonic() - began


def version_in(cache: ModelCache, name: str = "housing") -> str | None:
    """The version that the cache points to, each of its bytes as registered."""
    found = cache.champion(name)
    if found is None:
        return None
    verify_manifest(found.root, found.digest)
    return found.version


def serving(service: LiveService, name: str = "housing") -> set[str]:
    """The versions that some tries find; both workers are asked with near certainty."""
    return {service.get(f"/v1/models/{name}").json()["version"] for _ in range(12)}


@contextlib.contextmanager
def silent_host(port: int = 0) -> Iterator[SilentHost]:
    """A host that takes connections and never says a word."""
    host = SilentHost(port)
    try:
        yield host
    finally:
        host.close()


class SilentHost:
    """Knows when each connection began, and when its caller gave up."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self.began: list[float] = []
        self.waited: list[float] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._listen, args=(caller,)))
                self._threads[-1].start()

    def _listen(self, caller: socket.socket) -> None:
        began = time.monotonic()
        self.began.append(began)
        caller.settimeout(60)
        with caller, contextlib.suppress(OSError):
            while caller.recv(4096):
                pass
        self.waited.append(time.monotonic() - began)

    def hang_up(self) -> None:
        """Takes no more connections; those that are open stay open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """Ends everything."""
        self.hang_up()
        for thread in self._threads:
            thread.join(60)
