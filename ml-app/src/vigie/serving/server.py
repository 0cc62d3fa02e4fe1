"""`vigie serve`: gunicorn with one worker per core, and the processes beside its workers."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from vigie.errors import ConfigurationError
from vigie.monitoring.history import History
from vigie.monitoring.publisher import publish
from vigie.monitoring.snapshots import SnapshotFolder
from vigie.registry.cache import ModelCache
from vigie.serving.auth.apikeys import read_keys
from vigie.serving.companions import Companion, Companions
from vigie.serving.ports import require_free_port
from vigie.serving.routing import TEMPLATES
from vigie.serving.worker_state import (
    assemble,
    history_file,
    registry_families,
    replica_folder,
    snapshot_folder,
)
from vigie.serving.wsgi import LateApp

if TYPE_CHECKING:
    from vigie.serving.worker_state import WorkerState
    from vigie.serving.wsgi import WsgiApp
    from vigie.settings import Settings

    CreateApp = Callable[[WorkerState], WsgiApp]

WORKER = "vigie.serving.http.worker.Worker"


def serve(settings: Settings, create_app: CreateApp, companions: Sequence[Companion] = ()) -> None:
    """Serves until it is told to stop. A taken port or folder is a `ConfigurationError`.

    `create_app` makes the application of a worker for whatever is no prediction; `companions` run
    beside the workers, each in a process of its own that is started again where it ends.
    """
    require_free_port(settings.host, settings.port, "VIGIE_PORT")
    require_free_port(settings.metrics_host, settings.metrics_port, "VIGIE_METRICS_PORT")
    try:
        (settings.state / "heartbeat").mkdir(parents=True, exist_ok=True)
        SnapshotFolder(snapshot_folder(settings)).clear()
    except OSError as failure:
        raise ConfigurationError(
            f"VIGIE_STATE: the folder cannot be written ({failure.strerror})"
        ) from None
    if settings.api_keys:
        read_keys(settings.api_keys)
    _prepare_for_forks(settings)
    beside = Companions([*_own_companions(settings), *companions])
    _Application(settings, create_app, beside).run()


def _own_companions(settings: Settings) -> list[Companion]:
    def publish_metrics(master: int) -> None:
        cache = ModelCache(settings.cache)
        folder = SnapshotFolder(snapshot_folder(settings))
        publish(
            folder, settings.metrics_host, settings.metrics_port,
            lambda: registry_families(cache), History(history_file(settings), TEMPLATES),
            parent=master, replicas=replica_folder(settings),
        )  # fmt: skip

    def write_log(master: int) -> None:
        from vigie.predictionlog.writer import run_log_writer

        run_log_writer(settings, snapshot_folder(settings), master)

    publisher = Companion("publisher of the metrics", publish_metrics)
    if settings.prediction_log == "off":
        return [publisher]
    return [publisher, Companion("writer of the prediction log", write_log)]


def _prepare_for_forks(settings: Settings) -> None:
    """Imports what every worker needs, so that they share it; loads no model, no database's tools.

    Frozen objects are never touched by a worker's garbage collector, so their pages stay shared.
    No engine is among them: ONNX Runtime starts a thread that a fork loses, and aborts at exit.
    """
    shared = ["uvloop", WORKER.rpartition(".")[0]]
    for module in shared:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()


class _Application(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured from the settings and from nothing else."""

    def __init__(self, settings: Settings, create_app: CreateApp, companions: Companions) -> None:
        self._settings = settings
        self._create_app = create_app
        self._companions = companions
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        for name, value in {
            "bind": f"{host}:{settings.port}",
            "workers": settings.workers,
            "worker_class": WORKER,
            "worker_tmp_dir": str(settings.state / "heartbeat"),
            "graceful_timeout": settings.graceful_timeout_seconds,
            "timeout": 60,
            "keepalive": settings.keepalive_seconds,
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": _Log,
            "proc_name": "vigie",
            "when_ready": self._companions.start,
            "on_exit": self._companions.stop,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> tuple[WorkerState, LateApp]:
        """What a worker serves: its parts, the models loaded, and the application for the rest."""
        worker_state = assemble(self._settings)
        worker_state.start()
        app = LateApp(lambda: _create(worker_state, self._create_app))
        if not self._settings.fast_lane:
            app.make()
        return worker_state, app


def _create(worker_state: WorkerState, create_app: CreateApp) -> WsgiApp:
    app = create_app(worker_state)
    # what came with Flask would else be gone through at each swap, with the loop held up
    gc.freeze()
    return app


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's log, whose lines go the way of all others."""

    def setup(self, cfg: Any) -> None:
        """Takes gunicorn's own handlers away."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
