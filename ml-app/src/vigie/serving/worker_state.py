"""What one worker is made of, wired together once and handed to the transports."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import platform
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import vigie
from vigie.monitoring.publisher import exposition
from vigie.monitoring.replicas import ReplicaFolder
from vigie.monitoring.snapshots import (
    SnapshotFolder,
    merge,
    snapshot_path,
    take_snapshot,
    write_snapshot,
)
from vigie.predictionlog.log import PredictionLog
from vigie.serving.metrics import Metrics
from vigie.serving.pipeline import Pipeline
from vigie.serving.runtime.growth import grow_without_copies
from vigie.serving.runtime.manager import ModelManager

if TYPE_CHECKING:
    from vigie.monitoring.snapshots import Family
    from vigie.registry.cache import ModelCache
    from vigie.settings import Settings

log = logging.getLogger("vigie.serving")

SNAPSHOT_SECONDS = 1.0
SNAPSHOT_SHARE = 0.01
"""The most of a core that snapshots take: those of very many models come less often."""
LAST_SNAPSHOT_SECONDS = 5.0
WATCH_SECONDS = 1.0
SWITCH_SECONDS = 0.0005


def snapshot_folder(settings: Settings) -> Path:
    """Where the workers of this service leave their snapshots."""
    return settings.state / "metrics"


def history_file(settings: Settings) -> Path:
    """Where publishers keep the last minutes; outside the folder that a start empties."""
    return (settings.status_folder or settings.state) / "history.json"


def replica_folder(settings: Settings) -> ReplicaFolder | None:
    """Where all replicas leave their figures; `None` where they share no folder."""
    return ReplicaFolder(settings.status_folder) if settings.status_folder else None


def registry_families(cache: ModelCache) -> list[Family]:
    """What model-sync noted in the cache, as metric families."""
    state = cache.registry_state()
    refused = [
        ["vigie_model_reloads_total", {"model": name, "outcome": "refused"}, float(count)]
        for name, count in state.refusals.items()
    ]
    return [
        {
            "name": "vigie_registry_last_success_timestamp_seconds",
            "help": "When the registry last answered; 0 before the first time.",
            "type": "gauge",
            "merge": "max",
            "samples": [["vigie_registry_last_success_timestamp_seconds", {}, state.last_success]],
        },
        {
            "name": "vigie_model_reloads",
            "help": "Changes of the serving version, by outcome.",
            "type": "counter",
            "samples": refused,
        },
    ]


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The parts of one worker."""

    settings: Settings
    metrics: Metrics
    manager: ModelManager
    pipeline: Pipeline
    stop: threading.Event
    last_words: list[threading.Thread] = field(default_factory=list)
    """The threads that have something to write after the stop."""

    @property
    def prediction_log(self) -> PredictionLog:
        """Where answered predictions and truths go."""
        return self.pipeline.prediction_log

    def families(self) -> list[Family]:
        """The metrics of all workers; of this one alone where nothing adds them up."""
        total = SnapshotFolder(snapshot_folder(self.settings)).total()
        counted = total or take_snapshot(self.metrics.registry)
        return merge([counted, registry_families(self.manager.cache)])

    def families_of_all(self) -> tuple[list[Family], int]:
        """The metrics of all replicas, to ten seconds, and how many these are.

        Those of this one alone, and 0, where replicas share no folder or none has written yet.
        """
        shared = replica_folder(self.settings)
        replicas = 0 if shared is None else shared.count()
        if shared is None or not replicas:
            return self.families(), 0
        return merge([shared.total(), registry_families(self.manager.cache)]), replicas

    def metrics_text(self, accept: str) -> tuple[bytes, str]:
        """These metrics as text, and its media type."""
        return exposition(self.families(), accept)

    def start(self) -> None:
        """Loads what the cache holds, then follows it and writes snapshots in the background."""
        self.metrics.workers.set(1)
        self.metrics.build_info.labels(vigie.__version__, platform.python_version()).set(1)
        self.metrics.links_info.labels(self.settings.mlflow_public_url.rstrip("/")).set(1)
        self.manager.refresh()
        if any(slot.live and slot.live.images for slot in self.manager.slots.values()):
            # Flask's late start and a first photo would else import the same at once, in two
            # threads, and one of them would find a module that is half there
            importlib.import_module("vigie.serving.dialects.uploads")
        self.prediction_log.start()
        # a thread that computes gives way to the loop after this long, not after Python's 5 ms
        sys.setswitchinterval(SWITCH_SECONDS)
        grow_without_copies()
        for work in (self._follow, self._write_snapshots, self._watch_models):
            thread = threading.Thread(target=work, name=work.__name__, daemon=True)
            thread.start()
            if work == self._write_snapshots:
                self.last_words.append(thread)

    def close(self) -> None:
        """Stops the background work; what was answered goes to the log, what was counted out."""
        self.prediction_log.close()
        self.stop.set()
        for thread in self.last_words:
            # the process may end as soon as this returns, and its threads with it
            thread.join(LAST_SNAPSHOT_SECONDS)

    def _follow(self) -> None:
        self.manager.follow(self.stop)

    def _write_snapshots(self) -> None:
        folder = snapshot_folder(self.settings)
        path = snapshot_path(folder) if folder.is_dir() else None
        took = 0.0
        while True:
            stopped = self.stop.wait(max(SNAPSHOT_SECONDS, took / SNAPSHOT_SHARE))
            began = time.thread_time()
            if path is None:
                # whether somebody asks or not, what was counted must not pile up
                take_snapshot(self.metrics.registry)
            else:
                # a full disk costs figures, never an answer
                with contextlib.suppress(OSError):
                    write_snapshot(path, self.metrics.registry)
            if stopped:
                return
            took = time.thread_time() - began

    def _watch_models(self) -> None:
        """Ends the worker where a model hangs: a thread cannot be ended, and none waits for it."""
        longest = self.settings.request_timeout_ms / 1000 + 1
        while not self.stop.wait(WATCH_SECONDS):
            for slot in self.manager.slots.values():
                if slot.busy_seconds() > longest:
                    log.error("%s has hung for %.0f s; this worker ends", slot.name, longest)
                    os.kill(os.getpid(), signal.SIGTERM)
                    return


def assemble(settings: Settings) -> WorkerState:
    """The parts of one worker, not yet started."""
    metrics = Metrics()
    manager = ModelManager(settings, metrics)
    prediction_log = PredictionLog(settings, metrics.prediction_log, metrics.feedback)
    pipeline = Pipeline(settings, manager, metrics, prediction_log)
    return WorkerState(settings, metrics, manager, pipeline, threading.Event())


def current_worker_state() -> WorkerState:
    """The parts of the worker that answers this request, for Flask's routes."""
    # a worker answers its first predictions before it needs Flask
    from flask import current_app

    worker_state: WorkerState = current_app.extensions["vigie"]
    return worker_state
