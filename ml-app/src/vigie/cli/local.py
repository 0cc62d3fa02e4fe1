"""`vigie run`: the whole of Vigie on one machine without Docker."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
import requests

from vigie.cli.local_prometheus import PORT as PROMETHEUS_PORT
from vigie.cli.local_prometheus import prometheus_command
from vigie.errors import ConfigurationError, RegistryError, VigieError
from vigie.recipes.shipped import missing_models
from vigie.registry.cache import ModelCache
from vigie.registry.client import RegistryClient
from vigie.serving.ports import require_free_port

if TYPE_CHECKING:
    from vigie.settings import Settings

FREE_BYTES = 500 * 2**20
MLFLOW_START_SECONDS = 120
READY_SECONDS = 90
STOP_SECONDS = 10


class _Stopped(BaseException):
    """The user asked to stop."""


@dataclass
class _Processes:
    """The processes of the stack, in the order in which they were started."""

    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    spare: set[str] = field(default_factory=set)
    """Those whose end is no reason to stop the others."""

    def start(self, name: str, command: list[str], log: Path | None = None) -> None:
        """Starts a process in a session of its own; its lines go to `log`, else to the terminal."""
        output = log.open("ab") if log else None
        # its own session: Ctrl-C reaches this process alone, which stops the others in order
        self.running[name] = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, env=_environment()
        )

    def ended(self) -> str | None:
        """The name of a needed process that has ended by itself, if one has."""
        needed = ((n, p) for n, p in self.running.items() if n not in self.spare)
        return next((name for name, process in needed if process.poll() is not None), None)

    def stop(self) -> None:
        """Stops all, the last started first; what does not stop in time is killed."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def run(settings: Settings, root: Path, say: Callable[[str], None]) -> None:
    """Starts MLflow, trains what is missing, follows the registry and serves until told to stop."""
    mlflow_port = urlsplit(settings.mlflow_url).port or 80
    _check_ground(settings, root, mlflow_port)
    processes = _Processes()
    previous = {n: signal.signal(n, _stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        _start_mlflow(processes, root, mlflow_port, say)
        cache = ModelCache(settings.cache)
        # what the cache holds serves at once; MLflow takes longer to start than everything else
        cached = all(cache.champion(name) for name in settings.required_models)
        if cached:
            _start_service(processes, say)
        _await_mlflow(processes, settings)
        _train_missing(settings, say)
        if not cached:
            _start_service(processes, say)
        _await_ready(processes, settings)
        watched = _start_prometheus(processes, settings, root)
        say(_welcome(settings, watched))
        while (ended := processes.ended()) is None:
            time.sleep(0.5)
        raise VigieError(f"the {ended} has stopped; its last lines say why")
    except _Stopped:
        say("\nStopping …")
    finally:
        for number in previous:
            signal.signal(number, signal.SIG_IGN)
        processes.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
    say("Stopped.")


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def _check_ground(settings: Settings, root: Path, mlflow_port: int) -> None:
    if not (root / "mlflow" / ".venv" / "bin" / "mlflow").exists():
        raise ConfigurationError("the MLflow environment is missing; start with `make run`")
    for port, name in (
        (settings.port, "make run PORT=5050"),
        (mlflow_port, "make run MLFLOW_PORT=5051"),
        (settings.metrics_port, "VIGIE_METRICS_PORT=9465 make run"),
    ):
        try:
            require_free_port("127.0.0.1", port, name)
        except ConfigurationError:
            hint = " (macOS: AirPlay holds it)" if port == 5000 and sys.platform == "darwin" else ""
            raise ConfigurationError(f"Port {port} is taken{hint}; try: {name}") from None
    if shutil.disk_usage(root).free < FREE_BYTES:
        raise ConfigurationError("the disk is full: 500 MB must be free for models and runs")


def mlflow_command(root: Path, port: int) -> list[str]:
    """What starts the tracking server of this checkout."""
    return [str(root / "tools" / "mlflow"), str(port)]


def _start_mlflow(processes: _Processes, root: Path, port: int, say: Callable[[str], None]) -> None:
    store = root / "mlflow" / "mlruns"
    logs = root / "var" / "log"
    try:
        for folder in (store, logs):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise ConfigurationError(f"the checkout cannot be written ({failure.strerror})") from None
    say(f"Starting MLflow on port {port} …")
    processes.start("MLflow server", mlflow_command(root, port), logs / "mlflow.log")


def _await_mlflow(processes: _Processes, settings: Settings) -> None:
    client = RegistryClient.of(settings)
    deadline = time.monotonic() + MLFLOW_START_SECONDS
    while not client.healthy():
        if processes.ended() or time.monotonic() > deadline:
            raise RegistryError("MLflow did not start; see var/log/mlflow.log")
        time.sleep(0.2)


def _start_service(processes: _Processes, say: Callable[[str], None]) -> None:
    say("Starting the service …")
    vigie = [sys.executable, "-m", "vigie"]
    processes.start("model-sync", [*vigie, "follow"])
    processes.start("importer", [*vigie, "importer"])
    processes.start("service", [*vigie, "serve"])


def _start_prometheus(processes: _Processes, settings: Settings, root: Path) -> bool:
    command = prometheus_command(settings, root)
    if command is not None:
        processes.spare.add("Prometheus")
        processes.start("Prometheus", command, root / "var" / "log" / "prometheus.log")
    return command is not None


def _train_missing(settings: Settings, say: Callable[[str], None]) -> None:
    missing = missing_models(settings)
    if not missing:
        return
    say(f"Training {' and '.join(missing)}: the registry has none yet.")
    command = [sys.executable, "-m", "vigie", "bootstrap"]
    process = subprocess.Popen(command, env=_environment(), start_new_session=True)
    try:
        code = process.wait()
    except _Stopped:
        process.terminate()
        process.wait()
        raise
    if code:
        raise VigieError("the training failed; its last lines say why")


def _await_ready(processes: _Processes, settings: Settings) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        if ended := processes.ended():
            raise VigieError(f"the {ended} has stopped; its last lines say why")
        try:
            if requests.get(f"http://127.0.0.1:{settings.port}/readyz", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        if time.monotonic() > deadline:
            raise VigieError(
                "the service is not ready; `vigie status` and its log say which model is missing"
            )
        time.sleep(0.2)


def _welcome(settings: Settings, watched: bool = False) -> str:
    base = f"http://localhost:{settings.port}"
    prometheus = f"\n  Prometheus     http://localhost:{PROMETHEUS_PORT}" if watched else ""
    return f"""
Vigie is ready.

  form           {base}
  API            {base}/docs
  status         {base}/status
  MLflow         {settings.mlflow_public_url}
  metrics        http://localhost:{settings.metrics_port}/metrics{prometheus}

  {_first_call(settings, base)}

Ctrl-C stops everything.
"""


def _first_call(settings: Settings, base: str) -> str:
    if settings.api_keys:
        return "Callers need a key, and the pages too: vigie apikey add NAME"
    description = requests.get(f"{base}/openapi.json", timeout=5).json()
    # the worker that answers may not have loaded the first model yet
    path = next(path for path in description["paths"] if path.startswith("/predict"))
    body = description["paths"][path]["post"]["requestBody"]["content"]
    example = orjson.dumps(body["application/json"]["example"]).decode()
    return f"curl -s {base}{path} -H 'Content-Type: application/json' -d '{example}'"
