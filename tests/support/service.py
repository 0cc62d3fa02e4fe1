"""A real service in processes of its own, and the samples of its metrics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import psutil
import requests
from prometheus_client.parser import text_string_to_metric_families

from support import constants
from support.ports import free_port
from support.transport import Answer
from support.waiting import wait_until
from support.worker import JSON

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Value by sample name and sorted labels."""


class LiveService:
    """`vigie serve`, or another server of ours, in processes of its own on free ports."""

    def __init__(self, folder: Path, cache: Path, **environment: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.log = folder / "service.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._family: list[psutil.Process] = []
        self._environment = {
            **{name: value for name, value in os.environ.items() if name[:6] != "VIGIE_"},
            "VIGIE_CACHE": str(cache),
            "VIGIE_STATE": str(folder / "state"),
            "VIGIE_MODELS": "housing,iris",
            "VIGIE_PORT": str(self.port),
            "VIGIE_METRICS_PORT": str(self.metrics_port),
            "VIGIE_WORKERS": "2",
            "VIGIE_GRACEFUL_TIMEOUT_SECONDS": "5",
            **environment,
        }

    def start(self, *command: str) -> None:
        """Starts `vigie serve`, or `python command…`."""
        serve = ("-m", "vigie", "serve")
        if constants.VARIABLE in self._environment:
            serve = ("-P", constants.__file__, "serve")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *(command or serve)],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Returns when `/readyz` says so."""
        wait_until(lambda: self._runs() and self.is_ready)

    def _runs(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        return True

    @property
    def is_ready(self) -> bool:
        try:
            return self.get("/readyz").status == 200
        except requests.RequestException:
            return False

    @property
    def master(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def publisher(self) -> psutil.Process | None:
        """The child that listens on the metrics port."""
        listening = (c for c in self.master.children() if _listens(c, self.metrics_port))
        return next(listening, None)

    @property
    def workers(self) -> list[psutil.Process]:
        """The children that serve."""
        return [child for child in self.master.children() if _listens(child, self.port)]

    @property
    def log_writer(self) -> psutil.Process | None:
        """The child that writes the prediction log."""
        others = {self.publisher, *self.workers}
        return next((c for c in self.master.children() if c not in others and _runs(c)), None)

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        url = f"http://127.0.0.1:{self.port}{path}"
        said = requests.request(
            method, url, data=body or None, headers=headers, timeout=60, allow_redirects=False
        )
        headers = {name.lower(): value for name, value in said.headers.items()}
        return Answer(said.status_code, headers, said.content)

    def get(self, path: str) -> Answer:
        """The answer to a GET."""
        return self.ask("GET", path)

    def predict(self, model: str, *rows: Mapping[str, Any], **headers: str) -> Answer:
        """The answer to rows."""
        body = orjson.dumps({"instances": rows})
        return self.ask("POST", f"/predict/{model}", body, {"Content-Type": JSON, **headers})

    def samples(self) -> Samples:
        """All samples of the metrics port; empty while it is away."""
        try:
            said = requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60)
        except requests.RequestException:
            return {}
        return samples_of(said.text)

    def wait(self) -> int:
        """The exit code of a service that ends by itself."""
        assert self._process is not None
        return self._process.wait(60)

    def stop(self) -> int:
        """Ends it with SIGTERM, as a machine does, and gives its exit code."""
        process = self._process
        assert process is not None
        self._family = self.master.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    @property
    def orphans(self) -> list[psutil.Process]:
        """The processes that outlived `stop`."""
        return [child for child in self._family if child.is_running()]

    def clean_up(self) -> None:
        """Ends whatever is left of it."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self._family = self.master.children(recursive=True)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _, left = psutil.wait_procs(self._family, timeout=5)
        for child in left:
            child.kill()


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        return any(
            found.status == psutil.CONN_LISTEN and found.laddr.port == port
            for found in process.net_connections("tcp")
        )
    except psutil.Error:
        return False


def samples_of(text: str) -> Samples:
    """The samples of a metrics text."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value_of(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a metric over the series that have these labels; 0 where there is none."""
    wanted = set(labels.items())
    return sum(
        value for (found, has), value in samples.items() if found == name and wanted <= set(has)
    )


MakeService = Callable[..., LiveService]
"""What the fixture `make_service` gives: a service that is not started yet, with settings."""
